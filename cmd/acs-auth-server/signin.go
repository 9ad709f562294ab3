package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"golang.org/x/sync/singleflight"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// A signIn gets the app's own access tokens for ACS from Microsoft Entra ID, by
// client credentials (RFC 6749 section 4.4). MSAL remembers them until they expire.
type signIn struct {
	app     confidential.Client
	scope   string
	timeout time.Duration
	flight  singleflight.Group
}

// newSignIn returns a signIn of the app that s describes, or nil. It does no
// network I/O.
func newSignIn(s *settings, c *credential, client *http.Client, p *problems) *signIn {
	if c == nil {
		return nil // not needed, or reported already
	}
	proof, err := c.forMSAL()
	if err != nil {
		p.addFirst(c.setting, "%v", err)
		return nil
	}
	base, err := httpx.ParseBaseURL(s.authorityHost)
	if err != nil {
		p.addFirst("AZURE_AUTHORITY_HOST", "%v", err)
		return nil
	}
	app, err := confidential.New(base.String()+"/"+s.tenantID, s.clientID, proof,
		confidential.WithHTTPClient(&authorityClient{client: httpx.Harden(client), host: base.Host}),
		// Otherwise MSAL would ask the public cloud about an authority that it
		// does not know, and send the credential where the answer points to.
		confidential.WithInstanceDiscovery(false),
		// Otherwise the environment variable MSAL_FORCE_REGION could do the same.
		confidential.WithAzureRegion("DisableMsalForceRegion"))
	if err != nil {
		p.addFirst("AZURE_AUTHORITY_HOST", "makes no authority together with AZURE_TENANT_ID: %v", err)
		return nil
	}
	return &signIn{app: app, scope: s.acsEntraScope, timeout: s.upstreamTimeout}
}

// token returns an access token for ACS. However many callers want one, Entra ID is
// asked once, and none of them can spoil it for the others by going away.
func (s *signIn) token(ctx context.Context) (string, error) {
	ch := s.flight.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		result, err := s.app.AcquireTokenByCredential(ctx, []string{s.scope})
		var failed *signInError
		switch {
		case err == nil:
			return result.AccessToken, nil
		case errors.As(err, &failed):
			return nil, failed
		default:
			// Never MSAL's own text: it repeats answers, tokens included.
			return nil, &signInError{kind: httpx.KindUnusable, text: "MSAL refused the answer"}
		}
	})
	select {
	case result := <-ch:
		token, _ := result.Val.(string)
		return token, result.Err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
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
		return nil, unanswered(r.Context(), err)
	}
	body, err := httpx.ReadBody(answer.Body, httpx.MaxBody)
	httpx.Drain(answer.Body)
	switch {
	case err != nil:
		return nil, unanswered(r.Context(), err)
	case answer.StatusCode != http.StatusOK:
		return nil, refused(answer, body)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// CloseIdleConnections implements MSAL's HTTPClient.
func (c *authorityClient) CloseIdleConnections() { c.client.CloseIdleConnections() }

// A signInError is why the app cannot sign in. It holds nothing secret, and
// nothing in the words of the server.
type signInError struct{ kind, text string }

func (e *signInError) Error() string       { return e.text }
func (e *signInError) FailureKind() string { return e.kind }

func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return &signInError{kind: httpx.KindTimeout, text: "Microsoft Entra ID did not answer in time"}
	}
	return &signInError{kind: httpx.KindUnavailable, text: "Microsoft Entra ID cannot be reached"}
}

// refused reads an error answer (RFC 6749 section 5.2, and Microsoft's codes).
func refused(answer *http.Response, body []byte) error {
	var said struct {
		Codes         []int  `json:"error_codes"`
		CorrelationID string `json:"correlation_id"`
	}
	_ = json.Unmarshal(body, &said) // what is no JSON says nothing
	e := &signInError{kind: httpx.KindMisconfigured, text: fmt.Sprintf("Microsoft Entra ID answered with status %d", answer.StatusCode)}
	for _, code := range said.Codes {
		e.text += fmt.Sprintf(", AADSTS%d", code)
	}
	if id := said.CorrelationID; len(id) == 36 && isName(strings.ReplaceAll(id, "-", "_")) {
		e.text += ", correlation id " + id
	}
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
