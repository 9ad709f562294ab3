package acsauth_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

const otherTenant = "99999999-9999-4999-8999-999999999999"

func startCloud(t *testing.T) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Start(cloud.Config{})
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

func TestAcceptedTokens(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	u := c.Entra.AddUser(cloud.User{})
	guest := c.Entra.AddUser(cloud.User{TenantID: otherTenant})
	now := time.Now()
	claim := func(name string, value any) cloud.TokenOptions {
		return cloud.TokenOptions{Claims: map[string]any{name: value}}
	}
	header := func(name string, value any) cloud.TokenOptions {
		return cloud.TokenOptions{Header: map[string]any{name: value}}
	}
	for _, test := range []struct {
		name   string
		user   cloud.User
		token  cloud.TokenOptions
		config func(*acsauth.AuthenticatorConfig)
	}{
		{"v2.0", u, cloud.TokenOptions{}, nil},
		{"v1.0", u, cloud.TokenOptions{Version: 1}, nil},
		{"v1.0 with the client id as audience", u, cloud.TokenOptions{Version: 1, Audience: c.ClientID}, nil},
		{"v2.0 with the App ID URI as audience", u, cloud.TokenOptions{Audience: "api://" + c.ClientID}, nil},
		{"client id in upper case as audience", u, cloud.TokenOptions{Audience: strings.ToUpper(c.ClientID)}, nil},
		{"several audiences", u, claim("aud", []string{"https://example.com", c.ClientID}), nil},
		{"another App ID URI", u, cloud.TokenOptions{Audience: "https://api.contoso.com"},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.Audiences = []string{"https://api.contoso.com"} }},
		{"several scopes", u, cloud.TokenOptions{Scope: "profile access_as_user email"}, nil},
		{"another required scope", u, cloud.TokenOptions{Scope: "Calls.Join"},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.Scope = "Calls.Join" }},
		{"no type in the header", u, header("typ", nil), nil},
		{"type at+jwt", u, header("typ", "at+jwt"), nil},
		{"expired within the skew", u, cloud.TokenOptions{IssuedAt: now.Add(-64 * time.Minute), Lifetime: time.Hour}, nil},
		{"not valid for two more minutes", u, claim("nbf", now.Add(2*time.Minute).Unix()), nil},
		{"no nbf", u, claim("nbf", nil), nil},
		{"fractional exp", u, claim("exp", float64(now.Unix())+1000.5), nil},
		{"client on the list", u, cloud.TokenOptions{},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.AllowedClients = []string{strings.ToUpper(c.SPAClientID)} }},
		{"v1.0 client on the list", u, cloud.TokenOptions{Version: 1},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.AllowedClients = []string{c.SPAClientID} }},
		{"tenant given as a domain", u, cloud.TokenOptions{},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.TenantID = cloud.TenantDomain }},
		{"another tenant on the list", guest, cloud.TokenOptions{},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.AllowedTenants = []string{c.TenantID, otherTenant} }},
		{"any tenant", guest, cloud.TokenOptions{Version: 1},
			func(cfg *acsauth.AuthenticatorConfig) { cfg.AllowedTenants = []string{"*"} }},
		{"issuer and tenant in upper case", u, cloud.TokenOptions{Claims: map[string]any{"tid": strings.ToUpper(c.TenantID), "iss": c.Entra.V2Issuer(strings.ToUpper(c.TenantID))}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := authConfig(c)
			if test.config != nil {
				test.config(&cfg)
			}
			auth := must(t, acsauth.NewAuthenticator, cfg)
			token := c.Entra.UserToken(test.user, test.token)
			u, err := auth.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			want := acsauth.User{TenantID: test.user.TenantID, ObjectID: test.user.ObjectID, ClientID: c.SPAClientID}
			if got := (acsauth.User{TenantID: u.TenantID, ObjectID: u.ObjectID, ClientID: u.ClientID}); !cmp.Equal(want, got) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if u.Assertion.Reveal() != token || u.TokenID == "" || u.ExpiresAt.IsZero() {
				t.Errorf("incomplete: %+v", u)
			}
		})
	}
}

func TestRefusedTokens(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	auth := must(t, acsauth.NewAuthenticator, quiet(c.AuthenticatorConfig()))
	server := httptest.NewServer(auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the handler was reached by %s", r.Header.Get("X-Case"))
	})))
	defer server.Close()
	for _, bad := range c.BadTokens(c.AddUser("Mallory")) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+bad.Token)
		r.Header.Set("X-Case", bad.Name)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		challenge := a.Header.Get("WWW-Authenticate")
		named := strings.Contains(challenge, fmt.Sprintf("error=%q", bad.Error))
		if a.StatusCode != bad.Status || !named && bad.Error != "user_token_required" {
			t.Errorf("%s: %d, %s; want %d %s", bad.Name, a.StatusCode, challenge, bad.Status, bad.Error)
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
		{"for another API", c.Entra.UserToken(u, cloud.TokenOptions{Audience: "api://other"}), "api://" + c.ClientID + "/access_as_user"},
		{"encrypted", "a.b.c.d.e", "encryption key"},
		{"expired", c.Entra.UserToken(u, cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * time.Hour), Lifetime: time.Hour}), "expired"},
		{"of another tenant", c.Entra.UserToken(c.Entra.AddUser(cloud.User{TenantID: otherTenant}), cloud.TokenOptions{}), "tenant"},
		{"unknown key", c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted}), "does not publish"},
	} {
		_, err := auth.Verify(t.Context(), test.token)
		var refused *acsauth.Error
		if !errors.As(err, &refused) || refused.Name != "invalid_token" || !strings.Contains(refused.Message, test.hint) {
			t.Errorf("%s: %v; want a message with %q", test.name, err, test.hint)
		}
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
		AllowedTenants: []string{"*", otherTenant},
		AllowedClients: []string{"spa"},
		Audiences:      []string{""},
		Scope:          "two scopes",
		ClockSkew:      time.Hour,
		Realm:          `a"b`,
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"TenantID", "ClientID", "AuthorityHost", "AllowedTenants", "AllowedClients", "Audiences", "Scope", "ClockSkew", "Realm"} {
		if !strings.Contains(err.Error(), "acsauth: "+field) {
			t.Errorf("%s is not mentioned in:\n%v", field, err)
		}
	}
	if _, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("an empty configuration has two mistakes, got:\n%v", err)
	}
}
