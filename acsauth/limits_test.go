package acsauth_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// One request every two seconds, two at once: what counts, for whom, and when the
// next one is admitted.
func TestUserRate(t *testing.T) {
	t.Parallel()
	var clock adjustableClock
	recorder := telemetrytest.New()
	s := newSystem(t, withMemory, func(set *setup) {
		set.auth.AllowedTenants = []string{set.cloud.TenantID, otherTenant}
		set.handler.UserRate, set.handler.UserBurst, set.handler.Now = 0.5, 2, clock.now
		set.handler.Telemetry.MeterProvider = recorder.Meters
	})
	token := func(u cloud.User, o cloud.TokenOptions) http.Header {
		return http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(s.Entra.AddUser(u), o)}}
	}
	namesake := cloud.User{TenantID: otherTenant, ObjectID: s.user.ObjectID}
	for _, step := range []struct {
		name         string
		wait         time.Duration // before
		method, path string
		header       http.Header
		status       int
		retry        string
	}{
		{"first", 0, "GET", "/api/user", nil, 404, ""},
		{"no token", 0, "GET", "/api/user", http.Header{"Authorization": nil}, 401, ""},
		{"missing scope", 0, "GET", "/api/user", token(s.user, cloud.TokenOptions{Scope: "profile"}), 403, ""},
		{"wrong method", 0, "PUT", "/api/user", nil, 405, ""},
		{"second, with another token", 0, "GET", "/api/token", token(s.user, cloud.TokenOptions{}), 404, ""},
		{"one too many", 0, "GET", "/api/user", nil, 429, "2"},
		{"another endpoint", 0, "POST", "/api/user", nil, 429, "2"},
		{"even a malformed request", 0, "GET", "/api/token/teams", nil, 429, "2"},
		{"no token", 0, "GET", "/api/user", http.Header{"Authorization": nil}, 401, ""},
		{"missing scope", 0, "GET", "/api/user", token(s.user, cloud.TokenOptions{Scope: "profile"}), 403, ""},
		{"another user", 0, "GET", "/api/user", token(cloud.User{}, cloud.TokenOptions{}), 404, ""},
		{"another tenant", 0, "GET", "/api/user", token(namesake, cloud.TokenOptions{}), 404, ""},
		{"too early", 500 * time.Millisecond, "GET", "/api/user", nil, 429, "2"},
		{"still too early", time.Second, "GET", "/api/user", nil, 429, "1"},
		{"in time", 500 * time.Millisecond, "GET", "/api/user", nil, 404, ""},
		{"one too many again", 0, "GET", "/api/user", nil, 429, "2"},
		{"after a long time, first", time.Hour, "GET", "/api/user", nil, 404, ""},
		{"after a long time, second", 0, "GET", "/api/user", nil, 404, ""},
		{"after a long time, third", 0, "GET", "/api/user", nil, 429, "2"},
	} {
		clock.advance(step.wait)
		a := s.send(request{method: step.method, path: step.path, header: step.header})
		if a.status != step.status || a.header.Get("Retry-After") != step.retry || a.status == 429 && a.field("error") != "rate_limited" {
			t.Errorf("%s: %d %s, Retry-After %q; want %d, %q", step.name, a.status, a.body, a.header.Get("Retry-After"), step.status, step.retry)
		}
		wantHeaders(t, step.name, a)
	}
	for _, line := range s.log.lines("audit") {
		if line["error"] == "rate_limited" {
			t.Errorf("it is in the audit log, which whoever calls too often could fill: %v", line)
		}
	}
	if n := recorder.Counts(t)["acsauth.request.duration operation=show_user outcome=rate_limited"]; n != 5 {
		t.Errorf("%d requests to show the user were counted as refused, want 5", n)
	}
}

// Retry-After tells the truth: then a request is admitted, and a second before it
// is not.
func TestUserRateTellsTheTruth(t *testing.T) {
	t.Parallel()
	for _, limit := range []struct {
		perSecond float64
		burst     int
	}{{20, 40}, {1, 1}, {1.0 / 3, 1}, {1.0 / 60, 5}, {1.5, 30}, {0.7, 2}, {1e-6, 1}, {3.3e-5, 2}, {1000, 1}} {
		var clock adjustableClock
		admit, _ := acsauth.NewUserLimit(limit.perSecond, limit.burst, 10, clock.now)
		for range limit.burst {
			if err := admit("u"); err != nil {
				t.Errorf("%v: within the burst: %v", limit, err)
			}
		}
		for range 20 {
			seconds := secondsUntil(t, admit("u"))
			clock.advance(time.Duration(seconds-1) * time.Second)
			if seconds > 1 {
				if left := secondsUntil(t, admit("u")); left != 1 {
					t.Errorf("%v: after %d of %d s, %d are left", limit, seconds-1, seconds, left)
				}
			}
			clock.advance(time.Second)
			if err := admit("u"); err != nil {
				t.Errorf("%v: after %d s: %v", limit, seconds, err)
			}
			for admit("u") == nil { // what came along in the rest of the last second
			}
		}
	}
}

