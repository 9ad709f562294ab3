package cloud

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"
)

// Graph is Microsoft Graph, as far as users and their open extensions go. See
// [Cloud.Graph].
type Graph struct {
	// URL is the base address, version included.
	URL string

	cloud *Cloud

	mu         sync.Mutex
	options    GraphOptions
	users      map[string]*extensions // by User.key
	challenges []*challenge
}

// GraphOptions chooses between answers that are documented, or were seen, both
// ways.
type GraphOptions struct {
	// ConflictStatus answers the creation of an extension that exists: 400
	// (default) or 409.
	ConflictStatus int
	// UpdateStatus answers an update: 204 (default), or 200 with the extension.
	UpdateStatus int
	// OmitEmpty leaves the property extensions out of a user who has none.
	OmitEmpty bool
	// OmitName leaves extensionName out of what is read.
	OmitName bool
	// LongIDs prefixes the ids that are read with the type's name.
	LongIDs bool
}

type challenge struct {
	userKey, claims string
}

func newGraph(c *Cloud) *Graph {
	return &Graph{cloud: c, users: make(map[string]*extensions)}
}

// Configure sets the options.
func (g *Graph) Configure(o GraphOptions) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.options = o
}

// Challenge makes Graph answer all calls of u with a claims challenge (as
// continuous access evaluation does), until withdraw is called. It is satisfied
// by a token from an exchange that carried claims, or whose assertion came from
// a stronger sign-in (see [TokenOptions.StepUp]).
func (g *Graph) Challenge(u User, claims string) (withdraw func()) {
	ch := &challenge{u.key(), claims}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.challenges = append(g.challenges, ch)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.challenges = slices.DeleteFunc(g.challenges, func(other *challenge) bool { return other == ch })
	}
}

// A graphCall is a request whose caller is known and may do what they ask.
type graphCall struct {
	*exchange
	user User
	app  string // the client that made the request
	name string // of the extension in the path, if any
}

