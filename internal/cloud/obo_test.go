package cloud_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/google/go-cmp/cmp"
)

func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	alice := c.Entra.AddUser(cloud.User{})
	for _, version := range []int{1, 2} {
		r := post(t, c, c.Entra.TokenURL(c.TenantID), oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{Version: version})))
		if r.status != 200 {
			t.Fatalf("v%d: %d %s", version, r.status, r.body)
		}
		want := map[string]any{
			"token_type": "Bearer", "expires_in": 4500.0, "ext_expires_in": 4500.0,
			"scope": "https://graph.microsoft.com/User.Read https://graph.microsoft.com/User.ReadWrite https://graph.microsoft.com/.default",
		}
		for name, value := range want {
			if diff := cmp.Diff(value, r.at(name)); diff != "" {
				t.Errorf("v%d: %s (-want +got): %s", version, name, diff)
			}
		}
		if r.str("refresh_token") == "" || r.str("id_token") == "" || r.str("client_info") == "" {
			t.Errorf("v%d: what MSAL asks for is missing: %s", version, r.body)
		}
		header, claims := decode(t, r.str("access_token"))
		if header["nonce"] == nil || claims["aud"] != "https://graph.microsoft.com" || claims["oid"] != alice.ObjectID ||
			claims["tid"] != c.TenantID || claims["scp"] != "User.Read User.ReadWrite" || claims["appid"] != c.ClientID {
			t.Errorf("v%d: Graph token %v %v", version, header, claims)
		}
		if got := graph(t, c, r.str("access_token"), "GET", "/me?$select=id", "").str("id"); got != alice.ObjectID {
			t.Errorf("v%d: Graph says %q", version, got)
		}
	}
	r := post(t, c, c.Entra.TokenURL(c.TenantID), without(oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{})),
		"client_info", "", "scope", "user.read"))
	for _, name := range []string{"refresh_token", "id_token", "client_info"} {
		if r.status != 200 || r.at(name) != nil {
			t.Errorf("%s came without being asked for: %d %s", name, r.status, r.body)
		}
	}
}

// A user of another tenant is served by the endpoint of that tenant.
func TestOnBehalfOfInAnotherTenant(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	bob := c.Entra.AddUser(cloud.User{TenantID: foreignTenant})
	form := oboForm(c, c.Entra.UserToken(bob, cloud.TokenOptions{}))
	if r := post(t, c, c.Entra.TokenURL(foreignTenant), form); r.status != 200 {
		t.Errorf("own tenant: %d %s", r.status, r.body)
	}
	if r := post(t, c, c.Entra.TokenURL(c.TenantID), form); r.status != 400 || number(r) != 50013 {
		t.Errorf("our tenant: %d %s", r.status, r.body)
	}
}

// without changes or removes ("") parameters of a form.
func without(form url.Values, changes ...string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			form.Del(changes[i])
		}
	}
	return form
}

// number returns the AADSTS number of an error.
func number(r reply) int {
	codes, _ := r.at("error_codes").([]any)
	if len(codes) != 1 {
		return 0
	}
	n, _ := codes[0].(float64)
	return int(n)
}

