package acsauth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// What becomes of a Teams user's token. Only one that passes every rule reaches ACS.
func TestTeamsTokens(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	asked := func() (n int) {
		for _, call := range s.Calls() {
			if call.Op == cloud.OpACSTeams {
				n++
			}
		}
		return n
	}
	const teamsAudience = "https://auth.msft.communication.azure.com"
	const stranger = "99999999-9999-4999-8999-999999999999"
	otherTenant := cloud.User{TenantID: stranger, ObjectID: s.user.ObjectID}
	token := func(o cloud.TokenOptions) string {
		if o.ClientID == "" {
			o.ClientID = s.SPAClientID
		}
		return s.Entra.TeamsToken(s.user, o)
	}
	claim := func(name string, value any) string {
		return token(cloud.TokenOptions{Claims: map[string]any{name: value}})
	}
	header := func(name string, value any) string {
		return token(cloud.TokenOptions{Header: map[string]any{name: value}})
	}
	good := token(cloud.TokenOptions{})
	parts := strings.Split(good, ".")
	past := time.Now().Add(-2 * time.Hour)

	for _, test := range []struct {
		name, token string
		status      int
		error       string
		asked       bool // whether ACS is
	}{
		{"good", good, 201, "", true},
		{"of v2.0", token(cloud.TokenOptions{Claims: map[string]any{
			"ver": "2.0", "iss": s.Entra.V2Issuer(s.user.TenantID), "azp": s.SPAClientID, "appid": nil,
			"aud": "1fd5118e-2576-4263-8130-9503064c837a",
		}}), 201, "", true},
		{"audience with a slash", token(cloud.TokenOptions{Audience: teamsAudience + "/"}), 201, "", true},
		{"more scopes", token(cloud.TokenOptions{Scope: "profile Teams.ManageChats Teams.ManageCalls"}), 201, "", true},
		{"signed for Microsoft alone", header("nonce", "n"), 201, "", true},

		// ACS vouches where nobody else can.
		{"with a nonce and another signature", strings.Join([]string{strings.Split(header("nonce", "n"), ".")[0], parts[1], parts[2]}, "."), 400, "invalid_teams_token", true},

		{"opaque", "not-a-token", 400, "invalid_teams_token", false},
		{"encrypted", good + ".a.b", 400, "invalid_teams_token", false},
		{"claims twice", claim("OID", stranger), 400, "invalid_teams_token", false},
		{"unsigned", token(cloud.TokenOptions{Alg: "none"}), 400, "invalid_teams_token", false},
		{"signed with an unpublished key", token(cloud.TokenOptions{Key: cloud.KeyUnlisted}), 400, "invalid_teams_token", false},
		{"signed with the key of personal accounts", token(cloud.TokenOptions{Key: cloud.KeyMSA}), 400, "invalid_teams_token", false},
		{"another's signature", parts[0] + "." + strings.Split(claim("x", "y"), ".")[1] + "." + parts[2], 400, "invalid_teams_token", false},
		{"another issuer", claim("iss", "https://sts.windows.net/"+stranger+"/"), 400, "invalid_teams_token", false},
		{"no version", claim("ver", nil), 400, "invalid_teams_token", false},
		{"another audience", token(cloud.TokenOptions{Audience: "https://graph.microsoft.com"}), 400, "invalid_teams_token", false},
		{"the API's own audience", token(cloud.TokenOptions{Audience: s.ClientID}), 400, "invalid_teams_token", false},
		{"audience with two slashes", token(cloud.TokenOptions{Audience: teamsAudience + "//"}), 400, "invalid_teams_token", false},
		{"expired", token(cloud.TokenOptions{IssuedAt: past, Lifetime: time.Hour}), 400, "invalid_teams_token", false},
		{"no expiry", claim("exp", nil), 400, "invalid_teams_token", false},
		{"not valid yet", claim("nbf", time.Now().Add(time.Hour).Unix()), 400, "invalid_teams_token", false},
		{"expired, signed for Microsoft alone", token(cloud.TokenOptions{IssuedAt: past, Lifetime: time.Hour, Header: map[string]any{"nonce": "n"}}), 400, "invalid_teams_token", false},
		{"no chats", token(cloud.TokenOptions{Scope: "Teams.ManageCalls"}), 400, "invalid_teams_token", false},
		{"no calls", token(cloud.TokenOptions{Scope: "Teams.ManageChats"}), 400, "invalid_teams_token", false},
		{"scopes in another case", token(cloud.TokenOptions{Scope: "teams.managecalls teams.managechats"}), 400, "invalid_teams_token", false},
		{"no application", claim("appid", nil), 400, "invalid_teams_token", false},
		{"another application", token(cloud.TokenOptions{ClientID: stranger}), 403, "teams_user_mismatch", false},
		{"the API's own application", token(cloud.TokenOptions{ClientID: s.ClientID}), 403, "teams_user_mismatch", false},
		{"another user", s.Entra.TeamsToken(s.Entra.AddUser(cloud.User{}), cloud.TokenOptions{ClientID: s.SPAClientID}), 403, "teams_user_mismatch", false},
		{"no user", claim("oid", nil), 403, "teams_user_mismatch", false},
		{"another tenant", s.Entra.TeamsToken(otherTenant, cloud.TokenOptions{ClientID: s.SPAClientID}), 400, "invalid_teams_token", false},
		{"another tenant, signed for Microsoft alone", s.Entra.TeamsToken(otherTenant, cloud.TokenOptions{ClientID: s.SPAClientID, Header: map[string]any{"nonce": "n"}}), 403, "teams_user_mismatch", false},
	} {
		before := asked()
		a := s.send(request{method: "GET", path: "/api/token/teams", header: http.Header{"teams-user-aad-token": {test.token}}})
		if n := asked() - before; a.status != test.status || a.field("error") != test.error || (n == 1) != test.asked {
			t.Errorf("%s: %d %s, ACS asked %d times; want %d %s, %t", test.name, a.status, a.body, n, test.status, test.error, test.asked)
		}
		if a.status != 201 && strings.Contains(a.body, test.token) {
			t.Errorf("%s: the answer repeats the token", test.name)
		}
	}
}

