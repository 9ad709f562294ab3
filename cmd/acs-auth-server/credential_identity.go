package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	msalerrors "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// A managedIdentity gets access tokens of a user-assigned managed identity from the
// platform that the server runs on. Where, MSAL finds out: variables of the
// platform's name the endpoint (App Service, Container Apps, Azure Arc and others),
// or else it is that of virtual machines.
type managedIdentity struct {
	client managedidentity.Client
}

// newManagedIdentity does no network I/O. Its error goes on after the name of the
// setting.
func newManagedIdentity(s *settings, around surroundings) (*managedIdentity, error) {
	httpClient := around.client
	if httpClient == nil {
		httpClient = directClient()
	}
	client, err := managedidentity.New(managedidentity.UserAssignedClientID(s.managedIdentity),
		managedidentity.WithHTTPClient(&identityClient{around.observe("identity").Client(httpx.Harden(httpClient))}))
	if err != nil {
		// Never MSAL's own text: it may repeat an address of the platform's.
		source, _ := managedidentity.GetSource()
		return nil, fmt.Errorf("is of no use here: this platform (%s, by its variables) has no user-assigned identities", source)
	}
	return &managedIdentity{client: client}, nil
}

// directClient returns a client that uses no proxy: the endpoints are on this
// machine or next to it, and refuse what comes from elsewhere.
func directClient() *http.Client {
	client := httpx.NewClient()
	if transport, ok := client.Transport.(*http.Transport); ok {
		transport.Proxy = nil
	}
	return client
}

// tokensFor returns the source of its access tokens for a resource, named as such
// or as a scope with "/.default" at its end.
func (m *managedIdentity) tokensFor(resource string, s *settings, around surroundings) *appTokens {
	return &appTokens{
		of:      theManagedIdentity,
		timeout: s.upstreamTimeout,
		logger:  around.logger,
		acquire: func(ctx context.Context) (appToken, error) {
			// Given claims, MSAL leaves its own cache aside, and does nothing else. That
			// cache would answer until five minutes before a token expires.
			result, err := m.client.AcquireToken(ctx, resource, managedidentity.WithClaims("{}"))
			var failed *signInError
			var refused msalerrors.CallErr
			switch {
			case err == nil:
				return appToken{result.AccessToken, result.ExpiresOn, result.Metadata.RefreshOn}, nil
			case errors.As(err, &failed):
				return appToken{}, failed
			case ctx.Err() != nil:
				return appToken{}, unanswered(ctx, identityEndpoint, ctx.Err())
			case errors.As(err, &refused) && refused.Resp != nil:
				return appToken{}, identityRefused(refused.Resp)
			default:
				// Never MSAL's own text: it repeats answers, tokens included.
				return appToken{}, &signInError{kind: httpx.KindUnusable, text: "MSAL refused the answer for the managed identity"}
			}
		},
	}
}

// What errors call it, and where its tokens come from.
const (
	theManagedIdentity = "the managed identity"
	identityEndpoint   = "the platform's endpoint for managed identities"
)

// identityRefused reads an error answer. Its body is for people, and differs from
// platform to platform.
func identityRefused(answer *http.Response) *signInError {
	e := &signInError{text: fmt.Sprintf("%s answered with status %d", identityEndpoint, answer.StatusCode)}
	e.retryAfter, _ = httpx.RetryAfter(answer.Header, time.Now())
	switch status := answer.StatusCode; {
	case status == http.StatusBadRequest:
		e.kind = httpx.KindMisconfigured
		e.text += ": it has no identity with the client id in MANAGED_IDENTITY_CLIENT_ID, or no token for that resource"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		e.kind = httpx.KindMisconfigured
	case status == http.StatusTooManyRequests:
		e.kind = httpx.KindThrottled
	case status >= http.StatusInternalServerError, status == http.StatusNotFound, status == http.StatusGone:
		e.kind = httpx.KindUnavailable // as Microsoft says of the latter two, it is being updated
	default:
		e.kind = httpx.KindUnusable
	}
	return e
}

// An identityClient is what MSAL sends its requests to the platform through. It
// bounds the answers, and refuses tokens of no use, which MSAL would keep. Retries are
// MSAL's.
type identityClient struct{ client *http.Client }

// Do implements MSAL's HTTPClient.
func (c *identityClient) Do(r *http.Request) (*http.Response, error) {
	answer, err := c.client.Do(r)
	if err != nil {
		return nil, unanswered(r.Context(), identityEndpoint, err)
	}
	body, err := httpx.ReadBody(answer, httpx.MaxBody)
	httpx.Drain(answer.Body)
	if err != nil {
		return nil, unanswered(r.Context(), identityEndpoint, err)
	}
	var granted struct {
		Token *string `json:"access_token"`
	}
	if json.Unmarshal(body, &granted) == nil && granted.Token != nil && answer.StatusCode == http.StatusOK {
		if err := checkToken(theManagedIdentity, *granted.Token); err != nil {
			return nil, err
		}
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// CloseIdleConnections implements MSAL's HTTPClient.
func (c *identityClient) CloseIdleConnections() { c.client.CloseIdleConnections() }