func TestTokenRequestsRefused(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	alice := c.Entra.AddUser(cloud.User{})
	hour := time.Hour
	good := c.Entra.UserToken(alice, cloud.TokenOptions{})
	assertion := func(o cloud.TokenOptions) []string { return []string{"assertion", c.Entra.UserToken(alice, o)} }
	claim := func(name string, value any) []string {
		return assertion(cloud.TokenOptions{Claims: map[string]any{name: value}})
	}
	tests := []struct {
		name    string
		changes []string
		status  int
		code    string
		number  int
	}{
		{"no grant", []string{"grant_type", ""}, 400, "invalid_request", 900144},
		{"unknown grant", []string{"grant_type", "password"}, 400, "unsupported_grant_type", 70003},
		{"no client", []string{"client_id", ""}, 400, "invalid_request", 900144},
		{"unknown client", []string{"client_id", c.SPAClientID}, 400, "unauthorized_client", 700016},
		{"no credential", []string{"client_secret", ""}, 401, "invalid_client", 7000218},
		{"wrong secret", []string{"client_secret", "guess"}, 401, "invalid_client", 7000215},
		{"two credentials", []string{"client_assertion", "a.b.c"}, 400, "invalid_request", 9000411},
		{"no scope", []string{"scope", ""}, 400, "invalid_request", 900144},
		{"OpenID scopes only", []string{"scope", "openid profile"}, 400, "invalid_scope", 70011},
		{"two resources", []string{"scope", "https://graph.microsoft.com/User.Read https://communication.azure.com//.default"}, 400, "invalid_scope", 700022},
		{"another resource", []string{"scope", "https://vault.azure.net/.default"}, 400, "invalid_resource", 500011},
		{"a permission without consent", []string{"scope", "https://graph.microsoft.com/Mail.Read"}, 400, "invalid_grant", 65001},
		{"no token use", []string{"requested_token_use", ""}, 400, "invalid_request", 900144},
		{"another token use", []string{"requested_token_use", "exchange"}, 400, "invalid_request", 900144},
		{"no assertion", []string{"assertion", ""}, 400, "invalid_request", 900144},
		{"no JWT", []string{"assertion", "opaque"}, 400, "invalid_grant", 50027},
		{"JWT of garbage", []string{"assertion", "e30.e30.!"}, 400, "invalid_grant", 50027},
		{"expired", assertion(cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * hour), Lifetime: hour}), 400, "invalid_grant", 500133},
		{"not yet valid", assertion(cloud.TokenOptions{IssuedAt: time.Now().Add(hour)}), 400, "invalid_grant", 500133},
		{"without end", claim("exp", nil), 400, "invalid_grant", 500133},
		{"for another app", assertion(cloud.TokenOptions{Audience: c.SPAClientID}), 400, "invalid_grant", 500131},
		{"for Graph", []string{"assertion", c.Entra.GraphToken(alice, cloud.TokenOptions{})}, 400, "invalid_grant", 500131},
		{"wrong issuer", claim("iss", "https://evil.example"), 400, "invalid_grant", 50013},
		{"issuer of another tenant", claim("iss", c.Entra.V2Issuer(foreignTenant)), 400, "invalid_grant", 50013},
		{"tenant missing", claim("tid", nil), 400, "invalid_grant", 50013},
		{"unlisted key", assertion(cloud.TokenOptions{Key: cloud.KeyUnlisted}), 400, "invalid_grant", 50013},
		{"unlisted key, right kid", assertion(cloud.TokenOptions{Key: cloud.KeyUnlisted, Header: map[string]any{"kid": c.Entra.KeyID()}}), 400, "invalid_grant", 50013},
		{"key of personal accounts", assertion(cloud.TokenOptions{Key: cloud.KeyMSA}), 400, "invalid_grant", 50013},
		{"RS512", assertion(cloud.TokenOptions{Alg: "RS512"}), 400, "invalid_grant", 50013},
		{"PS256", assertion(cloud.TokenOptions{Alg: "PS256"}), 400, "invalid_grant", 50013},
		{"HS256", assertion(cloud.TokenOptions{Alg: "HS256"}), 400, "invalid_grant", 50013},
		{"none", assertion(cloud.TokenOptions{Alg: "none"}), 400, "invalid_grant", 50013},
		{"changed", []string{"assertion", good[:len(good)-8] + "AAAAAAAA"}, 400, "invalid_grant", 50013},
		{"app only", []string{"assertion", c.Entra.AppToken(cloud.TokenOptions{})}, 400, "unauthorized_client", 7000114},
		{"id token", assertion(cloud.TokenOptions{Claims: map[string]any{"scp": nil, "azp": nil}}), 400, "invalid_grant", 240002},
		{"user of nobody", claim("oid", foreignTenant), 400, "invalid_grant", 50034},
	}
	for _, test := range tests {
		r := post(t, c, c.Entra.TokenURL(c.TenantID), without(oboForm(c, good), test.changes...))
		if r.status != test.status || r.str("error") != test.code || number(r) != test.number {
			t.Errorf("%s: %d %s, want %d %s %d", test.name, r.status, r.body, test.status, test.code, test.number)
		}
		for _, name := range []string{"timestamp", "trace_id", "correlation_id", "error_description"} {
			if r.str(name) == "" {
				t.Errorf("%s: no %s in %s", test.name, name, r.body)
			}
		}
		for _, secret := range []string{c.ClientSecret, good} {
			if strings.Contains(r.body, secret) {
				t.Errorf("%s: the answer repeats a secret", test.name)
			}
		}
	}
}

