package acsauth_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// What a caller does to its lists afterwards is its own affair.
func TestAuthenticatorConfigIsCopied(t *testing.T) {
	t.Parallel()
	const audience = "https://api.contoso.example"
	c := startCloud(t)
	u := c.Entra.AddUser(cloud.User{})
	token := c.Entra.UserToken(u, cloud.TokenOptions{Audience: audience})
	teams := c.Entra.TeamsToken(u, cloud.TokenOptions{ClientID: c.SPAClientID})
	cfg := authConfig(c)
	cfg.AllowedTenants, cfg.Audiences = []string{c.TenantID}, []string{audience}
	cfg.AllowedClients, cfg.TeamsClients = []string{c.SPAClientID}, []string{c.SPAClientID}
	auth := must(t, acsauth.NewAuthenticator, cfg)
	for _, list := range [][]string{cfg.AllowedTenants, cfg.Audiences, cfg.AllowedClients, cfg.TeamsClients} {
		list[0] = otherTenant
	}
	user, err := auth.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auth.VerifyTeams(t.Context(), user, teams); err != nil {
		t.Error(err)
	}
}

func TestServiceConfigIsCopied(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	scopes := []acsidentity.Scope{acsidentity.ScopeVoIPJoin}
	service := newMemoryService(t, c, new(acsauth.MemoryMapper), func(cfg *acsauth.ServiceConfig) {
		cfg.Tokens.Scopes, cfg.AutoProvision = scopes, true
	})
	scopes[0] = acsidentity.ScopeChat
	for _, which := range []string{"first token, with the identity", "second token"} {
		token, _, err := service.Token(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		if got := acsScope(t, token.Token); got != string(acsidentity.ScopeVoIPJoin) {
			t.Errorf("%s: scope %s, want that of the configuration as it was", which, got)
		}
	}
}

// acsScope returns what an ACS token is good for.
func acsScope(t *testing.T, token string) string {
	t.Helper()
	var claims struct{ ACSScope string }
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(payload, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims.ACSScope
}
