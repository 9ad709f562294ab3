package cloud

import (
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// The paths and API versions of the two endpoints for tokens of managed identities.
const (
	appServicePath    = "/msi/token"
	appServiceVersion = "2019-08-01"
	metadataPath      = "/metadata/identity/oauth2/token"
	metadataVersion   = "2018-02-01"
)

// A Machine gives tokens of its managed identities to what runs on it, at the
// endpoint of App Service and at that of virtual machines, the Azure Instance
// Metadata Service (IMDS). See [Cloud.Machine].
type Machine struct {
	// URL is where both endpoints are. The real IMDS is http://169.254.169.254.
	URL string
	// IdentityHeader is what App Service puts into the variable IDENTITY_HEADER.
	IdentityHeader string

	cloud *Cloud

	mu         sync.Mutex
	identities map[string]ManagedIdentity // by client id
}

// A ManagedIdentity is a user-assigned identity of the home tenant.
type ManagedIdentity struct {
	// ClientID and PrincipalID are GUIDs in lower case. The latter is the oid and
	// sub of its tokens. Defaults: random ones.
	ClientID, PrincipalID string
}

func newMachine(c *Cloud) *Machine {
	return &Machine{cloud: c, IdentityHeader: randomSecret(), identities: make(map[string]ManagedIdentity)}
}

// IdentityEndpoint returns what App Service puts into the variable
// IDENTITY_ENDPOINT.
func (m *Machine) IdentityEndpoint() string { return m.URL + appServicePath }

// Assign gives the machine an identity, and returns it with the defaults filled in.
func (m *Machine) Assign(id ManagedIdentity) ManagedIdentity {
	id.ClientID = orDefault(id.ClientID, uuid.NewString())
	id.PrincipalID = orDefault(id.PrincipalID, uuid.NewString())
	m.mu.Lock()
	defer m.mu.Unlock()
	m.identities[id.ClientID] = id
	return id
}

// Unassign takes an identity away. Tokens that it has stay good.
func (m *Machine) Unassign(id ManagedIdentity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.identities, id.ClientID)
}

func (m *Machine) route(r *http.Request) (string, func(*exchange) answer) {
	switch r.Method + " " + r.URL.Path {
	case "GET " + appServicePath:
		return OpIdentityToken, m.appService
	case "GET " + metadataPath:
		return OpIdentityToken, m.metadata
	default:
		return "identity.unknown", func(*exchange) answer { return jsonAnswer(http.StatusNotFound, nil) }
	}
}

// appService is the endpoint of App Service, Functions and Container Apps.
func (m *Machine) appService(x *exchange) answer {
	query := x.URL.Query()
	header := x.Header.Get("X-Identity-Header")
	identity, known := m.identity(query.Get("client_id"))
	switch {
	case subtle.ConstantTimeCompare([]byte(header), []byte(m.IdentityHeader)) != 1:
		return appServiceFailure(http.StatusUnauthorized, "The identity header is missing or wrong.") // a guess
	case query.Get("api-version") != appServiceVersion:
		return appServiceFailure(http.StatusBadRequest, "The API version is not supported.") // a guess
	case !known:
		return appServiceFailure(http.StatusBadRequest, "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.")
	}
	token, expires, ok := m.token(identity, query.Get("resource"))
	if !ok {
		return appServiceFailure(http.StatusBadRequest, "The resource is not known.") // a guess
	}
	return jsonAnswer(http.StatusOK, map[string]any{
		"access_token": token,
		"client_id":    identity.ClientID,
		"expires_on":   strconv.FormatInt(expires.Unix(), 10),
		"resource":     query.Get("resource"),
		"token_type":   "Bearer",
	})
}

func appServiceFailure(status int, message string) answer {
	return jsonAnswer(status, map[string]any{"statusCode": status, "message": message, "correlationId": uuid.NewString()})
}

// metadata is the endpoint of virtual machines and Kubernetes nodes. What has
// passed a proxy, or cannot set a header, is not of this machine.
func (m *Machine) metadata(x *exchange) answer {
	query := x.URL.Query()
	identity, known := m.identity(query.Get("client_id"))
	switch {
	case x.Header.Get("Metadata") != "true":
		return metadataFailure(http.StatusBadRequest, "bad_request_102", "Required metadata header not specified")
	case x.Header.Get("X-Forwarded-For") != "":
		return metadataFailure(http.StatusBadRequest, "bad_request", "Proxied requests are not supported") // a guess
	case query.Get("api-version") != metadataVersion:
		return metadataFailure(http.StatusBadRequest, "bad_request", "The API version is not supported") // a guess
	case !known:
		return metadataFailure(http.StatusBadRequest, "invalid_request", "Identity not found")
	}
	token, expires, ok := m.token(identity, query.Get("resource"))
	if !ok {
		return metadataFailure(http.StatusBadRequest, "invalid_resource", "The resource principal was not found in the tenant.")
	}
	seconds := strconv.Itoa(int(expires.Sub(m.cloud.now()) / time.Second))
	return jsonAnswer(http.StatusOK, map[string]any{
		"access_token":   token,
		"client_id":      identity.ClientID,
		"expires_in":     seconds,
		"expires_on":     strconv.FormatInt(expires.Unix(), 10),
		"ext_expires_in": seconds,
		"not_before":     strconv.FormatInt(m.cloud.now().Unix(), 10),
		"resource":       query.Get("resource"),
		"token_type":     "Bearer",
	})
}

func metadataFailure(status int, code, description string) answer {
	return jsonAnswer(status, map[string]any{"error": code, "error_description": description})
}

// failure implements service.
func (m *Machine) failure(_ *exchange, status int) answer {
	return metadataFailure(status, "unknown", "Failed to retrieve token from the Active directory.")
}

func (m *Machine) identity(clientID string) (ManagedIdentity, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id, ok := m.identities[strings.ToLower(clientID)]
	return id, ok
}

// token returns a token of an identity, as Entra issues it. That for the exchange
// against an app's credential is a v2.0 token; all others are v1.0 here.
func (m *Machine) token(id ManagedIdentity, resource string) (token string, expires time.Time, ok bool) {
	entra := m.cloud.Entra
	lifetime := entra.tokenLifetime()
	o := TokenOptions{
		Version: 1, Audience: resource, ClientID: id.ClientID, IssuedAt: m.cloud.now(), Lifetime: lifetime,
		Claims: map[string]any{"oid": id.PrincipalID, "sub": id.PrincipalID, "xms_mirid": "/subscriptions/embedded/userAssignedIdentities/" + id.ClientID},
	}
	switch {
	case strings.HasPrefix(resource, federationAudience):
		o.Version = 2
	case resource == graphResource, resource == acsAudience:
	default:
		return "", time.Time{}, false
	}
	return entra.AppToken(o), o.IssuedAt.Add(lifetime), true
}