func TestTokenEndpointForm(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	alice := c.Entra.AddUser(cloud.User{})
	form := oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{}))
	for _, tenant := range []string{"common", "organizations"} {
		if r := post(t, c, c.Entra.TokenURL(tenant), form); number(r) != 9001023 {
			t.Errorf("%s: %s", tenant, r.body)
		}
	}
	if r := post(t, c, c.Entra.TokenURL("nobody.example"), form); number(r) != 90002 {
		t.Errorf("unknown tenant: %s", r.body)
	}
	if r := post(t, c, c.Entra.TokenURL(cloud.TenantDomain), form); r.status != 200 {
		t.Errorf("by domain: %s", r.body)
	}
	r := send(t, c.HTTPClient(), newRequest(t, "POST", c.Entra.TokenURL(c.TenantID), form.Encode(), "Content-Type", "application/json"))
	if number(r) != 9000411 {
		t.Errorf("wrong content type: %s", r.body)
	}
	form.Add("client_id", c.ClientID)
	if r := post(t, c, c.Entra.TokenURL(c.TenantID), form); number(r) != 9000411 {
		t.Errorf("repeated parameter: %s", r.body)
	}
	form.Del("client_id")
	correlation := "12345678-1234-4234-8234-123456789abc"
	req := newRequest(t, "POST", c.Entra.TokenURL(c.TenantID), form.Encode(), "Content-Type", "application/x-www-form-urlencoded",
		"client-request-id", correlation, "return-client-request-id", "true")
	if r := send(t, c.HTTPClient(), req); r.str("correlation_id") != correlation || r.header.Get("client-request-id") != correlation {
		t.Errorf("correlation: %v %s", r.header, r.body)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	capabilities := `{"access_token":{"xms_cc":{"values":["cp1"]}}}`
	tests := []struct {
		name      string
		refusal   cloud.Refusal
		claims    string // of the exchange
		stepUp    bool   // of the assertion
		status    int
		code, sub string
	}{
		{"consent", cloud.Refusal{Code: cloud.ConsentRequired}, "", false, 400, "invalid_grant", "consent_required"},
		{"blocked", cloud.Refusal{Code: cloud.AccessBlocked}, "", true, 400, "invalid_grant", "message_only"},
		{"not assigned", cloud.Refusal{Code: cloud.UserNotAssigned}, "", false, 400, "invalid_grant", ""},
		{"assertion", cloud.Refusal{Code: cloud.AssertionRefused}, "", false, 400, "invalid_grant", ""},
		{"secret", cloud.Refusal{Code: cloud.BadClientSecret}, "", false, 401, "invalid_client", ""},
		{"transient", cloud.Refusal{Code: cloud.TransientFailure}, "", false, 503, "temporarily_unavailable", ""},
		{"throttled", cloud.Refusal{Code: cloud.TooManyRequests}, "", false, 429, "temporarily_unavailable", ""},
		{"a number that is not in the table", cloud.Refusal{Code: 123456}, "", false, 400, "invalid_grant", ""},
		{"challenge", cloud.Refusal{Code: cloud.MFARequired, Claims: cloud.MFAClaims}, "", false, 400, "interaction_required", "basic_action"},
		{"challenge, capabilities do not help", cloud.Refusal{Code: cloud.MFARequired, Claims: cloud.MFAClaims}, capabilities, false, 400, "interaction_required", "basic_action"},
		{"challenge met by claims", cloud.Refusal{Code: cloud.MFARequired, Claims: cloud.MFAClaims}, cloud.MFAClaims, false, 200, "", ""},
		{"challenge met by a stronger sign-in", cloud.Refusal{Code: cloud.MFAEnrollment, Claims: cloud.MFAClaims}, "", true, 200, "", ""},
		{"without claims nothing helps", cloud.Refusal{Code: cloud.MFARequired}, cloud.MFAClaims, true, 400, "interaction_required", "basic_action"},
		{"another user", cloud.Refusal{Code: cloud.AccessBlocked, User: foreignTenant}, "", false, 200, "", ""},
		{"another tenant", cloud.Refusal{Code: cloud.AccessBlocked, Tenant: foreignTenant}, "", false, 200, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := start(t, cloud.Config{InProcess: true})
			alice := c.Entra.AddUser(cloud.User{})
			allow := c.Entra.Refuse(test.refusal)
			form := oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{StepUp: test.stepUp}))
			r := post(t, c, c.Entra.TokenURL(c.TenantID), without(form, "claims", test.claims))
			if r.status != test.status || r.str("error") != test.code || r.str("suberror") != test.sub {
				t.Errorf("answered %d %s", r.status, r.body)
			}
			if r.status != 200 && (r.str("claims") != test.refusal.Claims || number(r) != test.refusal.Code) {
				t.Errorf("claims or number are wrong: %s", r.body)
			}
			if got := r.header.Get("Retry-After"); (r.status == 429) != (got != "") {
				t.Errorf("Retry-After is %q", got)
			}
			allow()
			if r := post(t, c, c.Entra.TokenURL(c.TenantID), form); r.status != 200 {
				t.Errorf("allowed again: %d %s", r.status, r.body)
			}
		})
	}
}

func TestSettingsOfTokens(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	alice := c.Entra.AddUser(cloud.User{})
	c.Entra.SetGraphPermissions("User.Read")
	c.Entra.SetTokenLifetime(10 * time.Minute)
	r := post(t, c, c.Entra.TokenURL(c.TenantID), oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{})))
	_, claims := decode(t, r.str("access_token"))
	if r.at("expires_in") != 600.0 || claims["exp"].(float64)-claims["iat"].(float64) != 600 || claims["scp"] != "User.Read" {
		t.Errorf("%s with %v", r.body, claims)
	}
	c.Entra.SetGraphPermissions()
	if r := post(t, c, c.Entra.TokenURL(c.TenantID), oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{}))); number(r) != 65001 {
		t.Errorf("without any consent: %s", r.body)
	}
}