// secondsUntil returns what the answer to a refusal would say in Retry-After.
func secondsUntil(t *testing.T, err error) int {
	t.Helper()
	var e *acsauth.Error
	if !errors.As(err, &e) || e.Name != "rate_limited" || e.RetryAfter <= 0 {
		t.Fatalf("error %v, want rate_limited with RetryAfter", err)
	}
	return int(math.Ceil(e.RetryAfter.Seconds()))
}

// Only those are remembered whose buckets are not full, and no more than there is
// room for.
func TestUserRateIsBounded(t *testing.T) {
	t.Parallel()
	var clock adjustableClock
	admit, size := acsauth.NewUserLimit(1, 10, 100, clock.now)
	drain := func(user string) (admitted int) {
		for admit(user) == nil {
			admitted++
		}
		return admitted
	}
	for i := range 99 {
		drain(fmt.Sprint(i))
	}
	drain("mallory")
	if n := drain("0") + drain("mallory"); n != 0 {
		t.Error("with room for all, a bucket was forgotten")
	}
	for i := range 99 { // all but mallory, who came last, and then one more
		drain(fmt.Sprint(i))
	}
	drain("one more")
	if n := size(); n != 100 {
		t.Errorf("%d buckets, with room for 100", n)
	}
	if admit("0") == nil {
		t.Error("not the one that was used least recently has gone")
	}
	if n := drain("mallory"); n != 10 {
		t.Errorf("whose bucket is gone begins anew, but was admitted %d times", n)
	}
	clock.advance(5 * time.Second)
	drain("somebody")
	if n := drain("mallory"); n != 5 {
		t.Errorf("a bucket half full admitted %d of 10", n)
	}
	clock.advance(10 * time.Second)
	if err := admit("anybody"); err != nil || size() != 1 {
		t.Errorf("%v; %d buckets are left, of which 1 can be other than full", err, size())
	}
}

// With as much under way as there may be, nothing is looked at: neither the path
// nor the token. Whoever is refused takes nobody's place.
func TestMaxConcurrent(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(set *setup) { set.handler.MaxConcurrent = 2 })
	arrived := make(chan struct{})
	release := s.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Do: func() { arrived <- struct{}{} }, Hang: true})
	answers := make(chan answer, 2)
	for range 2 {
		u := s.Entra.AddUser(cloud.User{})
		header := http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(u, cloud.TokenOptions{})}}
		go func() { answers <- s.send(request{method: "GET", path: "/api/user", header: header}) }()
		<-arrived
	}
	for range 3 {
		for _, r := range []request{
			{method: "GET", path: "/api/user"},
			{method: "GET", path: "/api/user", header: http.Header{"Authorization": nil}},
		} {
			a := s.send(r)
			if a.status != 503 || a.field("error") != "overloaded" || a.header.Get("Retry-After") != "5" || a.header.Get("WWW-Authenticate") != "" {
				t.Errorf("%d %s %v", a.status, a.body, a.header)
			}
			wantHeaders(t, "overloaded", a)
		}
	}
	for _, r := range []struct{ method, path string }{{"GET", "/api/nothing"}, {"PUT", "/api/user"}} {
		out, err := http.NewRequestWithContext(t.Context(), r.method, s.server.URL+r.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.server.Client().Do(out)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(in.Body)
		in.Body.Close()
		if err := errors.Join(err, openapitest.Check(in, body)); err != nil {
			t.Error(err)
		}
		if in.StatusCode != 503 {
			t.Errorf("%s %s: %d, although nothing should have been looked at", r.method, r.path, in.StatusCode)
		}
	}
	release()
	for range 2 {
		if a := <-answers; a.status != 404 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	s.want(404, "GET", "/api/user")
	for _, line := range s.log.lines("request refused") {
		if line["error"] == "overloaded" && line["level"] != "WARN" {
			t.Errorf("overload is logged as %v", line)
		}
	}
}

func TestHandlerConfigMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfg  acsauth.HandlerConfig
		want []string
	}{
		{acsauth.HandlerConfig{Prefix: "api/", Timeout: -1}, []string{"Authenticator", "Service", "Prefix", "Timeout"}},
		{acsauth.HandlerConfig{UserRate: -1, UserBurst: -1, MaxConcurrent: -1}, []string{"UserRate", "UserBurst", "MaxConcurrent"}},
		{acsauth.HandlerConfig{UserRate: math.NaN()}, []string{"UserRate"}},
		{acsauth.HandlerConfig{UserRate: math.Inf(1)}, []string{"UserRate"}},
		{acsauth.HandlerConfig{UserBurst: 1}, []string{"UserBurst"}},
	} {
		_, err := acsauth.NewHandler(test.cfg)
		for _, field := range test.want {
			if err == nil || !strings.Contains(err.Error(), "acsauth: "+field) {
				t.Errorf("%s is not mentioned in:\n%v", field, err)
			}
		}
	}
}

// What the limit costs each request: of a user who is known, and of one who comes
// when there is no room.
func BenchmarkUserRate(b *testing.B) {
	users := make([]string, 2000)
	for i := range users {
		users[i] = otherTenant + fmt.Sprintf("/00000000-0000-4000-8000-%012d", i)
	}
	for name, most := range map[string]int{"known": len(users), "evicting": len(users) / 2} {
		b.Run(name, func(b *testing.B) {
			admit, _ := acsauth.NewUserLimit(1e9, 1e9, most, time.Now)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = admit(users[i%len(users)])
			}
		})
	}
}
