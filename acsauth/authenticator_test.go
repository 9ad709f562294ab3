package acsauth_test

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

const otherTenant = "99999999-9999-4999-8999-999999999999"

// startCloud starts a cloud whose ids have letters, so that their case matters.
func startCloud(t testing.TB) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Start(cloud.Config{
		TenantID:    "aaaabbbb-0000-4ccc-8ddd-2222eeee3333",
		ClientID:    "00001111-aaaa-4bbb-8ccc-3333dddd4444",
		SPAClientID: "55556666-ffff-4777-8aaa-8888bbbb9999",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func authConfig(c *cloud.Cloud) acsauth.AuthenticatorConfig {
	return acsauth.AuthenticatorConfig{TenantID: c.TenantID, ClientID: c.ClientID, AuthorityHost: c.Entra.URL, HTTPClient: c.HTTPClient(), Logger: slog.New(slog.DiscardHandler)}
}

func quiet(cfg acsauth.AuthenticatorConfig) acsauth.AuthenticatorConfig {
	cfg.Logger = slog.New(slog.DiscardHandler)
	return cfg
}

// Whoever comes through the API's door has a good token, whatever the endpoint.
func TestTokensAtTheAPI(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	handler := must(t, acsauth.NewHandler, acsauth.HandlerConfig{
		Authenticator: must(t, acsauth.NewAuthenticator, quiet(c.AuthenticatorConfig())),
		Service: must(t, acsauth.NewService, acsauth.ServiceConfig{
			Identities: must(t, acsidentity.New, acsidentity.Config{ConnectionString: c.ACSConnectionString, HTTPClient: c.HTTPClient()}),
			Mapper:     new(acsauth.MemoryMapper),
			Logger:     slog.New(slog.DiscardHandler),
		}),
	})
	for _, endpoint := range []struct{ method, path string }{{"GET", "/api/user"}, {"GET", "/api/token"}, {"POST", "/api/token/revoke"}} {
		t.Run(endpoint.method+" "+endpoint.path, func(t *testing.T) {
			t.Parallel()
			acsauthtest.TestTokens(t, c, handler, endpoint.method, endpoint.path)
		})
	}
}

// What a token says about its user arrives complete.
func TestVerify(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	auth := must(t, acsauth.NewAuthenticator, authConfig(c))
	ada := c.Entra.AddUser(cloud.User{})
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	for _, version := range []int{1, 2} {
		token := c.Entra.UserToken(ada, cloud.TokenOptions{Version: version, IssuedAt: expires.Add(-time.Hour), Lifetime: time.Hour,
			Scope: "profile access_as_user", ClientID: strings.ToUpper(c.SPAClientID), Claims: map[string]any{"oid": strings.ToUpper(ada.ObjectID), "uti": "t1"}})
		got, err := auth.Verify(t.Context(), token)
		want := acsauth.User{TenantID: c.TenantID, ObjectID: ada.ObjectID, ClientID: c.SPAClientID, Scopes: []string{"profile", "access_as_user"},
			TokenID: "t1", ExpiresAt: expires, Assertion: acsauth.NewSecret(token)}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("v%d: %v (-want +got):\n%s", version, err, diff)
		}
	}
}

// A token anywhere but in the Authorization header ends up in logs and histories.
func TestTokensElsewhereAreIgnored(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	auth := must(t, acsauth.NewAuthenticator, quiet(c.AuthenticatorConfig()))
	token := c.Token(c.AddUser("Ada"))
	for name, r := range map[string]*http.Request{
		"query":  httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?access_token="+token, nil),
		"form":   httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("access_token="+token)),
		"cookie": httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil),
	} {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", "access_token="+token)
		_, err := auth.Authenticate(r)
		var refused *acsauth.Error
		if !errors.As(err, &refused) || refused.Name != "missing_token" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a developer is told who sends the wrong token.
func TestHelpfulRefusals(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	u := c.Entra.AddUser(cloud.User{})
	auth := must(t, acsauth.NewAuthenticator, authConfig(c))
	for _, test := range []struct{ name, token, hint string }{
		{"for Graph", c.Entra.GraphToken(u, cloud.TokenOptions{}), "api://" + c.ClientID + "/access_as_user"},
		{"for Graph, without nonce", c.Entra.UserToken(u, cloud.TokenOptions{Audience: "https://graph.microsoft.com"}), "Microsoft Graph"},
		{"for Graph by its id", c.Entra.UserToken(u, cloud.TokenOptions{Audience: "00000003-0000-0000-C000-000000000000"}), "Microsoft Graph"},
		{"for Graph of the US Government", c.Entra.UserToken(u, cloud.TokenOptions{Version: 1, Audience: "https://graph.microsoft.us/"}), "Microsoft Graph"},
		{"for Graph of the DoD", c.Entra.UserToken(u, cloud.TokenOptions{Version: 1, Audience: "https://dod-graph.microsoft.us/"}), "Microsoft Graph"},
		{"for Graph in China", c.Entra.UserToken(u, cloud.TokenOptions{Version: 1, Audience: "https://microsoftgraph.chinacloudapi.cn/"}), "Microsoft Graph"},
		{"for another API", c.Entra.UserToken(u, cloud.TokenOptions{Audience: "api://other"}), "api://" + c.ClientID + "/access_as_user"},
		{"encrypted", "a.b.c.d.e", "encryption key"},
		{"JSON serialisation", `{"payload":"","signatures":[]}`, "compact form"},
		{"the whole answer", `{"access_token":"a.b.c"}`, "the access token alone"},
		{"expired", c.Entra.UserToken(u, cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * time.Hour), Lifetime: time.Hour}), "expired"},
		{"of another tenant", c.Entra.UserToken(c.Entra.AddUser(cloud.User{TenantID: otherTenant}), cloud.TokenOptions{}), "tenant"},
		{"no key", c.Entra.UserToken(u, cloud.TokenOptions{Header: map[string]any{"kid": nil}}), "(kid)"},
		{"another algorithm", c.Entra.UserToken(u, cloud.TokenOptions{Alg: "PS256"}), "RS256"},
		{"critical extensions", c.Entra.UserToken(u, cloud.TokenOptions{Header: map[string]any{"crit": []string{"b64"}}}), "(crit)"},
		{"another type", c.Entra.UserToken(u, cloud.TokenOptions{Header: map[string]any{"typ": "dpop+jwt"}}), "type"},
		{"no expiry", c.Entra.UserToken(u, cloud.TokenOptions{Claims: map[string]any{"exp": nil}}), "(exp)"},
		{"opaque", "opaque", "compact form"},
		{"unknown key", c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted}), "does not publish"},
	} {
		_, err := auth.Verify(t.Context(), test.token)
		var refused *acsauth.Error
		if !errors.As(err, &refused) || refused.Name != "invalid_token" || !strings.Contains(refused.Message, test.hint) {
			t.Errorf("%s: %v; want a message with %q", test.name, err, test.hint)
		}
	}
}