func (g *Graph) route(r *http.Request) (string, func(*exchange) answer) {
	segments := strings.Split(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	for i := range segments {
		segments[i], _ = url.PathUnescape(segments[i])
	}
	unknown := func(x *exchange) answer {
		return g.fail(x, http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+segments[len(segments)-1]+"'.")
	}
	if segments[0] != "v1.0" || len(segments) < 2 {
		return "graph.unknown", unknown
	}
	// The user: me, or users/{id}.
	who, rest := "", segments[2:]
	if segments[1] == "users" && len(rest) > 0 {
		who, rest = rest[0], rest[1:]
	} else if segments[1] != "me" {
		return "graph.unknown", unknown
	}
	shape := r.Method
	if len(rest) > 0 {
		shape += " " + rest[0]
	}
	name := ""
	if len(rest) == 2 {
		shape += "/{name}"
		name = bareName(rest[1])
	} else if len(rest) > 2 {
		return "graph.unknown", unknown
	}
	var op string
	var permission = "User.ReadWrite"
	var handle func(*graphCall) answer
	switch shape {
	case "GET":
		op, permission, handle = OpGraphLookup, "User.Read", g.lookup
	case "GET extensions":
		op, permission, handle = OpGraphList, "User.Read", g.list
	case "GET extensions/{name}":
		op, permission, handle = OpGraphGet, "User.Read", g.get
	case "POST extensions":
		op, handle = OpGraphCreate, g.create
	case "PATCH extensions/{name}":
		op, handle = OpGraphUpdate, g.update
	case "DELETE extensions/{name}":
		op, handle = OpGraphDelete, g.delete
	default:
		return "graph.unknown", unknown
	}
	return op, func(x *exchange) answer {
		call, refusal := g.authorize(x, who, permission)
		if call == nil {
			return refusal
		}
		call.name = name
		return handle(call).with("request-id", uuid.NewString())
	}
}

// authorize finds out who calls, and whether they may. A nil call means that
// the answer is final.
func (g *Graph) authorize(x *exchange, who, permission string) (*graphCall, answer) {
	unauthorized := func(message string) (*graphCall, answer) {
		a := g.fail(x, http.StatusUnauthorized, "InvalidAuthenticationToken", message)
		return nil, a.with("WWW-Authenticate", `Bearer realm="", authorization_uri="`+g.cloud.Entra.URL+
			`/common/oauth2/authorize", client_id="`+graphAppID+`"`)
	}
	token, ok := bearer(x.Request)
	if !ok {
		return unauthorized("Access token is empty.")
	}
	t, err := parseJWT(token)
	switch {
	case err != nil:
		return unauthorized("IDX14100: JWT is not well formed, there are no dots (.).")
	case !g.cloud.Entra.genuine(t):
		return unauthorized("Access token validation failure. Invalid signature.")
	case t.claims.str("aud") != graphResource && t.claims.str("aud") != graphAppID:
		return unauthorized("Access token validation failure. Invalid audience.")
	case !t.validAt(g.cloud.now()):
		return unauthorized("Lifetime validation failed, the token is expired.")
	case t.claims.appOnly() && who == "":
		return nil, g.fail(x, http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
	}
	oid, tid := t.claims.str("oid"), t.claims.str("tid")
	x.setUser(oid)
	if claims := g.challengeOf(userKey(tid, oid)); claims != "" && !t.claims.steppedUp() {
		a := g.fail(x, http.StatusUnauthorized, "InvalidAuthenticationToken",
			"Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp")
		return nil, a.with("WWW-Authenticate", fmt.Sprintf(
			`Bearer realm="", authorization_uri="%s/common/oauth2/authorize", client_id="%s", error="insufficient_claims", claims="%s"`,
			g.cloud.Entra.URL, graphAppID, base64.StdEncoding.EncodeToString([]byte(claims))))
	}
	u, known := g.cloud.Entra.user(tid, oid)
	scopes := t.claims.scopes()
	switch {
	case !mayUse(scopes, permission),
		who != "" && !strings.EqualFold(who, oid) && !(known && strings.EqualFold(who, u.UPN)):
		return nil, g.fail(x, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
	case !known && x.op == OpGraphLookup:
		return nil, g.fail(x, http.StatusNotFound, "Request_ResourceNotFound",
			"Resource '"+oid+"' does not exist or one of its queried reference-property objects are not present.")
	case !known:
		return nil, g.fail(x, http.StatusNotFound, "ResourceNotFound", "Parent Object Not Found")
	}
	return &graphCall{exchange: x, user: u, app: t.claims.str("appid")}, answer{}
}

// mayUse reports whether the scopes hold a permission, or one that includes it.
func mayUse(scopes []string, permission string) bool {
	include := map[string][]string{
		"User.Read":      {"User.Read", "User.ReadWrite", "User.Read.All", "User.ReadWrite.All"},
		"User.ReadWrite": {"User.ReadWrite", "User.ReadWrite.All"},
	}
	return slices.ContainsFunc(include[permission], func(s string) bool { return slices.Contains(scopes, s) })
}

func (g *Graph) challengeOf(userKey string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, ch := range g.challenges {
		if ch.userKey == userKey {
			return ch.claims
		}
	}
	return ""
}

// fail is an error in Graph's envelope.
func (g *Graph) fail(x *exchange, status int, code, message string) answer {
	id := uuid.NewString()
	inner := map[string]string{"date": g.cloud.now().UTC().Format("2006-01-02T15:04:05"), "request-id": id,
		"client-request-id": orDefault(requestID(x.Header), id)}
	return jsonAnswer(status, map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": inner}}).
		with("request-id", id).with("client-request-id", inner["client-request-id"])
}

// failure implements service.
func (g *Graph) failure(x *exchange, status int) answer {
	code, message := map[int]string{
		400: "BadRequest", 401: "InvalidAuthenticationToken", 403: "Authorization_RequestDenied", 404: "ResourceNotFound",
		429: "TooManyRequests", 503: "serviceNotAvailable",
	}[status], "The request was not carried out."
	return g.fail(x, status, orDefault(code, "UnknownError"), message)
}

// bearer returns the token of an Authorization header.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}
