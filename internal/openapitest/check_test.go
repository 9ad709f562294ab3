package openapitest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/docs"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
)

// An answer is what a server that works sends; the tests break it.
type answer struct {
	method, path string
	status       int
	header       http.Header
	body         string
}

func (a answer) check(t *testing.T) error {
	t.Helper()
	w := httptest.NewRecorder()
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
	in := w.Result()
	defer in.Body.Close()
	in.Request = httptest.NewRequest(http.MethodGet, a.path, nil)
	in.Request.Method = a.method
	return openapitest.Check(in, []byte(a.body))
}

// with returns the headers of every answer, and more, as names and values in turn.
func with(more ...string) http.Header {
	h := http.Header{"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "X-Request-Id": {"id-1"}}
	for i := 0; i < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

const (
	contentType = "Content-Type"
	jsonType    = "application/json; charset=utf-8"
	challenge   = "WWW-Authenticate"
)

func problem(code, name string) string {
	return `{"code":` + code + `,"message":"Why.","error":"` + name + `","requestId":"id-1"}`
}

func goodAnswers() map[string]answer {
	const id = `"8:acs:11111111-2222-4333-8444-555555555555_00000000-1111-2222-3333-444444444444"`
	return map[string]answer{
		"identity":    {"POST", "/api/user", 201, with(contentType, jsonType), `{"acsUserIdentity":` + id + `}`},
		"nothing":     {"DELETE", "/api/user", 204, with(), ""},
		"teams token": {"GET", "/api/token/teams", 201, with(contentType, jsonType), `{"token":"a.b.c","expiresOn":"2026-11-24T06:45:43Z"}`},
		"token": {"GET", "/api/token", 201, with(contentType, jsonType), `{"token":"a.b.c","expiresOn":"2026-11-24T06:45:43Z",` +
			`"user":{"communicationUserId":` + id + `,"id":` + id + `,"rawId":` + id + `,"kind":"communicationUser"}}`},
		"unauthorized":    {"GET", "/api/user", 401, with(contentType, jsonType, challenge, `Bearer realm="acs"`), problem("401", "missing_token")},
		"unavailable":     {"GET", "/api/user", 503, with(contentType, jsonType, "Retry-After", "5"), problem("503", "keys_unavailable")},
		"no consent":      {"GET", "/api/user", 403, with(contentType, jsonType, challenge, `Bearer realm="acs", error="insufficient_scope", scope="s"`), strings.TrimSuffix(problem("403", "consent_required"), "}") + `,"scopes":["s"],"clientId":"c"}`},
		"unknown path":    {"GET", "/api/users", 404, with(contentType, jsonType), problem("404", "not_found")},
		"other method":    {"PUT", "/api/user", 405, with(contentType, jsonType, "Allow", "DELETE, GET, POST"), problem("405", "method_not_allowed")},
		"odd method":      {"M4DEUP", "/healthz", 405, with(contentType, jsonType, "Allow", "GET, HEAD"), problem("405", "method_not_allowed")},
		"HEAD of the API": {"HEAD", "/api/user", 405, with(contentType, jsonType, "Allow", "DELETE, GET, POST"), ""},
		"at the root":     {"DELETE", "/user", 204, with(), ""},
		"health":          {"GET", "/healthz", 200, with(contentType, jsonType), `{"status":"ok"}`},
		"HEAD":            {"HEAD", "/healthz", 200, with(contentType, jsonType), ""},
		"not ready":       {"GET", "/readyz", 503, with(contentType, jsonType), `{"status":"not ready","lacking":["keys"]}`},
		"document":        {"GET", "/openapi.yaml", 200, with(contentType, "application/yaml"), docs.OpenAPI()},
		"no HTTP":         {"GET", "/api/user", 431, http.Header{}, "431 Request Header Fields Too Large"},
	}
}

func TestCheckAccepts(t *testing.T) {
	t.Parallel()
	for name, good := range goodAnswers() {
		if err := good.check(t); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a server could get wrong is found.
func TestCheckFinds(t *testing.T) {
	t.Parallel()
	replace := func(old, new string) func(*answer) {
		return func(a *answer) { a.body = strings.Replace(a.body, old, new, 1) }
	}
	set := func(name, value string) func(*answer) { return func(a *answer) { a.header.Set(name, value) } }
	drop := func(name string) func(*answer) { return func(a *answer) { a.header.Del(name) } }
	status := func(code int) func(*answer) { return func(a *answer) { a.status = code } }
	for _, test := range []struct {
		good, name string
		spoil      func(*answer)
		want       string // part of the error
	}{
		{"identity", "another name for a field", replace("acsUserIdentity", "identity"), "acsUserIdentity"},
		{"identity", "another type", replace(`"8:acs`, `8,"x":"8:acs`), "acsUserIdentity"},
		{"identity", "no raw id", replace("8:acs:", ""), "pattern"},
		{"identity", "no JSON", replace("{", ""), "must be an object"},
		{"identity", "more than JSON", func(a *answer) { a.body += "}" }, "invalid character"},
		{"identity", "no body", func(a *answer) { a.body = "" }, "decode"},
		{"identity", "undocumented field", replace("{", `{"more":1,`), "more"},
		{"identity", "undocumented status", status(202), "status is not supported"},
		{"identity", "another content type", set(contentType, "text/plain"), "Content-Type"},
		{"identity", "no content type", drop(contentType), "Content-Type"},
		{"identity", "no request id", drop("X-Request-Id"), `"X-Request-Id" missing`},
		{"identity", "malformed request id", set("X-Request-Id", "-"), "X-Request-Id"},
		{"identity", "no Cache-Control", drop("Cache-Control"), `"Cache-Control" missing`},
		{"identity", "another Cache-Control", set("Cache-Control", "private"), "Cache-Control"},
		{"identity", "sniffing", drop("X-Content-Type-Options"), "X-Content-Type-Options"},
		{"identity", "undocumented header", set("Server", "x"), "the header Server is not documented"},
		{"nothing", "a content type", set(contentType, jsonType), "there is a body"},
		{"nothing", "200", status(200), "status is not supported"},
		{"teams token", "fractions of a second", replace("43Z", "43.1Z"), "pattern"},
		{"teams token", "no time", replace("11-24", "11-31"), "date-time"},
		{"token", "no user", replace("user", "you"), "user"},
		{"token", "undocumented field of user", replace("kind", `x":"y","kind`), "'x'"},
		{"token", "another kind", replace("communicationUser\"}", "phoneNumber\"}"), "kind"},
		{"unauthorized", "no challenge", drop(challenge), `"WWW-Authenticate" missing`},
		{"unauthorized", "comma in a challenge", set(challenge, `Bearer realm="a,b"`), "WWW-Authenticate"},
		{"unauthorized", "another request id in the body", replace("id-1", "id-2"), "requestId is not X-Request-Id"},
		{"unauthorized", "another code in the body", replace("401", "403"), "code"},
		{"unauthorized", "an error of another status", replace("missing_token", "overloaded"), "error"},
		{"unauthorized", "an unknown error", replace("missing_token", "no_token"), "error"},
		{"unauthorized", "an error of another operation", func(a *answer) {
			a.path, a.body = "/api/token/teams", problem("401", "insufficient_claims")
		}, "error"},
		{"unavailable", "no Retry-After", drop("Retry-After"), `"Retry-After" missing`},
		{"unavailable", "Retry-After that is no number", set("Retry-After", "soon"), "Retry-After"},
		{"unavailable", "Retry-After zero", set("Retry-After", "0"), "Retry-After"},
		{"no consent", "no scopes", replace("scopes", "stack_trace"), "scopes"},
		{"unknown path", "an error of a known one", replace("not_found", "identity_not_mapped"), "error"},
		{"unknown path", "200", status(200), "status is not supported"},
		{"other method", "no Allow", drop("Allow"), `"Allow" missing`},
		{"HEAD of the API", "404", status(404), "status is not supported"},
		{"HEAD", "no Cache-Control", drop("Cache-Control"), `"Cache-Control" missing`},
		{"not ready", "nothing lacking", replace(`"keys"`, ""), "lacking"},
		{"not ready", "red, but ready", replace("not ready", "ready"), "status"},
		{"document", "no YAML", func(a *answer) { a.body = "\t" }, "decode"},
		{"document", "JSON's type", set(contentType, jsonType), "Content-Type"},
	} {
		bad := goodAnswers()[test.good]
		test.spoil(&bad)
		if err := bad.check(t); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s, %s: error %v, want one with %q", test.good, test.name, err, test.want)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	a := goodAnswers()["token"]
	in := &http.Response{StatusCode: a.status, Header: a.header, Request: httptest.NewRequest(a.method, a.path, nil)}
	for b.Loop() {
		if err := openapitest.Check(in, []byte(a.body)); err != nil {
			b.Fatal(err)
		}
	}
}
