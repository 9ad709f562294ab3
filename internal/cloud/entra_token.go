package cloud

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	grantOnBehalfOf = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantClient     = "client_credentials"
	graphResource   = "https://graph.microsoft.com"
	graphAppID      = "00000003-0000-0000-c000-000000000000"
	acsAudience     = "https://communication.azure.com/"
	teamsAudience   = "https://auth.msft.communication.azure.com"
)

// A tokenRequest is a request to the token endpoint whose client is known.
type tokenRequest struct {
	*exchange
	form     url.Values
	tenantID string
}

// token is the token endpoint, for the two grants that a server needs.
func (e *Entra) token(x *exchange, tenant string) answer {
	tenantID, ok := e.tenant(tenant)
	if !ok {
		return e.refuse(x, codeUnknownTenant, "")
	}
	mediaType, _, _ := mime.ParseMediaType(x.Header.Get("Content-Type"))
	form, err := url.ParseQuery(string(x.raw))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return e.refuse(x, codeBadRequest, "")
	}
	for _, values := range form {
		if len(values) > 1 {
			return e.refuse(x, codeBadRequest, "")
		}
	}
	if form.Get("grant_type") == "" || form.Get("client_id") == "" || form.Get("scope") == "" {
		return e.refuse(x, codeMissingParameter, "")
	}
	req := &tokenRequest{exchange: x, form: form, tenantID: tenantID}
	var grant func(*tokenRequest) answer
	switch form.Get("grant_type") {
	case grantOnBehalfOf:
		grant = e.onBehalfOf
	case grantClient:
		grant = e.clientGrant
	default:
		return e.refuse(x, codeGrantType, "")
	}
	if tenantID == "" {
		return e.refuse(x, codeCommonEndpoint, "")
	}
	if number := e.authenticateClient(req); number != 0 {
		return e.refuse(x, number, "")
	}
	return grant(req)
}

// clientGrant gives the app a token of its own (RFC 6749 section 4.4). The
// audience is the scope without its "/.default", byte for byte: ACS wants a
// trailing slash, so that its scope has two. OpenID scopes, which MSAL adds
// here too, are passed over.
func (e *Entra) clientGrant(req *tokenRequest) answer {
	scopes := slices.DeleteFunc(strings.Fields(req.form.Get("scope")), isOpenIDScope)
	audience, ok := strings.CutSuffix(strings.Join(scopes, " "), "/.default")
	if !ok || len(scopes) != 1 {
		return e.refuse(req.exchange, codeClientScope, "")
	}
	switch strings.TrimSuffix(audience, "/") {
	case graphResource, strings.TrimSuffix(acsAudience, "/"), "api://" + e.cloud.ClientID:
	default:
		return e.refuse(req.exchange, codeUnknownResource, "")
	}
	token := e.AppToken(TokenOptions{Version: 1, Audience: audience, ClientID: e.cloud.ClientID, Lifetime: e.tokenLifetime(),
		Claims: map[string]any{"tid": req.tenantID, "iss": e.V1Issuer(req.tenantID)}})
	return e.issued(req, map[string]any{"access_token": token})
}

// issued is a success, with what token answers have in common.
func (e *Entra) issued(req *tokenRequest, members map[string]any) answer {
	seconds := int(e.tokenLifetime() / time.Second)
	members["token_type"] = "Bearer"
	members["expires_in"] = seconds
	members["ext_expires_in"] = seconds
	return tokenHeaders(req.exchange, jsonAnswer(http.StatusOK, members), uuid.NewString())
}

func (e *Entra) tokenLifetime() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.lifetime
}

// clientInfo is what MSAL asks for with client_info=1.
func clientInfo(u User) string {
	b, _ := json.Marshal(map[string]string{"uid": u.ObjectID, "utid": u.TenantID}) // strings always marshal
	return base64.RawURLEncoding.EncodeToString(b)
}
