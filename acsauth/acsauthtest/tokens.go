package acsauthtest

import (
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A BadToken is an access token that a server must refuse.
type BadToken struct {
	Name   string // what is wrong with it
	Token  string // to send as it is
	Status int    // of the answer
	Error  string // the name in the answer: "invalid_token", …
}

// BadTokens returns tokens of u, each wrong in one respect.
func (c *Cloud) BadTokens(u User) []BadToken {
	user := u.entra()
	entra := c.cloud.Entra
	bad := func(name string, o cloud.TokenOptions) BadToken {
		return BadToken{name, entra.UserToken(user, o), 401, "invalid_token"}
	}
	claim := func(name string, value any) cloud.TokenOptions {
		return cloud.TokenOptions{Claims: map[string]any{name: value}}
	}
	header := func(name string, value any) cloud.TokenOptions {
		return cloud.TokenOptions{Header: map[string]any{name: value}}
	}
	const otherTenant = "99999999-9999-4999-8999-999999999999"
	good := entra.UserToken(user, cloud.TokenOptions{})
	parts := strings.Split(good, ".")
	now := time.Now()

	return []BadToken{
		bad("signed with an unpublished key", cloud.TokenOptions{Key: cloud.KeyUnlisted}),
		bad("signed with the key of personal accounts", cloud.TokenOptions{Key: cloud.KeyMSA}),
		bad("unsigned (alg none)", cloud.TokenOptions{Alg: "none"}),
		bad("HS256 with the public key as the secret", cloud.TokenOptions{Alg: "HS256"}),
		bad("RS512", cloud.TokenOptions{Alg: "RS512"}),
		bad("PS256", cloud.TokenOptions{Alg: "PS256"}),
		bad("no key id", header("kid", nil)),
		bad("a key id that is a path", header("kid", "../../etc/passwd")),
		bad("critical header extensions", header("crit", []string{"exp"})),
		bad("another type of token", header("typ", "secevent+jwt")),
		bad("a nonce in the header", header("nonce", "abc")),
		bad("expired", cloud.TokenOptions{IssuedAt: now.Add(-2 * time.Hour), Lifetime: time.Hour}),
		bad("not valid yet", claim("nbf", now.Add(time.Hour).Unix())),
		bad("no expiry", claim("exp", nil)),
		bad("expiry as a string", claim("exp", "4102444800")),
		bad("another audience", cloud.TokenOptions{Audience: "api://99999999-9999-4999-8999-999999999999"}),
		bad("an audience that begins like ours", cloud.TokenOptions{Audience: c.ClientID + ".evil.example"}),
		bad("no audience", claim("aud", nil)),
		{"a token for Microsoft Graph", entra.GraphToken(user, cloud.TokenOptions{}), 401, "invalid_token"},
		bad("another tenant", cloud.TokenOptions{Claims: map[string]any{"tid": otherTenant, "iss": entra.V2Issuer(otherTenant)}}),
		bad("a tenant that is no GUID", claim("tid", "common")),
		bad("no tenant", claim("tid", nil)),
		bad("another issuer", claim("iss", "https://login.evil.example/"+u.TenantID+"/v2.0")),
		bad("an issuer with a slash too many", claim("iss", entra.V2Issuer(u.TenantID)+"/")),
		bad("no issuer", claim("iss", nil)),
		bad("issuer of v1.0 in a v2.0 token", claim("iss", entra.V1Issuer(u.TenantID))),
		bad("an unknown version", claim("ver", "3.0")),
		bad("no version", claim("ver", nil)),
		bad("no object id", claim("oid", nil)),
		bad("an object id that is no GUID", claim("oid", "me")),
		bad("no subject", claim("sub", nil)),
		bad("a second tenant claim in another case", claim("TID", otherTenant)),
		bad("a second audience claim in another case", claim("AUD", "x")),
		{"another user's claims under this signature", parts[0] + "." + strings.Split(entra.UserToken(user, claim("oid", otherTenant)), ".")[1] + "." + parts[2], 401, "invalid_token"},
		{"no signature", parts[0] + "." + parts[1] + ".", 401, "invalid_token"},
		{"two parts", parts[0] + "." + parts[1], 401, "invalid_token"},
		{"encrypted (five parts)", good + ".a.b", 401, "invalid_token"},
		{"not base64", "a.b=.c", 400, "invalid_request"},
		{"opaque", "not-a-token", 401, "invalid_token"},
		{"longer than 16 KiB", good + strings.Repeat("A", 16<<10), 401, "invalid_token"},
		{"an application's own", entra.AppToken(cloud.TokenOptions{}), 403, "user_token_required"},
		{"an application's own with a scope", entra.AppToken(cloud.TokenOptions{Scope: "access_as_user"}), 403, "user_token_required"},
		{"no scope", entra.UserToken(user, claim("scp", nil)), 403, "user_token_required"},
		{"another scope", entra.UserToken(user, cloud.TokenOptions{Scope: "profile access_as_user.read"}), 403, "insufficient_scope"},
		{"the scope in another case", entra.UserToken(user, cloud.TokenOptions{Scope: "Access_As_User"}), 403, "insufficient_scope"},
		{"the scope as a role only", entra.UserToken(user, cloud.TokenOptions{Scope: "profile", Claims: map[string]any{"roles": []string{"access_as_user"}}}), 403, "insufficient_scope"},
	}
}
