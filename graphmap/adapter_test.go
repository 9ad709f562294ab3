package graphmap_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	khttp "github.com/microsoft/kiota-http-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

// borrowed returns a Mapper over an adapter that was made as a GraphServiceClient
// makes its own: default middleware, in its random order.
func borrowed(t *testing.T, g *fakeGraph, auth authentication.AuthenticationProvider, change ...func(*graphmap.Config)) *graphmap.Mapper {
	t.Helper()
	g.foreignPipeline = true
	server := httptest.NewTLSServer(g)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Transport = khttp.NewCustomTransportWithParentTransport(client.Transport, graphcore.GetDefaultMiddlewaresWithOptions(nil)...)
	adapter, err := graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		auth, graphcore.GraphClientOptions{}, nil, nil, client)
	if err != nil {
		t.Fatal(err)
	}
	adapter.SetBaseUrl(server.URL + "/v1.0")
	cfg := graphmap.Config{Tokens: &fakeTokens{}, Keys: [][]byte{key1}, Adapter: adapter, Logger: quiet}
	for _, change := range change {
		change(&cfg)
	}
	m, err := graphmap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBorrowedAdapter(t *testing.T) {
	t.Parallel()
	for range 8 { // orders of the middleware
		g := newGraph(t)
		m := borrowed(t, g, &authentication.AnonymousAuthenticationProvider{})
		g.fault(fault{op: "post", times: 1, status: 503, header: soon})
		if err := m.Create(t.Context(), user(1), acsID(1)); err != nil {
			t.Fatalf("Create: %v", err)
		}
		if got, err := m.Lookup(t.Context(), user(1)); got != acsID(1) || err != nil {
			t.Errorf("Lookup = %q, %v", got, err)
		}
		if err := m.Delete(t.Context(), user(1), acsID(1)); err != nil {
			t.Errorf("Delete: %v", err)
		}
		if _, err := m.Lookup(t.Context(), user(1)); !errors.Is(err, acsauth.ErrNotMapped) {
			t.Errorf("Lookup: %v, want ErrNotMapped", err)
		}
		if got := strings.Join(g.seen(), " "); got != "post post lookup get delete lookup" {
			t.Errorf("requests %s", got)
		}

		// Its own retries and redirects are off.
		g.fault(fault{op: "post", times: 1, status: 503, header: wait})
		if got := outcome(m.Create(t.Context(), user(1), acsID(1))); got != "unavailable" {
			t.Errorf("Create: %s", got)
		}
		g.fault(fault{op: "lookup", times: 1, status: 302, header: http.Header{"Location": {"/v1.0/me/extensions/" + extName}}})
		_, err := m.Lookup(t.Context(), user(1))
		wantFailure(t, err, "unusable")
		if got := len(g.seen()); got != 9 {
			t.Errorf("requests %v", g.seen())
		}
	}
}

// Its reading of errors loses statuses, or panics.
func TestBorrowedAdapterAndBadAnswers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault fault
		kind  string
	}{
		"HTML":                   {fault{status: 403, header: html, body: "<html>"}, "misconfigured"},
		"JSON without a message": {fault{status: 403, body: `{}`}, "misconfigured"},
		"challenge":              {fault{status: 401, header: challenge(claimsJSON)}, "claims_challenge"},
		"challenge not quoted":   {fault{status: 401, header: http.Header{"Www-Authenticate": {"Bearer claims=abc"}}}, "unusable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			g.fault(tt.fault)
			_, err := borrowed(t, g, &authentication.AnonymousAuthenticationProvider{}).Lookup(t.Context(), user(1))
			wantFailure(t, err, tt.kind)
		})
	}
}

type tokenProvider struct{}

func (tokenProvider) GetAuthorizationToken(context.Context, *url.URL, map[string]any) (string, error) {
	return "graph." + user(2).ObjectID, nil
}
func (tokenProvider) GetAllowedHostsValidator() *authentication.AllowedHostsValidator { return nil }

// An adapter with a credential of its own answers challenges with that, and acts
// on another user. This is noticed, though too late.
func TestBorrowedAdapterWithCredential(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := borrowed(t, g, authentication.NewBaseBearerTokenAuthenticationProvider(tokenProvider{}))
	if err := m.Create(t.Context(), user(1), acsID(1)); err != nil || g.stored(user(1)) == nil {
		t.Fatalf("Create without a challenge: %v", err)
	}
	g.fault(fault{op: "post", times: 1, status: 401, header: challenge(claimsJSON)})
	if got := outcome(m.Create(t.Context(), user(3), acsID(3))); got == "stored" || strings.Contains(got, "not stored") {
		t.Errorf("Create with a challenge: %s", got)
	}
}

// idle is an adapter that ignores what it is asked.
type idle struct{ abstractions.RequestAdapter }

func (idle) SendNoContent(context.Context, *abstractions.RequestInformation, abstractions.ErrorMappings) error {
	return nil
}

func TestAdapterThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	m, err := graphmap.New(graphmap.Config{Tokens: &fakeTokens{}, Keys: [][]byte{key1}, Logger: quiet, Adapter: idle{bareAdapter(t, "https://graph.example/v1.0")}})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Create(t.Context(), user(1), acsID(1))
	wantFailure(t, err, "unusable")
	if errors.Is(err, acsauth.ErrNotStored) {
		t.Errorf("Create: %v", err)
	}
}