// ACS is told the application that acquired the token, which is not the API.
func TestTeamsApplication(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory, func(set *setup) { set.auth.TeamsClients = nil })
	for _, test := range []struct {
		client string
		want   int
	}{{s.ClientID, 201}, {s.SPAClientID, 403}} {
		a := s.send(request{method: "GET", path: "/api/token/teams", header: http.Header{
			"teams-user-aad-token": {s.Entra.TeamsToken(s.user, cloud.TokenOptions{ClientID: test.client})},
		}})
		if a.status != test.want {
			t.Errorf("by default, token of %s: %d %s; want %d", test.client, a.status, a.body, test.want)
		}
	}
	var audited []any
	for _, line := range s.log.lines("audit") {
		audited = append(audited, []any{line["event"], line["teams_client_id"], line["error"]})
	}
	want := []any{[]any{"teams_token_exchanged", s.ClientID, nil}, []any{"request_refused", nil, "teams_user_mismatch"}}
	if diff := cmp.Diff(want, audited); diff != "" {
		t.Error(diff)
	}
}

// Whoever is refused for the application is told its id, and what an operator would
// have to change: the field, or the setting that a program has for it.
func TestTeamsApplicationIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ setting, want string }{{"", "(TeamsClients)"}, {"PHONE_APPS", "(PHONE_APPS)"}} {
		s := newSystem(t, withMemory, func(set *setup) { set.auth.TeamsClients, set.auth.TeamsClientsSetting = nil, test.setting })
		_, err := s.auth.VerifyTeams(t.Context(), s.acsUser(), s.Entra.TeamsToken(s.user, cloud.TokenOptions{ClientID: s.SPAClientID}))
		var refused *acsauth.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, s.SPAClientID) || !strings.Contains(refused.Message, test.want) {
			t.Errorf("%v; want the application's id and %s", err, test.want)
		}
	}
}

// A token of any length is refused before it is taken apart.
func TestTeamsTokenLength(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	for _, token := range []string{strings.Repeat("a", 16<<10+1), strings.Repeat(".", 1<<20)} {
		_, err := s.auth.VerifyTeams(t.Context(), s.acsUser(), token)
		var refused *acsauth.Error
		if !errors.As(err, &refused) || refused.Name != "invalid_teams_token" || !strings.Contains(refused.Message, "longer than 16 KiB") {
			t.Errorf("%d bytes: %v", len(token), err)
		}
	}
}

// A TeamsAssertion that VerifyTeams did not make is worth nothing.
func TestTeamsAssertionIsVerified(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	_, err := s.service.TeamsToken(t.Context(), acsauth.TeamsAssertion{})
	var refused *acsauth.Error
	if !errors.As(err, &refused) || refused.Name != "invalid_teams_token" {
		t.Errorf("%v; want invalid_teams_token", err)
	}
}
