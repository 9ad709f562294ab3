package cloud

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// MSATenantID is the tenant of personal Microsoft accounts.
const MSATenantID = "9188040d-6c67-4c5b-b112-36a304b66dad"

// v1IssuerPrefix begins the issuer of v1.0 tokens in the public cloud, which
// has nothing to do with the authority's host.
const v1IssuerPrefix = "https://sts.windows.net/"

// Entra is the identity provider: metadata, signing keys, the token endpoint,
// and the directory of users. See [Cloud.Entra].
type Entra struct {
	// URL is the authority host, without a trailing slash.
	URL string

	cloud *Cloud

	mu          sync.Mutex
	users       map[string]User // by User.key
	tenants     map[string]bool // by lower-case id
	keys        []*listedKey    // the last one signs
	rotations   int
	refusals    []*Refusal
	permissions []string      // Graph permissions consented to
	lifetime    time.Duration // of the tokens that the token endpoint issues
	clients     clientCredentials
}

// A listedKey is an organisational signing key. Its signatures stay good for
// Entra itself when it is no longer listed.
type listedKey struct {
	*signingKey
	listed bool
	flaps  bool // listed in every other answer only
	seen   int  // answers since it flaps
}

func newEntra(c *Cloud) *Entra {
	return &Entra{
		cloud:       c,
		users:       make(map[string]User),
		tenants:     map[string]bool{c.TenantID: true},
		keys:        []*listedKey{{signingKey: pooledKey(poolEntra), listed: true}},
		permissions: []string{"User.Read", "User.ReadWrite"},
		lifetime:    75 * time.Minute,
		clients:     clientCredentials{secrets: []string{c.ClientSecret}, assertions: make(map[string]time.Time)},
	}
}

// V2Issuer returns the iss of v2.0 tokens of a tenant.
func (e *Entra) V2Issuer(tenantID string) string { return e.URL + "/" + tenantID + "/v2.0" }

// V1Issuer returns the iss of v1.0 tokens of a tenant.
func (e *Entra) V1Issuer(tenantID string) string { return v1IssuerPrefix + tenantID + "/" }

// TokenURL returns the token endpoint of a tenant, the audience of client
// assertions.
func (e *Entra) TokenURL(tenantID string) string {
	return e.URL + "/" + tenantID + "/oauth2/v2.0/token"
}

func (e *Entra) route(r *http.Request) (string, func(*exchange) answer) {
	tenant, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch r.Method + " " + path {
	case "GET v2.0/.well-known/openid-configuration":
		return OpEntraMetadata, func(x *exchange) answer { return e.metadata(x, tenant, true) }
	case "GET .well-known/openid-configuration":
		return OpEntraMetadata, func(x *exchange) answer { return e.metadata(x, tenant, false) }
	case "GET discovery/v2.0/keys":
		return OpEntraKeys, func(x *exchange) answer { return e.keySet(x, tenant, true) }
	case "GET discovery/keys":
		return OpEntraKeys, func(x *exchange) answer { return e.keySet(x, tenant, false) }
	case "POST oauth2/v2.0/token":
		return OpEntraToken, func(x *exchange) answer { return e.token(x, tenant) }
	default:
		return "entra.unknown", func(*exchange) answer { return jsonAnswer(http.StatusNotFound, nil) }
	}
}

// metadata is the OpenID Connect discovery document.
func (e *Entra) metadata(x *exchange, tenant string, v2 bool) answer {
	id, ok := e.tenant(tenant)
	if !ok {
		return e.refuse(x, codeUnknownTenant, "")
	}
	segment := orDefault(id, strings.ToLower(tenant)) // endpoints keep common and organizations
	issuerTenant := orDefault(id, "{tenantid}")
	base := e.URL + "/" + segment
	document := map[string]any{
		"issuer":                                e.V1Issuer(issuerTenant),
		"token_endpoint":                        base + "/oauth2/token",
		"authorization_endpoint":                base + "/oauth2/authorize",
		"jwks_uri":                              base + "/discovery/keys",
		"end_session_endpoint":                  base + "/oauth2/logout",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   "microsoftonline.com",
		"cloud_graph_host_name":                 "graph.windows.net",
		"msgraph_host":                          "graph.microsoft.com",
	}
	if v2 {
		document["issuer"] = e.V2Issuer(issuerTenant)
		document["token_endpoint"] = base + "/oauth2/v2.0/token"
		document["authorization_endpoint"] = base + "/oauth2/v2.0/authorize"
		document["device_authorization_endpoint"] = base + "/oauth2/v2.0/devicecode"
		document["end_session_endpoint"] = base + "/oauth2/v2.0/logout"
		document["jwks_uri"] = base + "/discovery/v2.0/keys"
	}
	if app := x.URL.Query().Get("appid"); app != "" {
		document["jwks_uri"] = document["jwks_uri"].(string) + "?appid=" + app
	}
	return jsonAnswer(http.StatusOK, document).with("Cache-Control", "max-age=86400, private")
}

// failure implements service.
func (e *Entra) failure(x *exchange, status int) answer {
	if status == http.StatusTooManyRequests {
		return e.refuse(x, TooManyRequests, "")
	}
	a := e.refuse(x, TransientFailure, "")
	a.status = status
	return a
}
