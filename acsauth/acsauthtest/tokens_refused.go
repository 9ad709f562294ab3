package acsauthtest

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// untimely are genuine, but not valid now.
func (m *mint) untimely() []TokenCase {
	const (
		expiry = "without a date of expiry a token is good for ever"
		date   = "a date is a number of seconds (RFC 7519 section 2)"
		now    = "a token is valid from nbf until exp, give or take five minutes"
	)
	return []TokenCase{
		invalid("expired", now, m.with(cloud.TokenOptions{IssuedAt: m.now.Add(-2 * time.Hour), Lifetime: time.Hour})),
		invalid("expired a little beyond the allowance", now, m.with(cloud.TokenOptions{IssuedAt: m.now.Add(-65*time.Minute - time.Second), Lifetime: time.Hour})),
		invalid("not valid yet", now, m.claim("nbf", m.seconds(time.Hour))),
		invalid("not valid yet a little beyond the allowance", now, m.claim("nbf", m.seconds(9*time.Minute))),
		invalid("expires before it becomes valid", "such a token is never valid", m.with(cloud.TokenOptions{Claims: map[string]any{
			"exp": m.seconds(-time.Minute), "nbf": m.seconds(time.Minute)}})),
		invalid("no expiry", expiry, m.claim("exp", nil)),
		invalid("expiry: null", expiry, m.rawClaim("exp", "null")),
		invalid("expiry as a text", date, m.claim("exp", "4102444800")),
		invalid("expiry as a list", date, m.claim("exp", []int64{m.seconds(time.Hour)})),
		invalid("expiry as an object", date, m.claim("exp", map[string]any{})),
		invalid("expiry: true", date, m.claim("exp", true)),
		invalid("expiry: zero", now, m.claim("exp", 0)),
		invalid("negative expiry", date, m.claim("exp", -m.seconds(time.Hour))),
		invalid("expiry in milliseconds", "the year 50,000 is no date of expiry", m.claim("exp", m.now.Add(time.Hour).UnixMilli())),
		invalid("huge expiry", "numbers must not overflow into the future", m.rawClaim("exp", "1e300")),
		invalid("expiry beyond every number", "numbers must not overflow into the future", m.rawClaim("exp", "1e999")),
		invalid("expiry beyond 64 bits", "numbers must not overflow into the future", m.rawClaim("exp", "18446744073709551617")),
		invalid("expiry: NaN", date, m.rawClaim("exp", "NaN")),
		invalid("expiry: Infinity", date, m.rawClaim("exp", "Infinity")),
		invalid("expiry in hexadecimal", date, m.rawClaim("exp", "0x7fffffff")),
		invalid("nbf as a text", date, m.claim("nbf", "0")),
		invalid("negative nbf", date, m.claim("nbf", -1)),
		invalid("nbf: null", date, m.rawClaim("nbf", "null")),
	}
}

