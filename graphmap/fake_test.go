package graphmap_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

const (
	tenantID = "11111111-2222-3333-4444-555555555555"
	extName  = "com.contoso.identityMapping"
	odata    = "microsoft.graph.openTypeExtension"

	claimsJSON = `{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}`
)

var key1, key2 = sequence(0), sequence(100)

func sequence(from byte) []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = from + byte(i)
	}
	return key
}

// user returns user number n, and acsID the ACS identity number n.
func user(n int) acsauth.User {
	oid := fmt.Sprintf("aaaaaaaa-bbbb-cccc-dddd-eeeeeeee%04d", n)
	return acsauth.User{TenantID: tenantID, ObjectID: oid, Assertion: acsauth.NewSecret("assertion." + oid)}
}

func acsID(n int) string {
	return fmt.Sprintf("8:acs:0a1b2c3d-0000-4000-8000-000000000001_00000014-aaaa-bbbb-cccc-01234567%04d", n)
}

// fakeTokens exchanges "assertion.<oid>" for "graph.<oid>", and for
// "graph.<oid>.stepped-up" where claims are to be satisfied.
type fakeTokens struct {
	mu     sync.Mutex
	claims []string // of all calls
	fail   func(claims string) error
}

func (f *fakeTokens) Token(ctx context.Context, tenant, assertion, claims string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.claims = append(f.claims, claims)
	if f.fail != nil {
		if err := f.fail(claims); err != nil {
			return "", err
		}
	}
	oid, ok := strings.CutPrefix(assertion, "assertion.")
	if !ok || tenant != tenantID {
		return "", fmt.Errorf("bad assertion or tenant %q", tenant)
	}
	if claims != "" {
		return "graph." + oid + ".stepped-up", nil
	}
	return "graph." + oid, nil
}

// A fault replaces the answer to an operation: lookup, get, post, patch, delete.
type fault struct {
	op     string
	times  int // how often; 0 means always
	after  bool
	status int
	header http.Header
	body   string
	act    func(w http.ResponseWriter, r *http.Request) // instead of an answer
}

// fakeGraph is the part of Microsoft Graph that deals with open extensions of
// the signed-in user. It complains about requests that Graph would not take.
type fakeGraph struct {
	t      testing.TB
	mu     sync.Mutex
	exts   map[string][]map[string]any // by object id
	faults []*fault
	ops    []string
	tokens []string
	// patch200 answers updates with the object, as one page of Graph's
	// documentation has it, instead of 204.
	patch200 bool
	// foreignPipeline allows for requests of other people's adapters.
	foreignPipeline bool
	clientIDs       []string
}

func newGraph(t testing.TB) *fakeGraph {
	return &fakeGraph{t: t, exts: map[string][]map[string]any{}}
}

func (g *fakeGraph) put(u acsauth.User, ext map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if ext["extensionName"] == nil {
		ext["extensionName"] = extName
	}
	if ext["id"] == nil {
		ext["id"] = ext["extensionName"]
	}
	g.exts[u.ObjectID] = append(g.exts[u.ObjectID], ext)
}

// stored returns a copy of the user's mapping extension, nil if there is none.
func (g *fakeGraph) stored(u acsauth.User) map[string]any {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.find(u.ObjectID, extName))
}

func (g *fakeGraph) find(oid, name string) map[string]any {
	for _, e := range g.exts[oid] {
		if e["id"] == name {
			return e
		}
	}
	return nil
}

func (g *fakeGraph) fault(f fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, &f)
}

func (g *fakeGraph) seen() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.ops)
}

func (g *fakeGraph) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	op := map[string]string{"GET": "get", "POST": "post", "PATCH": "patch", "DELETE": "delete"}[r.Method]
	if r.URL.Path == "/v1.0/me" {
		op = "lookup"
	}
	g.check(op, r, body)

	g.mu.Lock()
	g.ops = append(g.ops, op)
	g.clientIDs = append(g.clientIDs, r.Header.Get("client-request-id"))
	var hit *fault
	for i, f := range g.faults {
		if f.op == op || f.op == "" {
			hit = f
			if f.times--; f.times == 0 {
				g.faults = slices.Delete(g.faults, i, i+1)
			}
			break
		}
	}
	g.mu.Unlock()

	answer := httptest.NewRecorder()
	if hit == nil || hit.after {
		g.serve(answer, r, op, body)
	}
	switch {
	case hit == nil:
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	case hit.act != nil:
		hit.act(w, r)
	default:
		w.Header().Set("Content-Type", "application/json")
		maps.Copy(w.Header(), hit.header)
		w.WriteHeader(hit.status)
		_, _ = io.WriteString(w, hit.body)
	}
}

