package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// A signIn signs in as the app, by client credentials (RFC 6749 section 4.4), to
// get access tokens for ACS.
type signIn struct {
	credential *credential
	authority  string
	clientID   string
	scope      string
	client     *authorityClient
}

// newSignIn returns the source of the tokens with which the server signs in to ACS:
// as the app, or as a managed identity, which needs no app for that. It is nil if c
// is. No network I/O is done.
func newSignIn(s *settings, c *credential, around surroundings, p *problems) *appTokens {
	switch {
	case c == nil:
		return nil // not needed, or reported already
	case c.identity != nil:
		return c.identity.tokensFor(s.acsEntraScope, s, around)
	}
	base, err := httpx.ParseBaseURL(s.authorityHost)
	if err != nil {
		p.addFirst("AZURE_AUTHORITY_HOST", "%v", err)
		return nil
	}
	app := &signIn{
		credential: c,
		authority:  base.String() + "/" + s.tenantID,
		clientID:   s.clientID,
		scope:      s.acsEntraScope,
		client:     &authorityClient{client: around.observe("entra").Client(httpx.Harden(around.client)), host: base.Host},
	}
	if _, err := app.msal(c.proofs.Current()); err != nil {
		if !p.has("AZURE_TENANT_ID") {
			p.addFirst("AZURE_AUTHORITY_HOST", "makes no authority together with AZURE_TENANT_ID") // MSAL repeats both
		}
		return nil
	}
	return &appTokens{of: "the app", acquire: app.acquire, timeout: s.upstreamTimeout, logger: around.logger}
}

// acquire asks Microsoft Entra ID for a token, and once more if another proof can
// take the place of one that was refused.
func (s *signIn) acquire(ctx context.Context) (appToken, error) {
	current := s.credential.proofs.Current()
	token, err := s.ask(ctx, current)
	var failed *signInError
	if errors.As(err, &failed) && failed.refusesProof {
		if other := s.credential.proofs.Instead(current); other != current {
			return s.ask(ctx, other)
		}
	}
	return token, err
}

func (s *signIn) ask(ctx context.Context, by *proof) (appToken, error) {
	app, err := s.msal(by)
	if err != nil {
		return appToken{}, &signInError{kind: httpx.KindMisconfigured, text: "MSAL refused the configuration"}
	}
	result, err := app.AcquireTokenByCredential(ctx, []string{s.scope})
	var failed *signInError
	switch {
	case err == nil:
		return appToken{result.AccessToken, result.ExpiresOn, result.Metadata.RefreshOn}, nil
	case errors.As(err, &failed):
		return appToken{}, failed
	default:
		// Never MSAL's own text: it repeats answers, tokens included.
		return appToken{}, &signInError{kind: httpx.KindUnusable, text: "MSAL refused the answer"}
	}
}

// msal returns a new client of MSAL's: a client keeps its credential for good.
func (s *signIn) msal(by *proof) (confidential.Client, error) {
	return confidential.New(s.authority, s.clientID, by.msal,
		confidential.WithHTTPClient(s.client),
		// Otherwise MSAL would ask the public cloud about an authority that it
		// does not know, and send the credential where the answer points to.
		confidential.WithInstanceDiscovery(false),
		// Otherwise the environment variable MSAL_FORCE_REGION could do the same.
		confidential.WithAzureRegion("DisableMsalForceRegion"))
}

// An authorityClient is what MSAL sends its requests through. It lets them go to
// the authority only, bounds the answers, and turns refusals into errors of ours:
// those of MSAL repeat requests and answers, secrets and all.
type authorityClient struct {
	client *http.Client
	host   string
}

// Do implements MSAL's HTTPClient.
func (c *authorityClient) Do(r *http.Request) (*http.Response, error) {
	if r.URL.Host != c.host || r.URL.Scheme != "https" {
		return nil, &signInError{kind: httpx.KindUnusable, text: "the authority's metadata names a token endpoint of another host"}
	}
	r.Header.Set("User-Agent", httpx.UserAgent())
	answer, err := c.client.Do(r)
	if err != nil {
		return nil, unanswered(r.Context(), "Microsoft Entra ID", err)
	}
	body, err := httpx.ReadBody(answer, httpx.MaxBody)
	httpx.Drain(answer.Body)
	switch {
	case err != nil:
		return nil, unanswered(r.Context(), "Microsoft Entra ID", err)
	case answer.StatusCode != http.StatusOK:
		return nil, refused(answer, body)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// CloseIdleConnections implements MSAL's HTTPClient.
func (c *authorityClient) CloseIdleConnections() { c.client.CloseIdleConnections() }

// A signInError is why there is no token. It holds nothing secret, and nothing in
// the words of the server.
type signInError struct {
	kind, text   string
	retryAfter   time.Duration
	refusesProof bool // another one could change it
}

func (e *signInError) Error() string             { return e.text }
func (e *signInError) FailureKind() string       { return e.kind }
func (e *signInError) RetryDelay() time.Duration { return e.retryAfter }

// unanswered stands for a request to somebody that got no complete answer.
func unanswered(ctx context.Context, who string, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return &signInError{kind: httpx.KindTimeout, text: who + " did not answer in time"}
	}
	return &signInError{kind: httpx.KindUnavailable, text: fmt.Sprintf("%s cannot be reached: %v", who, httpx.ConnectionCause(err))}
}

// refused reads an error answer (RFC 6749 section 5.2, and Microsoft's codes).
func refused(answer *http.Response, body []byte) error {
	var said struct {
		Name          string `json:"error"`
		Codes         []int  `json:"error_codes"`
		CorrelationID string `json:"correlation_id"`
	}
	_ = json.Unmarshal(body, &said) // what is no JSON says nothing
	e := &signInError{
		kind: httpx.KindMisconfigured,
		text: fmt.Sprintf("Microsoft Entra ID answered with status %d", answer.StatusCode),
		// AADSTS50027 is said of an assertion that is no JWT.
		refusesProof: said.Name == "invalid_client" || slices.Contains(said.Codes, 50027),
	}
	for _, code := range said.Codes {
		e.text += fmt.Sprintf(", AADSTS%d", code)
	}
	if syntax.IsGUID(said.CorrelationID) {
		e.text += ", correlation id " + said.CorrelationID
	}
	e.retryAfter, _ = httpx.RetryAfter(answer.Header, time.Now())
	switch {
	case answer.StatusCode == http.StatusTooManyRequests:
		e.kind = httpx.KindThrottled
	case answer.StatusCode >= http.StatusInternalServerError:
		e.kind = httpx.KindUnavailable
	case answer.StatusCode/100 == 3:
		e.kind = httpx.KindUnusable
	}
	return e
}