// The same help for those who put JSON into the header.
func TestHelpfulHeaderRefusal(t *testing.T) {
	t.Parallel()
	auth := must(t, acsauth.NewAuthenticator, authConfig(startCloud(t)))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", `Bearer {"payload": "", "signatures": []}`)
	_, err := auth.Authenticate(r)
	var refused *acsauth.Error
	if !errors.As(err, &refused) || refused.Name != "invalid_request" || !strings.Contains(refused.Message, "compact form") {
		t.Error(err)
	}
}

func TestRequirePassesTheUserOn(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	ada := c.AddUser("Ada")
	auth := must(t, acsauth.NewAuthenticator, quiet(c.AuthenticatorConfig()))
	h := auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok := acsauth.UserFromContext(r.Context())
		if !ok || u.ObjectID != ada.ObjectID || acsauth.RequestID(r.Context()) == "" {
			t.Errorf("user %+v, %v; request id %q", u, ok, acsauth.RequestID(r.Context()))
		}
	}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "bearer  "+c.Token(ada)) // the scheme's case is free (RFC 9110 section 11.1)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, ok := acsauth.UserFromContext(t.Context()); ok {
		t.Error("a context without a user has one")
	}
}

func TestAuthenticatorConfigMistakes(t *testing.T) {
	t.Parallel()
	_, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID:       "common",
		ClientID:       "my-app",
		AuthorityHost:  "http://login.example.com",
		AllowedTenants: []string{"*", "contoso"},
		AllowedClients: []string{"spa"},
		TeamsClients:   []string{"phone"},
		Audiences:      []string{""},
		Scope:          "two scopes",
		ClockSkew:      time.Hour,
		Realm:          `a"b`,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, mistake := range []string{"TenantID", "ClientID", "AuthorityHost", `AllowedTenants is either "*" or`, "AllowedTenants must be tenant ids",
		"AllowedClients", "TeamsClients", "Audiences", "Scope", "ClockSkew", "Realm"} {
		if !strings.Contains(err.Error(), "acsauth: "+mistake) {
			t.Errorf("%q is missing in:\n%v", mistake, err)
		}
	}
	if _, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("an empty configuration has two mistakes, got:\n%v", err)
	}
}

// A scope is what tokens carry: the name of a permission, which may have punctuation in
// it, but not the resource that clients put before it.
func TestAuthenticatorConfigScope(t *testing.T) {
	t.Parallel()
	for scope, good := range map[string]bool{
		"access_as_user": true, "chat:read": true, "calls/join": true,
		"api://" + contoso.ClientID + "/access_as_user": false, "https://contoso.example/access_as_user": false, contoso.ClientID + "/access_as_user": false,
		"chat call": false, "chat,call": false,
	} {
		cfg := contoso
		cfg.Scope = scope
		if _, err := acsauth.NewAuthenticator(cfg); (err == nil) != good || err != nil && !strings.Contains(err.Error(), "acsauth: Scope must be") {
			t.Errorf("%s: %v", scope, err)
		}
	}
}