// misdirected are genuine, but for another API, or of another tenant or authority.
func (m *mint) misdirected() []TokenCase {
	const (
		audience = "a token for another API does not open this one"
		whole    = "audiences are compared whole, never as prefixes or patterns"
		issuer   = "the issuer is exactly the one of the token's tenant and version in this cloud"
		tenant   = "whose tenant is not allowed may not call"
		version  = "the version decides how a token is read"
	)
	tid := m.user.TenantID
	of := func(tenantID, issuer string) string {
		return m.with(cloud.TokenOptions{Claims: map[string]any{"tid": tenantID, "iss": issuer}})
	}
	return []TokenCase{
		invalid("for Microsoft Graph", audience, m.entra.GraphToken(m.user, cloud.TokenOptions{})),
		invalid("for Microsoft Graph, without a nonce", audience, m.with(cloud.TokenOptions{Audience: "https://graph.microsoft.com"})),
		invalid("for Microsoft Graph by its id", audience, m.with(cloud.TokenOptions{Audience: "00000003-0000-0000-c000-000000000000"})),
		invalid("for Azure Resource Manager", audience, m.with(cloud.TokenOptions{Audience: "https://management.azure.com"})),
		invalid("for Teams users", audience, m.entra.TeamsToken(m.user, cloud.TokenOptions{})),
		invalid("for another API", audience, m.with(cloud.TokenOptions{Audience: "api://" + otherID})),
		invalid("for several other APIs", audience, m.claim("aud", []string{otherID, "api://" + otherID})),
		invalid("for the client that asked for it", "an ID token is for its client, and opens nothing", m.with(cloud.TokenOptions{Audience: m.cloud.SPAClientID, Claims: map[string]any{"scp": nil}})),
		invalid("no audience", audience, m.claim("aud", nil)),
		invalid("audience: null", audience, m.rawClaim("aud", "null")),
		invalid("an empty audience", audience, m.claim("aud", "")),
		invalid("an empty list of audiences", audience, m.claim("aud", []string{})),
		invalid("an audience that is a number", audience, m.claim("aud", 1)),
		invalid("an audience that is an object", audience, m.claim("aud", map[string]any{m.ClientID: true})),
		invalid("a list of audiences that are no texts", audience, m.claim("aud", []any{m.ClientID, 1})),
		invalid("a list of audiences with null", audience, m.claim("aud", []any{m.ClientID, nil})),
		invalid("a list of audiences within a list", audience, m.claim("aud", []any{[]string{m.ClientID}})),
		invalid("an audience that begins like ours", whole, m.with(cloud.TokenOptions{Audience: m.ClientID + ".attacker.example"})),
		invalid("an audience that ends like ours", whole, m.with(cloud.TokenOptions{Audience: "https://attacker.example/" + m.ClientID})),
		invalid("an audience with a space", whole, m.with(cloud.TokenOptions{Audience: m.ClientID + " "})),
		invalid("an App ID URI with a slash too many", whole, m.with(cloud.TokenOptions{Audience: "api://" + m.ClientID + "/"})),
		invalid("an App ID URI in another case", whole, m.with(cloud.TokenOptions{Audience: "API://" + m.ClientID})),

		invalid("of another tenant", tenant, of(otherID, m.entra.V2Issuer(otherID))),
		invalid("of another tenant, v1.0", tenant, m.with(cloud.TokenOptions{Version: 1, Claims: map[string]any{"tid": otherID, "iss": m.entra.V1Issuer(otherID)}})),
		invalid("of a personal account", tenant, m.with(cloud.TokenOptions{Key: cloud.KeyMSA, Claims: map[string]any{
			"tid": cloud.MSATenantID, "iss": m.entra.V2Issuer(cloud.MSATenantID)}})),
		invalid("another tenant under our issuer", issuer, of(otherID, m.entra.V2Issuer(tid))),
		invalid("our tenant under another issuer", issuer, of(tid, m.entra.V2Issuer(otherID))),
		invalid("no tenant", tenant, m.claim("tid", nil)),
		invalid("tenant: null", tenant, m.rawClaim("tid", "null")),
		invalid("a tenant that is a list", tenant, m.claim("tid", []string{tid})),
		invalid("a tenant that is no GUID", "a tenant id ends up in addresses and keys", of("common", m.entra.V2Issuer("common"))),
		invalid("a tenant that is a path", "a tenant id ends up in addresses and keys", of(tid+"/../"+otherID, m.entra.V2Issuer(tid+"/../"+otherID))),
		invalid("a tenant in braces", "a tenant id has one form", of("{"+tid+"}", m.entra.V2Issuer("{"+tid+"}"))),
		invalid("a tenant without hyphens", "a tenant id has one form", of(strings.ReplaceAll(tid, "-", ""), m.entra.V2Issuer(strings.ReplaceAll(tid, "-", "")))),

		invalid("another issuer", issuer, m.claim("iss", "https://login.attacker.example/"+tid+"/v2.0")),
		invalid("the issuer of another cloud", issuer, m.claim("iss", "https://login.microsoftonline.us/"+tid+"/v2.0")),
		invalid("the issuer of another cloud, v1.0", issuer, m.v1("iss", "https://sts.chinacloudapi.cn/"+tid+"/")),
		invalid("an issuer with a slash too many", issuer, m.claim("iss", m.entra.V2Issuer(tid)+"/")),
		invalid("an issuer without its slash, v1.0", issuer, m.v1("iss", strings.TrimSuffix(m.entra.V1Issuer(tid), "/"))),
		invalid("an issuer in another case", issuer, m.claim("iss", m.AuthorityHost+"/"+tid+"/V2.0")),
		invalid("an issuer with its port spelled out", issuer, m.v1("iss", "https://sts.windows.net:443/"+tid+"/")),
		invalid("an issuer that contains ours", issuer, m.claim("iss", "https://attacker.example/?"+m.entra.V2Issuer(tid))),
		invalid("the template of the issuer", issuer, m.claim("iss", m.entra.V2Issuer("{tenantid}"))),
		invalid("a list of issuers", issuer, m.claim("iss", []string{m.entra.V2Issuer(tid)})),
		invalid("no issuer", issuer, m.claim("iss", nil)),
		invalid("the issuer of v1.0 in a v2.0 token", version, m.claim("iss", m.entra.V1Issuer(tid))),
		invalid("the issuer of v2.0 in a v1.0 token", version, m.v1("iss", m.entra.V2Issuer(tid))),
		invalid("v1.0 that claims to be v2.0", version, m.v1("ver", "2.0")),
		invalid("an unknown version", version, m.claim("ver", "3.0")),
		invalid("a version that is a number", version, m.claim("ver", 2.0)),
		invalid("no version", version, m.claim("ver", nil)),
		invalid("an unknown version under the issuer of v1.0", version, m.v1("ver", "3.0")),
		invalid("no version under the issuer of v1.0", version, m.v1("ver", nil)),
	}
}

