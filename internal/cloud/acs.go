package cloud

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// ACS is Azure Communication Services, as far as identities go. It embeds the
// resource that our app uses; [ACS.AddResource] adds others. See [Cloud.ACS].
type ACS struct {
	*Resource

	cloud *Cloud

	mu        sync.Mutex
	resources map[string]*Resource // by Host header
	gone      Gone
}

// Gone is how ACS answers calls for an identity that was deleted. What the real
// service does is not known, so clients must cope with each.
type Gone int

const (
	// GoneNotOwned answers 401 IdentityNotOwned, as for a foreign identity.
	GoneNotOwned Gone = iota
	// GoneNotFound answers 404 IdentityNotFound (a made-up code).
	GoneNotFound
	// GoneNoContent answers 204 to revoke and delete, and IdentityNotOwned to issue.
	GoneNoContent
)

// SetGone sets how calls for deleted identities are answered.
func (a *ACS) SetGone(g Gone) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = g
}

func newACS(c *Cloud) *ACS {
	return &ACS{cloud: c, resources: make(map[string]*Resource)}
}

// The api-versions that each route knows.
var (
	teamsVersions    = []string{"2022-06-01", "2022-10-01", "2023-10-01", "2025-03-02-preview", "2025-06-30", "2026-09-23"}
	identityVersions = append([]string{"2021-03-07", "2021-10-31-preview", "2021-11-01"}, teamsVersions...)
)

const (
	versionTTL  = "2022-10-01" // first with expiresInMinutes
	versionJoin = "2023-10-01" // first with the scopes *.join
)

// An acsCall is an authenticated request to a resource.
type acsCall struct {
	*exchange
	resource *Resource
	signedBy int // the generation of the access key, 0 for an Entra token
	version  string
	id       string // of the identity in the path, if any
}

func (a *ACS) route(r *http.Request) (string, func(*exchange) answer) {
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i := range segments {
		segments[i], _ = url.PathUnescape(segments[i])
	}
	id := ""
	if len(segments) > 1 && segments[0] == "identities" {
		id, segments[1] = segments[1], "{id}"
	}
	versions := identityVersions
	var op string
	var handle func(*acsCall) answer
	switch r.Method + " " + strings.Join(segments, "/") {
	case "POST identities":
		op, handle = OpACSCreate, a.create
	case "DELETE identities/{id}":
		op, handle = OpACSDelete, a.delete
	case "POST identities/{id}/:issueAccessToken":
		op, handle = OpACSIssue, a.issue
	case "POST identities/{id}/:revokeAccessTokens":
		op, handle = OpACSRevoke, a.revoke
	case "POST teamsUser/:exchangeAccessToken":
		op, handle, versions = OpACSTeams, a.teams, teamsVersions
	default:
		return "acs.unknown", func(x *exchange) answer { return a.dress(x, jsonAnswer(http.StatusNotFound, nil)) }
	}
	return op, func(x *exchange) answer {
		if id != "" {
			x.setUser(id)
		}
		return a.dress(x, a.admit(x, id, versions, handle)).
			with("api-supported-versions", strings.Join(versions, ", "))
	}
}

// admit checks what all operations have in common, then carries one out.
func (a *ACS) admit(x *exchange, id string, versions []string, handle func(*acsCall) answer) answer {
	resource := a.resource(x.Host)
	if resource == nil {
		return jsonAnswer(http.StatusNotFound, nil)
	}
	signedBy, problem := resource.authenticate(x)
	if problem != "" {
		return acsFailure(http.StatusUnauthorized, "Denied", problem, "")
	}
	version := x.URL.Query().Get("api-version")
	switch {
	case version == "":
		return acsFailure(http.StatusBadRequest, "ApiVersionUnspecified", "An API version is required, but was not specified.", "")
	case !slices.Contains(versions, version):
		return acsFailure(http.StatusBadRequest, "UnsupportedApiVersion", "The HTTP resource that matches the request URI 'https://127.0.0.1"+
			x.URL.Path+"' does not support the API version '"+version+"'.", "")
	}
	return handle(&acsCall{exchange: x, resource: resource, signedBy: signedBy, version: version, id: id})
}

// dress adds the headers that the real service was seen to send.
func (a *ACS) dress(x *exchange, answer answer) answer {
	h := answer.header
	h.Set("MS-CV", randomSecret()[:22]+".0")
	h.Set("Request-Context", "appId=")
	h.Set("Strict-Transport-Security", "max-age=2592000")
	h.Set("X-Azure-Ref", uuid.NewString())
	h.Set("X-Cache", "CONFIG_NOCACHE")
	h.Set("X-Processing-Time", "1ms")
	if id := x.Header.Get("x-ms-client-request-id"); id != "" {
		h.Set("x-ms-client-request-id", id)
	}
	return answer
}

// acsFailure is an error in the envelope of ACS.
func acsFailure(status int, code, message, target string) answer {
	body := map[string]any{"code": code, "message": message}
	if target != "" {
		body["target"] = target
	}
	return jsonAnswer(status, map[string]any{"error": body}).with("Content-Type", "application/json")
}

func validationError(message, target string) answer {
	return acsFailure(http.StatusBadRequest, "ValidationError", message, target)
}

// failure implements service.
func (a *ACS) failure(x *exchange, status int) answer {
	code := map[int]string{
		400: "ValidationError", 401: "Denied", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests", 503: "ServiceUnavailable",
	}[status]
	return a.dress(x, acsFailure(status, orDefault(code, "InternalServerError"), "The request was not carried out.", ""))
}

func (a *ACS) resource(host string) *Resource {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.resources[strings.ToLower(host)]
}
