package acsauth_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// The endpoints in the order in which a user meets them, each row on top of what
// the rows above it left.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	teams := http.Header{"teams-user-aad-token": {s.Entra.TeamsToken(s.user, cloud.TokenOptions{ClientID: s.SPAClientID})}}
	identity := regexp.MustCompile(`^\{"acsUserIdentity":"8:acs:[0-9a-f-]{36}_[0-9a-f-]{36}"\}\n$`)
	token := regexp.MustCompile(`^\{"token":"[\w-]+\.[\w-]+\.[\w-]+","expiresOn":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",` +
		`"user":\{"communicationUserId":"(8:acs:[^"]+)","id":"8:acs:[^"]+","rawId":"8:acs:[^"]+","kind":"communicationUser"\}\}\n$`)
	teamsToken := regexp.MustCompile(`^\{"token":"[\w-]+\.[\w-]+\.[\w-]+","expiresOn":"[^"]+Z"\}\n$`)
	nothing := regexp.MustCompile(`^$`)

	for _, step := range []struct {
		name   string
		send   request
		status int
		body   *regexp.Regexp // nil: an error
	}{
		{"no identity yet", request{method: "GET", path: "/api/user"}, 404, nil},
		{"nor a token", request{method: "GET", path: "/api/token"}, 404, nil},
		{"nothing to delete", request{method: "DELETE", path: "/api/user"}, 204, nothing},
		{"nothing to revoke", request{method: "POST", path: "/api/token/revoke"}, 204, nothing},
		{"create", request{method: "POST", path: "/api/user"}, 201, identity},
		{"create again", request{method: "POST", path: "/api/user"}, 200, identity},
		{"a body is ignored", request{method: "POST", path: "/api/user", body: `{"acsUserIdentity":"8:acs:evil"}`}, 200, identity},
		{"even a malformed one", request{method: "POST", path: "/api/user", body: `{`}, 200, identity},
		{"show", request{method: "GET", path: "/api/user"}, 200, identity},
		{"token", request{method: "GET", path: "/api/token"}, 201, token},
		{"token for Teams", request{method: "GET", path: "/api/token/teams", header: teams}, 201, teamsToken},
		{"revoke", request{method: "POST", path: "/api/token/revoke"}, 204, nothing},
		{"tokens go on", request{method: "GET", path: "/api/token"}, 201, token},
		{"delete", request{method: "DELETE", path: "/api/user"}, 204, nothing},
		{"delete again", request{method: "DELETE", path: "/api/user"}, 204, nothing},
		{"no identity any more", request{method: "GET", path: "/api/user"}, 404, nil},
		{"nor a token", request{method: "GET", path: "/api/token"}, 404, nil},
		{"create anew", request{method: "POST", path: "/api/user"}, 201, identity},
	} {
		a := s.send(step.send)
		if a.status != step.status {
			t.Fatalf("%s: %d %s; want %d", step.name, a.status, a.body, step.status)
		}
		if step.body != nil && !step.body.MatchString(a.body) {
			t.Errorf("%s: body %q does not match %s", step.name, a.body, step.body)
		}
		if step.body == nil && a.field("error") != "identity_not_mapped" {
			t.Errorf("%s: body %q", step.name, a.body)
		}
		wantHeaders(t, step.name, a)
	}
	if live := s.live(); len(live) != 1 || live[0] != s.mapped() {
		t.Errorf("live identities %v, mapped %q; want one, the mapped one", live, s.mapped())
	}
}

// wantHeaders checks what every answer of the API carries.
func wantHeaders(t *testing.T, name string, a answer) {
	t.Helper()
	for header, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "", "X-Powered-By": ""} {
		if got := a.header.Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", name, header, got, want)
		}
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%s: no X-Request-Id", name)
	}
	if a.body != "" && a.header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%s: Content-Type %q", name, a.header.Get("Content-Type"))
	}
}

// The token that the API hands out is ACS's own, and works until it is revoked.
func TestTokenIsGenuine(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.want(201, "POST", "/api/user")
	a := s.want(201, "GET", "/api/token")
	if !s.ACS.TokenValid(a.field("token")) {
		t.Error("ACS does not accept the token")
	}
	expires, err := time.Parse(time.RFC3339, a.field("expiresOn"))
	if life := time.Until(expires); err != nil || life < 23*time.Hour || life > 24*time.Hour {
		t.Errorf("expiresOn %q is not about a day away", a.field("expiresOn"))
	}
	s.want(204, "POST", "/api/token/revoke")
	if s.ACS.TokenValid(a.field("token")) {
		t.Error("ACS accepts the token after its revocation")
	}
}

