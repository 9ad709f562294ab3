package obo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

const (
	// earlyExpiry is how long before its expiry a token is forgotten: whoever
	// gets it still has to use it.
	earlyExpiry = 5 * time.Minute
	// clockSkew is how long after its expiry an assertion may still be accepted,
	// as Microsoft's own libraries do.
	clockSkew = 5 * time.Minute
)

// oneRetry is quick: a user is waiting. A server that asks for a longer pause
// is obeyed by giving up.
var oneRetry = httpx.Retry{Max: 1, Base: 250 * time.Millisecond, MaxDelay: 2 * time.Second}

// A grant is a successful answer.
type grant struct {
	token    string
	validFor time.Duration
}

// exchange asks Microsoft Entra ID for a token, twice if need be, and once more if
// another credential can take the place of one that was refused.
func (c *Client) exchange(ctx context.Context, tenant, assertion, claims string) (grant, *Error) {
	var replaced Credential // in place of one that was refused; zero: none was
	for n := 0; ; {
		granted, used, failure := c.attempt(ctx, tenant, assertion, claims, replaced)
		if failure == nil {
			return granted, nil
		}
		if failure.refusesCredential() && replaced == (Credential{}) {
			if other, ok := c.instead(ctx, used); ok {
				replaced = other
				continue
			}
		}
		wait, again := oneRetry.Delay(n, nil, c.now())
		wait = max(wait, failure.RetryAfter)
		if !failure.transient || !again || wait > oneRetry.MaxDelay || httpx.Sleep(ctx, wait) != nil {
			return grant{}, failure
		}
		n++
	}
}

// instead returns what to use in place of a credential that was refused, and
// whether there is anything else.
func (c *Client) instead(ctx context.Context, refused Credential) (Credential, bool) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout/2)
	defer cancel()
	other, failure := c.credential.current(ctx, refused)
	return other, failure == nil && other != refused
}

// attempt makes one request with a credential, or else with the current one, and
// returns which it was. MSAL's client is new each time, because it keeps every
// token that it ever got.
func (c *Client) attempt(ctx context.Context, tenant, assertion, claims string, used Credential) (grant, Credential, *Error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout/2)
	defer cancel()

	var failure *Error
	if used == (Credential{}) {
		if used, failure = c.credential.current(ctx, used); failure != nil {
			return grant{}, used, failure
		}
	}
	credential, err := used.build(c.now())
	if err != nil {
		return grant{}, used, &Error{Kind: httpx.KindMisconfigured, Err: fmt.Errorf("the credential %w", err)}
	}
	w := &wire{client: c, base: c.authority + "/" + tenant}
	app, err := confidential.New(w.base, c.clientID, credential,
		confidential.WithHTTPClient(w),
		// Otherwise MSAL would ask the public cloud about an authority that it
		// does not know, and send the credential where the answer points to.
		confidential.WithInstanceDiscovery(false),
		// Otherwise the environment variable MSAL_FORCE_REGION could do the same.
		confidential.WithAzureRegion("DisableMsalForceRegion"))
	if err != nil {
		return grant{}, used, &Error{Kind: httpx.KindMisconfigured, Err: errors.New("MSAL refused the configuration")}
	}
	var options []confidential.AcquireOnBehalfOfOption
	if claims != "" {
		options = append(options, confidential.WithClaims(claims))
	}
	_, err = app.AcquireTokenOnBehalfOf(ctx, assertion, c.scopes, options...)
	switch {
	case err == nil:
		return w.granted, used, nil
	case errors.As(err, &failure): // from the wire, or from a client assertion function
		return grant{}, used, failure
	default:
		// Never MSAL's own text: it repeats answers, tokens included.
		return grant{}, used, &Error{Kind: httpx.KindUnusable, Err: errors.New("MSAL refused the answer")}
	}
}

// rememberUntil returns when a token that expires at expires is forgotten: it must
// still be of use, and its assertion presentable.
func rememberUntil(expires time.Time, assertion string) time.Time {
	until := expires.Add(-earlyExpiry)
	if exp, ok := assertionExpiry(assertion); ok && exp.Add(clockSkew).Before(until) {
		until = exp.Add(clockSkew)
	}
	return until
}

// assertionExpiry reads the "exp" claim of a JWT. Nothing is verified: Microsoft
// Entra ID has just accepted the assertion, and all that hangs on it is how long
// a token is remembered.
func assertionExpiry(assertion string) (time.Time, bool) {
	_, rest, _ := strings.Cut(assertion, ".")
	payload, _, _ := strings.Cut(rest, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp float64 `json:"exp"` // RFC 7519: seconds, not necessarily whole
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Exp <= 0 || claims.Exp > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(claims.Exp), 0), true
}
