package acsauth_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// newAPI starts a server with the API, made as its users make it, and returns its
// address.
func newAPI(t *testing.T, c *acsauthtest.Cloud) string {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	tokens := must(t, obo.New, obo.Config{
		ClientID: c.ClientID, Credential: obo.ClientSecret(c.ClientSecret), AuthorityHost: c.AuthorityHost, HTTPClient: c.HTTPClient(), Logger: logger,
	})
	handler := must(t, acsauth.NewHandler, acsauth.HandlerConfig{
		Authenticator: must(t, acsauth.NewAuthenticator, quiet(c.AuthenticatorConfig())),
		Service: must(t, acsauth.NewService, acsauth.ServiceConfig{
			Identities: must(t, acsidentity.New, acsidentity.Config{ConnectionString: c.ACSConnectionString, HTTPClient: c.HTTPClient()}),
			Mapper:     must(t, graphmap.New, graphmap.Config{Tokens: tokens, BaseURL: c.GraphURL, Keys: [][]byte{make([]byte, 32)}, HTTPClient: c.HTTPClient(), Logger: logger}),
			Logger:     logger,
		}),
	})
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// A singlePageApp plays a browser with MSAL.js, as docs/claims-challenge.md has it. All
// that it learns of a refusal is in the WWW-Authenticate header, which it reads as
// its client does.
type singlePageApp struct {
	*testing.T
	cloud  *acsauthtest.Cloud
	url    string
	client client
	user   acsauthtest.User
	token  string // what MSAL.js has in its cache
}

// fetch calls the API with the token that is at hand.
func (a *singlePageApp) fetch(method, path string) (status int, challenge map[string]string, body string) {
	a.Helper()
	request, err := http.NewRequestWithContext(a.Context(), method, a.url+path, nil)
	if err != nil {
		a.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+a.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.Fatal(err)
	}
	if header := response.Header.Get("WWW-Authenticate"); header != "" {
		if challenge, err = a.client.read(header); err != nil {
			a.Fatalf("%s: %v", header, err)
		}
	}
	return response.StatusCode, challenge, string(text)
}

func (a *singlePageApp) want(status int, method, path string) map[string]string {
	a.Helper()
	got, challenge, body := a.fetch(method, path)
	if got != status {
		a.Fatalf("%s %s: %d %s; want %d", method, path, got, body, status)
	}
	return challenge
}

// acquireToken is MSAL.js's method for a request with claims: Microsoft Entra ID asks
// the user for a second factor, if the claims demand that.
func (a *singlePageApp) acquireToken(claims string) {
	a.Helper()
	var demanded struct {
		AccessToken map[string]struct{ Essential bool } `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(claims), &demanded); err != nil {
		a.Fatalf("MSAL.js refuses the claims %q: %v", claims, err)
	}
	if !demanded.AccessToken["capolids"].Essential {
		a.Fatalf("Entra sees nothing to do in the claims %q", claims)
	}
	a.token = a.cloud.SteppedUpToken(a.user)
}

// A user who must step up is led through it by the header alone, whichever of the
// parsers their client has.
func TestClaimsChallengeTheWholeWay(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	url := newAPI(t, c)
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			ada, grace := c.AddUser("Ada"), c.AddUser("Grace")
			allow := c.RequireClaims(ada)
			app := &singlePageApp{T: t, cloud: c, url: url, client: client, user: ada, token: c.Token(ada)}

			// Every endpoint that needs the mapping answers with the challenge, and the
			// cached token is refused however often it comes.
			var challenge map[string]string
			for _, endpoint := range [][2]string{{"POST", "/api/user"}, {"GET", "/api/user"}, {"GET", "/api/token"}, {"POST", "/api/token/revoke"}, {"DELETE", "/api/user"}} {
				challenge = app.want(401, endpoint[0], endpoint[1])
				if challenge["error"] != "insufficient_claims" || challenge["client_id"] != c.ClientID ||
					challenge["authorization_uri"] != c.AuthorityHost+"/common/oauth2/v2.0/authorize" || challenge["realm"] != "" {
					t.Errorf("%s %s: %v", endpoint[0], endpoint[1], challenge)
				}
			}
			other := &singlePageApp{T: t, cloud: c, url: url, client: client, user: grace, token: c.Token(grace)}
			other.want(201, "POST", "/api/user")

			claims, err := client.decode(challenge["claims"])
			if err != nil {
				t.Fatal(err)
			}
			app.acquireToken(claims)
			app.want(201, "POST", "/api/user")
			app.want(201, "GET", "/api/token")

			// The demand is gone, and with it the need for a second factor.
			allow()
			app.token = c.Token(ada)
			app.want(200, "GET", "/api/user")
		})
	}
}

// A user who has not consented is led to the dialog by the header or the body, which
// agree.
func TestConsentTheWholeWay(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	url := newAPI(t, c)
	for _, client := range clients {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			ada := c.AddUser("Ada")
			allow := c.RequireConsent(ada)
			app := &singlePageApp{T: t, cloud: c, url: url, client: client, user: ada, token: c.Token(ada)}

			status, challenge, body := app.fetch("POST", "/api/user")
			var refusal struct {
				Code            int
				Error, ClientID string
				Scopes          []string
			}
			if err := json.Unmarshal([]byte(body), &refusal); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			scope := "api://" + c.ClientID + "/.default"
			if status != 403 || refusal.Code != 403 || refusal.Error != "consent_required" || refusal.ClientID != c.ClientID {
				t.Errorf("%d %s", status, body)
			}
			if diff := cmp.Diff([]string{scope}, refusal.Scopes); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
			want := map[string]string{"realm": "acs", "error": "insufficient_scope", "scope": scope}
			if diff := cmp.Diff(want, challenge); diff != "" {
				t.Errorf("challenge (-want +got):\n%s", diff)
			}

			// Ada consents, and the token of that sign-in is good. The one from before is
			// not, for as long as the refusal is remembered.
			allow()
			app.want(403, "POST", "/api/user")
			app.token = c.Token(ada)
			app.want(201, "POST", "/api/user")
			app.want(201, "GET", "/api/token")
		})
	}
}

// What Graph demands after the exchange reaches the client too, if Entra cannot
// satisfy it: to the letter, but for white space.
func TestGraphChallengeTheWholeWay(t *testing.T) {
	t.Parallel()
	// The embedded Entra takes these for what client capabilities say, not for a step-up.
	const sent, want = "{\r\n \"access_token\": {\"xms_cc\": {\"values\": [\"ä, \\\"100%\\\"\"]}}\r\n}", `{"access_token":{"xms_cc":{"values":["ä, \"100%\""]}}}`
	s := newSystem(t)
	s.want(201, "POST", "/api/user")
	withdraw := s.Graph.Challenge(s.user, sent)
	for range 2 {
		a := s.want(401, "GET", "/api/user")
		wantChallenge(t, "Graph's", a, map[string]string{
			"realm": "", "authorization_uri": s.Entra.URL + "/common/oauth2/v2.0/authorize", "client_id": s.ClientID,
			"error": "insufficient_claims", "claims": base64.StdEncoding.EncodeToString([]byte(want)),
		})
	}
	steppedUp := http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(s.user, cloud.TokenOptions{StepUp: true})}}
	if a := s.send(request{method: "GET", path: "/api/user", header: steppedUp}); a.status != 200 {
		t.Errorf("after the step-up: %d %s", a.status, a.body)
	}
	withdraw()
	s.want(200, "GET", "/api/user")
}

// A challenge is the only thing that helps, so it is sent whether or not the client
// says in its token that it understands them.
func TestClientCapabilitiesDoNotMatter(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.Entra.Refuse(cloud.Refusal{Code: cloud.MFARequired, Claims: cloud.MFAClaims})
	want := s.want(401, "GET", "/api/user").header.Get("WWW-Authenticate")
	for _, capabilities := range []any{[]string{"cp1"}, []string{"CP1"}, "cp1", []string{}, []string{"protapp"}, 1} {
		token := s.Entra.UserToken(s.user, cloud.TokenOptions{Claims: map[string]any{"xms_cc": capabilities}})
		a := s.send(request{method: "GET", path: "/api/user", header: http.Header{"Authorization": {"Bearer " + token}}})
		if got := a.header.Get("WWW-Authenticate"); a.status != 401 || got != want {
			t.Errorf("xms_cc %v: %d, %s; want 401, %s", capabilities, a.status, got, want)
		}
	}
}

// Claims that cannot be passed on leave what is left of the upstream's answer, and
// none of them gets into the answer.
func TestUnfitClaimsOfUpstreams(t *testing.T) {
	t.Parallel()
	for _, claims := range []string{"MFA please", `["access_token"]`, `{"access_token":`, "{\"x\":\"\r\nSet-Cookie: a=b\"}", claimsOfLength(8<<10 + 1)} {
		s := newSystem(t)
		allow := s.Entra.Refuse(cloud.Refusal{Code: cloud.MFARequired, Claims: claims})
		entra := s.call("GET", "/api/user")
		allow()
		s.Graph.Challenge(s.user, claims)
		graph := s.send(request{method: "GET", path: "/api/user", header: http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(s.user, cloud.TokenOptions{})}}})
		for name, a := range map[string]answer{"Entra": entra, "Graph": graph} {
			if a.status != 502 || a.field("error") != "upstream_error" || a.header.Values("WWW-Authenticate") != nil || a.header.Values("Set-Cookie") != nil {
				t.Errorf("%s answers with the claims %.40q: %d %v %s", name, claims, a.status, a.header, a.body)
			}
			s.wantNoSecrets(a)
		}
	}
}