// check complains about what Graph, or a careful reader of its documentation,
// would.
func (g *fakeGraph) check(op string, r *http.Request, body []byte) {
	if id := r.Header.Values("client-request-id"); !g.foreignPipeline && (len(id) != 1 || uuid.Validate(id[0]) != nil) {
		g.t.Errorf("%s: client-request-id %q is not one UUID", op, id)
	}
	if v := r.Header.Get("SdkVersion"); !strings.Contains(v, "graph-go-core/") {
		g.t.Errorf("%s: SdkVersion %q does not name the SDK", op, v)
	}
	if ua := r.Header.Get("User-Agent"); !strings.HasPrefix(ua, "acs-authentication-hero-go/") {
		g.t.Errorf("%s: User-Agent %q", op, ua)
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" {
		g.t.Errorf("%s: Content-Encoding %q", op, enc)
	}
	switch op {
	case "lookup":
		if r.URL.RawQuery != "$select=id&$expand=extensions" && r.URL.RawQuery != "%24select=id&%24expand=extensions" {
			g.t.Errorf("lookup: query %q", r.URL.RawQuery)
		}
	case "post", "patch":
		want := map[string]string{"post": "/v1.0/me/extensions", "patch": "/v1.0/me/extensions/" + extName}[op]
		if r.URL.Path != want {
			g.t.Errorf("%s: path %q", op, r.URL.Path)
		}
		if ct := r.Header.Get("Content-Type"); ct != "application/json" || r.ContentLength != int64(len(body)) {
			g.t.Errorf("%s: Content-Type %q, Content-Length %d", op, ct, r.ContentLength)
		}
		var ext map[string]string
		dec := json.NewDecoder(bytes.NewReader(body))
		if err := dec.Decode(&ext); err != nil || ext["@odata.type"] != odata || ext["extensionName"] != extName || ext["acsUserIdentity"] == "" {
			g.t.Errorf("%s: body %s (%v)", op, body, err)
		}
	case "get", "delete":
		if r.URL.Path != "/v1.0/me/extensions/"+extName || len(body) > 0 {
			g.t.Errorf("%s: path %q, %d bytes", op, r.URL.Path, len(body))
		}
	}
}

func (g *fakeGraph) serve(w http.ResponseWriter, r *http.Request, op string, body []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.tokens = append(g.tokens, token)
	oid, ok := strings.CutPrefix(token, "graph.")
	if !ok || len(r.Header.Values("Authorization")) != 1 {
		refuse(w, 401, "InvalidAuthenticationToken", "Access token is empty.")
		return
	}
	oid = strings.TrimSuffix(oid, ".stepped-up")
	ext := g.find(oid, extName)
	switch {
	case op == "lookup":
		answer(w, 200, map[string]any{"id": oid, "extensions": g.exts[oid]})
	case op == "post" && ext != nil:
		refuse(w, 400, "Request_BadRequest", "An extension already exists with given id.")
	case op == "post" && len(g.exts[oid]) >= 2:
		refuse(w, 400, "Request_BadRequest", "Maximum number of extensions values supported per application is 2.")
	case op == "post":
		ext := object(body)
		ext["id"] = ext["extensionName"]
		g.exts[oid] = append(g.exts[oid], ext)
		answer(w, 201, ext)
	case ext == nil:
		refuse(w, 404, "ResourceNotFound", "Extension with given id not found.")
	case op == "get":
		answer(w, 200, ext)
	case op == "patch": // replaces everything
		clear(ext)
		maps.Copy(ext, object(body))
		ext["id"] = extName
		if g.patch200 {
			answer(w, 200, ext)
			return
		}
		w.WriteHeader(204)
	case op == "delete":
		g.exts[oid] = slices.DeleteFunc(g.exts[oid], func(e map[string]any) bool { return e["id"] == extName })
		w.WriteHeader(204)
	}
}

func object(body []byte) map[string]any {
	var m map[string]any
	_ = json.Unmarshal(body, &m)
	return m
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;charset=utf-8")
	w.Header().Set("request-id", "graph-request-1")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	answer(w, status, json.RawMessage(envelope(code, message)))
}

func envelope(code, message string) string {
	return fmt.Sprintf(`{"error":{"code":%q,"message":%q,"innerError":{"date":"2026-01-01T00:00:00","request-id":"graph-request-1"}}}`, code, message)
}

func challenge(claims string) http.Header {
	return http.Header{"Www-Authenticate": {`Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ` +
		`client_id="00000003-0000-0000-c000-000000000000", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`}}
}
