package acsauth

import (
	"errors"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// Audiences of tokens for Microsoft Graph, in all clouds, which people send here by
// mistake more often than anything else.
var graphAudiences = []string{
	"00000003-0000-0000-c000-000000000000",
	"https://graph.microsoft.com", "https://graph.microsoft.com/",
	"https://graph.microsoft.us", "https://graph.microsoft.us/",
	"https://dod-graph.microsoft.us", "https://dod-graph.microsoft.us/",
	"https://microsoftgraph.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/",
}

// compactHint is for those who send a token in JSON serialisation, or the whole
// answer that the token came in.
const compactHint = "This is JSON. Send the access token alone and in compact form: three parts that are joined by dots."

func invalid(message string) *Error { return refuse("invalid_token", message) }

func notCompact(err error) error {
	switch {
	case errors.Is(err, jose.ErrEncrypted):
		return invalid("The access token is encrypted. Remove the token encryption key from the API's app registration.")
	case errors.Is(err, jose.ErrSerialisation):
		return invalid(compactHint)
	}
	return invalid("The access token is not a signed JSON Web Token in compact form.")
}

// checkHeader holds the JOSE header to what Entra sends. The algorithm is fixed
// before any key is looked up, so that no token can choose how it is verified.
func (a *Authenticator) checkHeader(h jose.Header) error {
	switch {
	case h.Nonce:
		return invalid(a.graphHint())
	case h.Algorithm != "RS256":
		return invalid("The access token must be signed with RS256.")
	case h.KeyID == "":
		return invalid("The access token's header names no key (kid).")
	case h.Critical:
		return invalid("The access token's header demands extensions (crit) that are not supported.")
	case h.Type != "" && !strings.EqualFold(h.Type, "JWT") && !strings.EqualFold(h.Type, "at+jwt"):
		return invalid("The access token's header names another type of token.")
	}
	return nil
}

// checkClaims applies the rules that decide whether the token is genuine and for
// us. keyIssuer is the issuer for which the authority published the signing key.
func (a *Authenticator) checkClaims(c claims, keyIssuer string) error {
	now := a.cfg.Now()
	switch {
	case c.expires.IsZero():
		return invalid("The access token has no expiry time (exp).")
	case !now.Before(c.expires.Add(a.cfg.ClockSkew)):
		return invalid("The access token has expired.")
	case now.Add(a.cfg.ClockSkew).Before(c.notBefore.Time):
		return invalid("The access token is not valid yet.")
	case c.notBefore.After(c.expires.Time):
		return invalid("The access token expires before it becomes valid.")
	case !c.audience.among(a.audiences):
		if c.audience.among(graphAudiences) {
			return invalid(a.graphHint())
		}
		return invalid("The access token is for another API (aud). Request the scope api://" + a.cfg.ClientID + "/" + a.cfg.Scope + ".")
	case !syntax.IsGUID(c.tenantID):
		return invalid("The access token names no tenant (tid).")
	case c.version != "1.0" && c.version != "2.0":
		return invalid("The access token's version (ver) is neither 1.0 nor 2.0.")
	case !a.isIssuer(c.issuer, c.tenantID, c.version):
		return invalid("The access token's issuer (iss) is not the authority of its tenant and version.")
	case !a.mayVouch(keyIssuer, c.tenantID):
		return invalid("The access token is signed with a key of another tenant.")
	case !a.tenantAllowed(strings.ToLower(c.tenantID)):
		return invalid("The access token is of a tenant whose users may not call this API.")
	}
	return nil
}

// checkPolicy applies the rules that decide whether this genuine caller may call.
func (a *Authenticator) checkPolicy(c claims, u User) *Error {
	switch {
	case c.idType == "app":
		return standard("user_token_required", nil)
	case c.scope == "":
		return refuse("user_token_required", "The token has no delegated permissions (scp): it is an application's own or an ID token. Send a signed-in user's access token.")
	case !syntax.IsGUID(c.objectID):
		return invalid("The access token names no user (oid).")
	case c.subject == "":
		return invalid("The access token has no subject (sub).")
	case len(a.cfg.AllowedClients) > 0 && !slices.Contains(a.cfg.AllowedClients, u.ClientID):
		return standard("client_not_allowed", nil)
	case !slices.Contains(u.Scopes, a.cfg.Scope):
		return refuse("insufficient_scope", "The access token lacks the scope "+a.cfg.Scope+".")
	}
	return nil
}

// mayVouch reports whether a key that the authority published for keyIssuer may
// sign for a tenant. The document of keys is shared by many tenants: a key that
// belongs to one must not vouch for another.
func (a *Authenticator) mayVouch(keyIssuer, tenantID string) bool {
	return keyIssuer == "" || a.isIssuer(keyIssuer, "{tenantid}", "2.0") || a.isIssuer(keyIssuer, tenantID, "2.0")
}

// isIssuer reports whether issuer is what a token of a tenant and version must name
// as its issuer. The comparison is exact: no case folding, no URL normalisation.
func (a *Authenticator) isIssuer(issuer, tenantID, version string) bool {
	before, after := "https://sts.windows.net/", "/"
	switch {
	case version == "2.0":
		before, after = a.authority+"/", "/v2.0"
	case strings.HasSuffix(a.authority, ".partner.microsoftonline.cn") || strings.HasSuffix(a.authority, ".chinacloudapi.cn"):
		// While the v1.0 issuer of the US Government's cloud is the public cloud's.
		before = "https://sts.chinacloudapi.cn/"
	}
	rest, begins := strings.CutPrefix(issuer, before)
	tenant, ends := strings.CutSuffix(rest, after)
	return begins && ends && tenant == tenantID
}

func (a *Authenticator) tenantAllowed(tenantID string) bool {
	if len(a.cfg.AllowedTenants) == 0 {
		return tenantID == a.keys.tenantID()
	}
	return a.cfg.AllowedTenants[0] == "*" || slices.Contains(a.cfg.AllowedTenants, tenantID)
}

func (a *Authenticator) graphHint() string {
	return "This token is for Microsoft Graph. Request the scope api://" + a.cfg.ClientID + "/" + a.cfg.Scope + " and send that token."
}
