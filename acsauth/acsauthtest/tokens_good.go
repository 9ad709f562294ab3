package acsauthtest

import (
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// good are the tokens that must get through, however odd.
func (m *mint) good() []TokenCase {
	appIDURI := "api://" + m.ClientID
	present := func(name, why, authorization string) TokenCase {
		return TokenCase{Name: name, Why: why, Authorization: []string{authorization}}
	}
	return []TokenCase{
		admitted("v2.0", "the usual token", m.token),
		admitted("v1.0", "the API's app registration decides on the version", m.with(cloud.TokenOptions{Version: 1})),
		present("scheme in lower case", "the case of a scheme is free (RFC 9110 section 11.1)", "bearer "+m.token),
		present("scheme in upper case", "the case of a scheme is free (RFC 9110 section 11.1)", "BEARER "+m.token),
		present("two spaces after the scheme", "there may be several (RFC 9110 section 11.4)", "Bearer  "+m.token),
		admitted("just below 16 KiB", "users in many groups have long tokens", m.ofLength(maxToken)),

		admitted("v1.0 for the client id", "v1.0 tokens name the client id or an App ID URI", m.with(cloud.TokenOptions{Version: 1, Audience: m.ClientID})),
		admitted("v2.0 for the App ID URI", "both forms of the audience mean this API, whatever the version", m.with(cloud.TokenOptions{Audience: appIDURI})),
		admitted("client id in upper case as the audience", "the case of a GUID is free", m.with(cloud.TokenOptions{Audience: strings.ToUpper(m.ClientID)})),
		admitted("audience in an array", "aud is a string or an array (RFC 7519 section 4.1.3)", m.claim("aud", []string{m.ClientID})),
		admitted("one of several audiences", "one of them must be this API", m.claim("aud", []string{"https://example.com", appIDURI})),

		admitted("expired within the allowance", "clocks differ by up to five minutes", m.with(cloud.TokenOptions{IssuedAt: m.now.Add(-62 * time.Minute), Lifetime: time.Hour})),
		admitted("valid in three minutes", "clocks differ by up to five minutes", m.claim("nbf", m.seconds(3*time.Minute))),
		admitted("issued in the future", "nbf says from when on a token is valid, iat says nothing", m.claim("iat", m.seconds(time.Hour))),
		admitted("no nbf", "nbf is optional (RFC 7519 section 4.1.5)", m.claim("nbf", nil)),
		admitted("dates with fractions", "a date may have a fraction (RFC 7519 section 2)", m.with(cloud.TokenOptions{Claims: map[string]any{
			"nbf": float64(m.seconds(-time.Minute)) + 0.25, "exp": float64(m.seconds(time.Hour)) + 0.75}})),
		admitted("date with an exponent", "every JSON number may have one", m.rawClaim("exp", "4.1e9")),

		admitted("no type in the header", "typ is optional (RFC 7515 section 4.1.9)", m.head("typ", nil)),
		admitted("type at+jwt", "what RFC 9068 calls an access token", m.head("typ", "at+jwt")),
		admitted("type in lower case", "the case of a media type is free", m.head("typ", "jwt")),
		admitted("thumbprint of the key", "v1.0 tokens have one (x5t), and it decides nothing", m.head("x5t", m.entra.KeyID())),
		admitted("addresses of keys in the header", "they are ignored: keys come from the authority", m.with(cloud.TokenOptions{Header: map[string]any{
			"jku": "https://attacker.example/keys", "x5u": "https://attacker.example/certificate"}})),

		admitted("several scopes", "the scope is one of them", m.with(cloud.TokenOptions{Scope: "profile access_as_user email"})),
		admitted("user's roles", "roles neither give nor take here", m.claim("roles", []string{"Reader"})),
		admitted("kind of token: user", "idtyp may say so (optional claim)", m.claim("idtyp", "user")),
		admitted("object id in upper case", "the case of a GUID is free", m.claim("oid", strings.ToUpper(m.user.ObjectID))),
		admitted("guest", "tid is the tenant that the user is a guest of, idp their own", m.with(cloud.TokenOptions{Claims: map[string]any{
			"idp": "https://sts.windows.net/" + otherID + "/", "acct": 1, "email": "ada@fabrikam.example"}})),
		admitted("groups overage", "users in more than 200 groups have a reference instead", m.with(cloud.TokenOptions{Claims: map[string]any{
			"hasgroups": true, "_claim_names": map[string]any{"groups": "src1"},
			"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.windows.net/" + m.user.TenantID}}}})),
		admitted("capable of claims challenges", "optional claims change nothing", m.with(cloud.TokenOptions{StepUp: true, Claims: map[string]any{"xms_cc": []string{"cp1"}}})),
		admitted("no token id", "uti is for audit logs only", m.claim("uti", nil)),

		admitted("unknown claims of every type", "what is not read may be anything", m.payload(more(m.claimJSON,
			`"x1":null,"x2":[1,-2.5e-3,[true,{}]],"x3":{"x":{"x":[]}},"x4":"\u00e9\ud83d\ude00\"","x5":false`))),
		admitted("our names further down", "only names at the same depth collide", m.payload(more(m.claimJSON, `"x":{"tid":"`+otherID+`","TID":1,"exp":[]}`))),
		admitted("names that are nearly ours", "they differ in more than case", m.payload(more(m.claimJSON, `"":0,"tid ":0,"t\u0131d":0,"tid\u0000":0,"\uff54\uff49\uff44":0,"aud[]":0`))),
		admitted("claim name with an escape", "an escape is a spelling of a character", m.payload(strings.Replace(m.claimJSON, `"tid"`, `"\u0074id"`, 1))),
		admitted("claim value with an escape", "an escape is a spelling of a character", m.payload(strings.Replace(m.claimJSON, `"access_as_user"`, `"access\u005fas_user"`, 1))),
		admitted("white space in the payload", "JSON may have it between its parts", m.payload("\r\n{ \t"+strings.TrimPrefix(m.claimJSON, "{")+" \n")),
	}
}
