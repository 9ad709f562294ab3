package acsauthtest_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// newAuthenticator returns one that accepts the cloud's tokens and logs nothing.
func newAuthenticator(t *testing.T, c *acsauthtest.Cloud) *acsauth.Authenticator {
	t.Helper()
	cfg := c.AuthenticatorConfig()
	cfg.Logger = slog.New(slog.DiscardHandler)
	auth, err := acsauth.NewAuthenticator(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return auth
}

// The middleware gives every case the answer that it deserves, and passes the right
// user on.
func TestCorpus(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	var seen []acsauth.User
	handler := newAuthenticator(t, c).Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		u, _ := acsauth.UserFromContext(r.Context())
		seen = append(seen, u)
	}))
	acsauthtest.TestTokens(t, c, handler, "GET", "/")
	good := 0
	for _, test := range c.Tokens(c.AddUser("Ada")) {
		if test.Status == 0 {
			good++
		}
	}
	if len(seen) != good {
		t.Fatalf("the handler was reached %d times, want %d", len(seen), good)
	}
	for _, u := range seen {
		if u.TenantID != c.TenantID || u.ObjectID != seen[0].ObjectID || u.ObjectID != strings.ToLower(u.ObjectID) || u.ClientID == "" {
			t.Errorf("the handler was reached by %+v", u)
		}
	}
}

func TestCorpusIsWellFormed(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	const limit = 16 << 10
	refusals := map[string]int{"missing_token": 401, "invalid_request": 400, "invalid_token": 401, "user_token_required": 403, "insufficient_scope": 403, "": 0}
	names, errors, longest, tooLong := map[string]bool{}, map[string]int{}, 0, limit*2
	for _, test := range c.Tokens(c.AddUser("Ada")) {
		if status, ok := refusals[test.Error]; !ok || test.Status != status {
			t.Errorf("%s: %d %q", test.Name, test.Status, test.Error)
		}
		if names[test.Name] || test.Why == "" {
			t.Errorf("%q is not the only one of its name, or gives no reason", test.Name)
		}
		names[test.Name] = true
		errors[test.Error]++
		for _, value := range test.Authorization {
			switch size := len(strings.TrimPrefix(value, "Bearer ")); {
			case size <= limit:
				longest = max(longest, size)
			default:
				tooLong = min(tooLong, size)
			}
		}
	}
	if len(names) < 200 || errors[""] < 30 || len(errors) != len(refusals) {
		t.Errorf("%d cases: %v", len(names), errors)
	}
	if longest < limit-3 || tooLong > limit+4 {
		t.Errorf("the longest good token has %d bytes, the shortest that is too long %d", longest, tooLong)
	}
}

// What a server may get wrong, and what Check says about it.
func TestCheck(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	cases := map[string]acsauthtest.TokenCase{}
	for _, test := range c.Tokens(c.AddUser("Ada")) {
		cases[test.Name] = test
	}
	const invalid, missing, app = "expired", "no header", "an application's own"
	challenge := `Bearer realm="x", error="invalid_token", error_description="no; never"`
	for _, test := range []struct {
		name      string
		sent      string
		status    int
		challenge []string
		cache     string
		body      string
		want      string // in what Check says; "" if nothing is wrong
	}{
		{"as it should be", invalid, 401, []string{challenge}, "no-store", `{"error":"invalid_token"}`, ""},
		{"no body", invalid, 401, []string{challenge}, "no-store", "", ""},
		{"a body of one's own", invalid, 401, []string{challenge}, "private, no-store", "<html>", ""},
		{"a bare challenge", missing, 401, []string{"Bearer"}, "no-store", "", ""},
		{"no challenge where none is needed", app, 403, nil, "no-store", "", ""},
		{"let in", invalid, 200, nil, "no-store", "", "status 200, want 401 invalid_token"},
		{"another status", invalid, 403, []string{challenge}, "no-store", "", "status 403"},
		{"another error", invalid, 401, []string{challenge}, "no-store", `{"error":"missing_token"}`, `error "missing_token", want "invalid_token"`},
		{"may be cached", invalid, 401, []string{challenge}, "private", "", `Cache-Control "private"`},
		{"no challenge", invalid, 401, nil, "no-store", "", "0 WWW-Authenticate headers"},
		{"two challenges", invalid, 401, []string{challenge, challenge}, "no-store", "", "2 WWW-Authenticate headers"},
		{"another challenge", invalid, 401, []string{`Bearer realm="x"`}, "no-store", "", `names the error ""`},
		{"an error where there was no token", missing, 401, []string{challenge}, "no-store", "", `names the error "invalid_token", want ""`},
		{"another scheme", missing, 401, []string{`Basic realm="x"`}, "no-store", "", "no challenge of RFC 6750"},
		{"a value without quotes", missing, 401, []string{`Bearer realm=x`}, "no-store", "", "no challenge of RFC 6750"},
		{"a quote within a value", missing, 401, []string{`Bearer realm="a\"b"`}, "no-store", "", "no challenge of RFC 6750"},
		{"a parameter twice", missing, 401, []string{`Bearer realm="a", Realm="b"`}, "no-store", "", "has realm twice"},
		{"a malformed challenge where none is needed", app, 403, []string{"Bearer realm"}, "no-store", "", "no challenge of RFC 6750"},
		{"repeats the token in its body", invalid, 401, []string{challenge}, "no-store", "%", "repeats the token"},
		{"repeats the token in its challenge", invalid, 401, []string{`Bearer error="invalid_token", x="%"`}, "no-store", "", "repeats the token"},
		{"good, and found", "v1.0", 200, nil, "", "hello", ""},
		{"good, and not found", "v1.0", 404, nil, "", "", ""},
		{"good, and refused", "v1.0", 401, []string{challenge}, "no-store", "", "answered with status 401"},
		{"good, and forbidden", "v1.0", 403, nil, "no-store", "", "answered with status 403"},
		{"good, and nobody can tell", "v1.0", 503, nil, "no-store", "", "answered with status 503"},
		{"good, and repeated", "v1.0", 200, nil, "", "%", "repeats the token"},
	} {
		sent, ok := cases[test.sent]
		if !ok {
			t.Fatalf("there is no case %q", test.sent)
		}
		// The claims of the token stand for all of it.
		insert := func(text string) string {
			if !strings.Contains(text, "%") {
				return text
			}
			return strings.ReplaceAll(text, "%", strings.Split(sent.Authorization[0], ".")[1])
		}
		w := httptest.NewRecorder()
		for _, value := range test.challenge {
			w.Header().Add("WWW-Authenticate", insert(value))
		}
		w.Header().Set("Cache-Control", test.cache)
		w.WriteHeader(test.status)
		_, _ = w.WriteString(insert(test.body))
		err := sent.Check(w.Result())
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
}

// Servers that decide by nothing but the status line's first digit are found out on
// every single case.
func TestCheckOfEverybodyAndNobody(t *testing.T) {
	t.Parallel()
	c := acsauthtest.NewCloud(t)
	wrong := map[int]int{}
	want := map[int]int{}
	for _, test := range c.Tokens(c.AddUser("Ada")) {
		for _, status := range []int{200, 500} {
			w := httptest.NewRecorder()
			w.WriteHeader(status)
			if test.Check(w.Result()) != nil {
				wrong[status]++
			}
			if test.Status != 0 || status == 500 {
				want[status]++
			}
		}
	}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Error(diff)
	}
}