// ambiguous are genuine, but different parsers read them differently.
func (m *mint) ambiguous() []TokenCase {
	const why = "one check would see the first, another the last: names differ, and in more than case"
	also := func(name, members string) TokenCase { return invalid(name, why, m.payload(more(m.claimJSON, members))) }
	first := func(name, members string) TokenCase {
		return invalid(name, why, m.payload("{"+members+","+strings.TrimPrefix(m.claimJSON, "{")))
	}
	return []TokenCase{
		also("the tenant twice", fmt.Sprintf(`"tid":%q`, m.user.TenantID)),
		also("another tenant behind", fmt.Sprintf(`"tid":%q`, otherID)),
		first("another tenant in front", fmt.Sprintf(`"tid":%q`, otherID)),
		also("another tenant, in upper case", fmt.Sprintf(`"TID":%q`, otherID)),
		also("another tenant, with an escape", fmt.Sprintf(`"\u0074id":%q`, otherID)),
		also("another tenant, with an escape, in upper case", fmt.Sprintf(`"\u0054ID":%q`, otherID)),
		also("another user", fmt.Sprintf(`"Oid":%q`, otherID)),
		also("another audience", `"AUD":"x"`),
		also("another issuer, with a long s", fmt.Sprintf(`"i\u017fs":%q`, m.entra.V2Issuer(otherID))),
		first("another expiry", `"EXP":4102444800`),
		also("other scopes", `"Scp":"access_as_user"`),
		also("an unknown claim twice", `"x":1,"X":1`),
	}
}

// powerless are genuine tokens for this API, whose bearers may not call it all the
// same, or who stand for nobody.
func (m *mint) powerless() []TokenCase {
	const (
		nobody = "a user is known by tenant and object id, in every version"
		user   = "an application without a user is nobody's identity"
		scope  = "the scope is one whole word of scp, in exactly this case"
	)
	noUser := func(name, token string) TokenCase {
		return refused(http.StatusForbidden, "user_token_required", name, user, token)
	}
	noScope := func(name, token string) TokenCase {
		return refused(http.StatusForbidden, "insufficient_scope", name, scope, token)
	}
	return []TokenCase{
		invalid("no object id", nobody, m.claim("oid", nil)),
		invalid("an object id that is no GUID", nobody, m.claim("oid", "me")),
		invalid("an object id that is a path", nobody, m.claim("oid", "../"+m.user.ObjectID)),
		invalid("an object id that is a number", nobody, m.claim("oid", 1)),
		invalid("no subject", nobody, m.claim("sub", nil)),
		invalid("an empty subject", nobody, m.claim("sub", "")),
		invalid("scopes in a list", "scp is a text", m.claim("scp", []string{"access_as_user"})),
		invalid("scope: null", "scp is a text", m.rawClaim("scp", "null")),

		noUser("an application's own", m.entra.AppToken(cloud.TokenOptions{})),
		noUser("an application's own, v1.0", m.entra.AppToken(cloud.TokenOptions{Version: 1})),
		noUser("an application's own, with a role", m.entra.AppToken(cloud.TokenOptions{Claims: map[string]any{"roles": []string{"access_as_user"}}})),
		noUser("an application's own, with a scope", m.entra.AppToken(cloud.TokenOptions{Scope: "access_as_user"})),
		noUser("a user's that says it is an application's", m.claim("idtyp", "app")),
		noUser("no scope", m.claim("scp", nil)),
		noUser("an empty scope", m.claim("scp", "")),
		noUser("an ID token for this application", m.with(cloud.TokenOptions{Claims: map[string]any{"scp": nil, "azp": nil, "azpacr": nil, "nonce": "abc"}})),

		noScope("another scope", m.with(cloud.TokenOptions{Scope: "profile access_as_user.read"})),
		noScope("a scope that ends like ours", m.with(cloud.TokenOptions{Scope: "not_access_as_user"})),
		noScope("the scope in another case", m.with(cloud.TokenOptions{Scope: "Access_As_User"})),
		noScope("the scope with its API", m.with(cloud.TokenOptions{Scope: "api://" + m.ClientID + "/access_as_user"})),
		noScope("scopes with commas", m.with(cloud.TokenOptions{Scope: "profile,access_as_user"})),
		noScope("scopes with tabs", m.with(cloud.TokenOptions{Scope: "profile\taccess_as_user"})),
		noScope("only a space", m.with(cloud.TokenOptions{Scope: " "})),
		noScope("the scope as a role only", m.with(cloud.TokenOptions{Scope: "profile", Claims: map[string]any{"roles": []string{"access_as_user"}}})),
	}
}