func TestRouting(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	none := http.Header{"Authorization": nil}
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api", 404, ""},
		{"GET", "/api/", 404, ""},
		{"GET", "/api/users", 404, ""},
		{"GET", "/api/user/", 404, ""},
		{"GET", "/api/User", 404, ""},
		{"GET", "/api/token/", 404, ""},
		{"GET", "/api/token/teams/x", 404, ""},
		{"PUT", "/api/user", 405, "DELETE, GET, POST"},
		{"PATCH", "/api/user", 405, "DELETE, GET, POST"},
		{"HEAD", "/api/user", 405, "DELETE, GET, POST"},
		{"OPTIONS", "/api/user", 405, "DELETE, GET, POST"},
		{"POST", "/api/token", 405, "GET"},
		{"HEAD", "/api/token", 405, "GET"},
		{"DELETE", "/api/token/teams", 405, "GET"},
		{"GET", "/api/token/revoke", 405, "POST"},
	} {
		a := s.send(request{method: test.method, path: test.path, header: none})
		name := map[int]string{404: "not_found", 405: "method_not_allowed"}[test.status]
		if a.status != test.status || a.header.Get("Allow") != test.allow || test.method != "HEAD" && a.field("error") != name {
			t.Errorf("%s %s: %d, Allow %q, %s", test.method, test.path, a.status, a.header.Get("Allow"), a.body)
		}
		wantHeaders(t, test.method+" "+test.path, answer{a.status, a.header, ""})
	}
}

// Mounted without net/http's own mux, which cleans paths and redirects, the
// handler does neither.
func TestPathsMatchExactly(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	handler := must(t, acsauth.NewHandler, acsauth.HandlerConfig{Authenticator: s.auth, Service: s.service, Prefix: "/"})
	s.server.Config.Handler = handler
	for _, path := range []string{"/user", "//user", "/./user", "/token/../user", "/user/", "", "/us%65r", "/token%2Fteams"} {
		a := s.call("GET", path)
		want := "not_found"
		if path == "/user" {
			want = "identity_not_mapped"
		}
		if a.status != 404 || a.field("error") != want {
			t.Errorf("GET %q: %d %s; want %s", path, a.status, a.body, want)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for _, test := range []struct {
		name string
		sent []string
		kept bool
	}{
		{"none", nil, false},
		{"well-formed", []string{"a.b_c-1"}, true},
		{"64 characters", []string{"0123456789012345678901234567890123456789012345678901234567890123"}, true},
		{"65 characters", []string{"01234567890123456789012345678901234567890123456789012345678901234"}, false},
		{"begins with a dot", []string{".a"}, false},
		{"odd characters", []string{"a b"}, false},
		{"begins like a token", []string{"eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiI2ZTc0MTcyYi1iZT"}, false},
		{"a token's first letters elsewhere", []string{"id-eyJ"}, true},
		{"two", []string{"a", "b"}, false},
		{"empty", []string{""}, false},
	} {
		a := s.send(request{method: "GET", path: "/api/user", header: http.Header{"X-Request-Id": test.sent}})
		got := a.header.Get("X-Request-Id")
		if test.kept && got != test.sent[0] || !test.kept && !uuid.MatchString(got) {
			t.Errorf("%s: sent %q, got %q", test.name, test.sent, got)
		}
		if a.field("requestId") != got {
			t.Errorf("%s: the body says %q, the header %q", test.name, a.field("requestId"), got)
		}
	}
}

// Warm means: keys loaded, token exchanged, mapping remembered.
func TestOutboundCalls(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.want(404, "GET", "/api/user") // loads the keys and exchanges the token
	newcomer := s.Entra.AddUser(cloud.User{})
	header := http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(newcomer, cloud.TokenOptions{})}}
	ops := func(r request) (ops []string) {
		s.ResetCalls()
		if a := s.send(r); a.status != 201 && a.status != 200 {
			t.Fatalf("%s %s: %d %s", r.method, r.path, a.status, a.body)
		}
		for _, call := range s.Calls() {
			ops = append(ops, call.Op)
		}
		return ops
	}
	for _, test := range []struct {
		name string
		send request
		want []string
	}{
		{"POST of an unknown user", request{method: "POST", path: "/api/user", header: header},
			[]string{cloud.OpEntraToken, cloud.OpGraphLookup, cloud.OpACSCreate, cloud.OpGraphCreate}},
		{"warm token", request{method: "GET", path: "/api/token", header: header}, []string{cloud.OpACSIssue}},
		{"warm token, again", request{method: "GET", path: "/api/token", header: header}, []string{cloud.OpACSIssue}},
		{"show", request{method: "GET", path: "/api/user", header: header}, []string{cloud.OpGraphLookup}},
		{"POST of a known user", request{method: "POST", path: "/api/user", header: header}, []string{cloud.OpGraphLookup}},
	} {
		if diff := cmp.Diff(test.want, ops(test.send)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
