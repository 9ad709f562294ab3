package obo

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/lru"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// failureMemory is how long an answer is remembered that only the user or an
// administrator can change. It keeps a client that ignores the answer from
// reaching Microsoft Entra ID's loop detection (AADSTS50196), and is short
// enough not to be noticed by somebody who has just given consent.
const failureMemory = 30 * time.Second

const (
	// noDemands are the claims of somebody who wants another token, whatever it says.
	noDemands = "{}"
	// freshFor is how long the answer of an exchange counts as new to them. It keeps
	// a resource that refuses every token, or refuses one many times at once, from
	// causing an exchange with each request.
	freshFor = failureMemory
)

// A Client exchanges tokens for one application. It is safe for concurrent use,
// and meant to live as long as the process. Make one with [New].
type Client struct {
	clientID   string
	credential Credential
	authority  string // scheme and host
	scopes     []string
	http       *http.Client
	timeout    time.Duration
	now        func() time.Time
	log        *slog.Logger

	keyPrefix string
	cache     *lru.Cache[cacheKey, item]
	flights   flights
	telemetry telemetry
}

// Token returns an access token, for the scopes of [Config], that stands for the
// user whose access token assertion is. It is valid for at least five minutes
// more. The assertion must have been validated, and tenantID must be its "tid"
// claim: with "common" or another tenant's id, guests would get a token of the
// wrong tenant.
//
// claims is empty, unless the resource has refused the token of an earlier call
// with a claims challenge: then it is the challenge's JSON, decoded. The token
// that is remembered is dropped, and replaced by the new one. If the resource has
// refused the token without a challenge, claims is {}, which demands nothing and is
// not sent. Either way the answer of an exchange with the same claims, or of any for
// {}, is returned again for 30 seconds.
//
// The error is an [*Error]. If ctx ended, errors.Is(err, ctx.Err()) holds.
func (c *Client) Token(ctx context.Context, tenantID, assertion, claims string) (accessToken string, err error) {
	accessToken, err = c.token(ctx, tenantID, assertion, claims)
	if failure, ok := err.(*Error); ok {
		own := *failure // others get the same one, and it has fields that can be set
		return "", &own
	}
	return accessToken, err
}

func (c *Client) token(ctx context.Context, tenantID, assertion, claims string) (string, error) {
	if ctx.Err() != nil {
		return "", gone(ctx)
	}
	// The tenant becomes part of an address.
	if !syntax.IsGUID(tenantID) {
		return "", &Error{Kind: httpx.KindInvalidAssertion, Err: errors.New("the tenant id is not a GUID")}
	}
	if assertion == "" {
		return "", &Error{Kind: httpx.KindInvalidAssertion, Err: errors.New("the assertion is empty")}
	}
	tenant := strings.ToLower(tenantID)
	key := c.key(tenant, assertion)
	if claims == "" {
		known, ok := c.cache.Get(key)
		c.telemetry.lookup(ctx, ok)
		if ok {
			return known.answer(c.now())
		}
	} else {
		compact, ok := httpx.CompactClaims(claims)
		if !ok {
			return "", &Error{Kind: httpx.KindUnusable, Err: errors.New("the claims are not a JSON object in UTF-8 of at most 8 KiB, with each name once")}
		}
		if claims = compact; claims == noDemands {
			claims = ""
		}
		if known, ok := c.cache.Get(key); ok && known.isFresh(c.now()) && (claims == "" || claims == known.claims) {
			return known.answer(c.now())
		}
		c.cache.Delete(key)
	}
	return c.flights.join(ctx, flightKey{key, claims}, func() (string, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
		defer cancel()
		return c.refresh(ctx, key, tenant, assertion, claims)
	})
}

// refresh asks Microsoft Entra ID, unless somebody else just has, and remembers
// the answer.
func (c *Client) refresh(ctx context.Context, key cacheKey, tenant, assertion, claims string) (string, error) {
	if claims == "" {
		if known, ok := c.cache.Get(key); ok {
			return known.answer(c.now())
		}
	}
	// No assertion is empty, so this key is the tenant's own.
	throttle := c.key(tenant, "")
	if known, ok := c.cache.Get(throttle); ok {
		return known.answer(c.now())
	}

	var granted grant
	var failure *Error
	c.telemetry.exchange(ctx, func(ctx context.Context) *Error {
		granted, failure = c.exchange(ctx, tenant, assertion, claims)
		return failure
	})
	now := c.now()
	remember := c.cache.Add // rather keep an answer to a challenge, if one came in the meantime
	if claims != "" {
		remember = c.cache.Put
	}
	switch {
	case failure == nil:
		until := rememberUntil(now.Add(granted.validFor), assertion)
		remember(key, item{token: granted.token, claims: claims, since: now}, int64(len(granted.token)+len(claims)), until)
		return granted.token, nil
	case failure.Kind == httpx.KindThrottled && failure.RetryAfter > 0:
		if failure.isLoop() {
			throttle = key
		}
		c.cache.Put(throttle, item{failure: failure, until: now.Add(failure.RetryAfter)}, failure.size(),
			now.Add(min(failure.RetryAfter, maxRetryAfter)))
	case failure.lasting():
		remember(key, item{failure: failure, claims: claims, since: now}, failure.size()+int64(len(claims)), now.Add(failureMemory))
	}
	return "", failure
}

type cacheKey [sha256.Size]byte

// An item is what is remembered: a token, or why there is none.
type item struct {
	token   string
	failure *Error
	claims  string // that were sent for it
	since   time.Time
	until   time.Time // of a throttling: when Entra wants to be asked again
}

// isFresh reports whether an answer is so young that to ask again would yield the same.
// A clock that was set back says nothing of that.
func (i item) isFresh(now time.Time) bool {
	age := now.Sub(i.since)
	return 0 <= age && age < freshFor
}

func (i item) answer(now time.Time) (string, error) {
	switch {
	case i.failure == nil:
		return i.token, nil
	case i.until.IsZero():
		return "", i.failure
	}
	still := *i.failure
	still.RetryAfter = i.until.Sub(now)
	return "", &still
}

// key identifies what an exchange depends on. It is a hash so that the cache
// holds no assertions.
func (c *Client) key(tenant, assertion string) cacheKey {
	text := make([]byte, 0, 4<<10) // on the stack; longer assertions are rare
	text = append(text, c.keyPrefix...)
	text = append(text, tenant...)
	text = append(text, '\n')
	text = append(text, assertion...)
	return sha256.Sum256(text)
}

// keyPrefix is the part of a key that is the same for all exchanges of a client.
func keyPrefix(authority, clientID string, scopes []string) string {
	scopes = slices.Clone(scopes)
	for i := range scopes {
		scopes[i] = strings.ToLower(scopes[i])
	}
	slices.Sort(scopes)
	return authority + "\n" + clientID + "\n" + strings.Join(scopes, " ") + "\n"
}
