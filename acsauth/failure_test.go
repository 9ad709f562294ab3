package acsauth_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A storeDown is the error of a store of one's own, with all methods that there are.
type storeDown struct {
	text, kind, claims string
	delay              time.Duration
}

var _ acsauth.Failure = (*storeDown)(nil)

func (e *storeDown) Error() string             { return e.text }
func (e *storeDown) FailureKind() string       { return cmp.Or(e.kind, "unavailable") }
func (e *storeDown) ChallengeClaims() string   { return e.claims }
func (e *storeDown) RetryDelay() time.Duration { return e.delay }

// A store of one's own decides how its failures are answered, however deep they are.
func TestStoreDecidesAnswer(t *testing.T) {
	t.Parallel()
	const claims = `{"access_token":{"capolids":{"essential":true,"values":["c1"]}}}`
	challenged := base64.StdEncoding.EncodeToString([]byte(claims))
	for _, test := range []struct {
		name      string
		failure   storeDown
		status    int
		error     string
		retry     string // Retry-After
		challenge string // part of WWW-Authenticate
	}{
		{"nothing but a kind", storeDown{kind: "unavailable"}, 503, "upstream_unavailable", "5", ""},
		{"a delay", storeDown{kind: "unavailable", delay: 7 * time.Second}, 503, "upstream_unavailable", "7", ""},
		{"part of a second", storeDown{kind: "throttled", delay: 1100 * time.Millisecond}, 429, "rate_limited", "2", ""},
		{"a delay where the API names none", storeDown{kind: "timeout", delay: time.Second}, 504, "upstream_timeout", "", ""},
		{"claims", storeDown{kind: "claims_challenge", claims: claims}, 401, "insufficient_claims", "", challenged},
		{"claims of another kind of failure", storeDown{kind: "blocked", claims: claims}, 401, "insufficient_claims", "", challenged},
		{"no claims", storeDown{kind: "claims_challenge"}, 502, "upstream_error", "", ""},
		{"claims that are no object", storeDown{kind: "claims_challenge", claims: `"c1"`}, 502, "upstream_error", "", ""},
		{"claims of more than 8 KiB", storeDown{kind: "claims_challenge", claims: `{"a":"` + strings.Repeat("a", 8<<10) + `"}`}, 502, "upstream_error", "", ""},
		{"a kind that there is not", storeDown{kind: "lost"}, 502, "upstream_error", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, store(fmt.Errorf("store: %w", &test.failure)))
			for _, call := range []request{{method: "GET", path: "/api/user"}, {method: "GET", path: "/api/token"}, {method: "DELETE", path: "/api/user"}} {
				a := s.send(call)
				header := a.header.Get("WWW-Authenticate")
				if a.status != test.status || a.field("error") != test.error || a.header.Get("Retry-After") != test.retry ||
					(header != "") != (test.challenge != "") || !strings.Contains(header, test.challenge) {
					t.Errorf("%s %s: %d %s, Retry-After %q, WWW-Authenticate %q", call.method, call.path, a.status, a.body, a.header.Get("Retry-After"), header)
				}
			}
		})
	}
}
