package acsauth_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// observed lets a recorder see everything that the parts of a system tell.
func observed(r *telemetrytest.Recorder) func(*setup) {
	return func(set *setup) {
		telemetry := acsauth.TelemetryConfig{MeterProvider: r.Meters, TracerProvider: r.Tracers}
		set.auth.Telemetry, set.service.Telemetry, set.handler.Telemetry = telemetry, telemetry, telemetry
		set.obo.MeterProvider, set.obo.TracerProvider = r.Meters, r.Tracers
		set.graph.MeterProvider, set.graph.TracerProvider = r.Meters, r.Tracers
		set.acs.MeterProvider, set.acs.TracerProvider = r.Meters, r.Tracers
	}
}

// wantNobody fails the test if what was told names an identity, a user or an address.
func (s *system) wantNobody(r *telemetrytest.Recorder) {
	s.Helper()
	text := r.Text(s)
	for _, hidden := range []string{"8:acs:", s.ACS.ResourceID(), s.user.ObjectID, s.user.TenantID, s.token(), "://", "127.0.0.1", "identities"} {
		if strings.Contains(text, hidden) {
			s.Errorf("%s is told:\n%s", hidden, text)
		}
	}
}

// What a user's visit leaves in the metrics and in the traces.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	recorder := telemetrytest.New()
	s := newSystem(t, withMemory, observed(recorder))
	s.want(404, "GET", "/api/token")
	s.want(201, "POST", "/api/user")
	s.want(201, "GET", "/api/token")
	s.want(201, "GET", "/api/token")
	s.Inject(cloud.Fault{Op: cloud.OpACSCreate, Status: 403})
	s.want(204, "DELETE", "/api/user")
	s.want(500, "POST", "/api/user")
	s.want(404, "GET", "/api/nothing")

	got := recorder.Counts(t)
	maps.DeleteFunc(got, func(key string, _ int64) bool {
		// Other tests' affair.
		return strings.HasPrefix(key, "acsauth.cache.size") || strings.HasPrefix(key, "obo.") || strings.HasPrefix(key, "acsauth.keys.age")
	})
	want := map[string]int64{
		"acsauth.request.duration operation=issue_token outcome=identity_not_mapped":  1,
		"acsauth.request.duration operation=create_user outcome=ok":                   1,
		"acsauth.request.duration operation=issue_token outcome=ok":                   2,
		"acsauth.request.duration operation=delete_user outcome=ok":                   1,
		"acsauth.request.duration operation=create_user outcome=server_misconfigured": 1,
		"acsauth.request.duration operation=none outcome=not_found":                   1,
		"acsauth.verify.duration outcome=ok":                                          6,
		"acsauth.keys.usable client=" + s.ClientID:                                    2,
		"acsauth.store.duration operation=lookup outcome=identity_not_mapped":         3,
		"acsauth.store.duration operation=lookup outcome=ok":                          1,
		"acsauth.store.duration operation=create outcome=ok":                          1,
		"acsauth.store.duration operation=delete outcome=ok":                          1,
		"acsauth.identity.events event=identity_created":                              1,
		"acsauth.identity.events event=token_issued":                                  2,
		"acsauth.identity.events event=identity_deleted":                              1,
		"acsauth.cache.lookups cache=mapping hit=false":                               1,
		"acsauth.cache.lookups cache=mapping hit=true":                                2,
		"acsauth.cache.entries cache=mapping":                                         0,
		"acsauth.cache.entries cache=deleted":                                         1,
		"outbound.call.duration outcome=ok upstream=entra":                            2,
		"outbound.call.duration outcome=ok upstream=acs":                              4,
		"outbound.call.duration outcome=client_error upstream=acs":                    1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.wantNobody(recorder)

	// A service that has ended is not observed any more.
	if err := s.service.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, still := recorder.Counts(t)["acsauth.cache.entries cache=deleted"]; still {
		t.Error("the caches of a closed service are still observed")
	}
}

// Several systems in one program tell the same meter provider: the caches' figures are
// sums, and the signing keys are each client's own.
func TestTelemetryOfSeveral(t *testing.T) {
	t.Parallel()
	recorder := telemetrytest.New()
	s := newSystem(t, observed(recorder))
	other := s.replica()
	s.want(201, "POST", "/api/user")
	for _, server := range []*system{s, other} {
		server.want(201, "GET", "/api/token")
	}
	cfg := authConfig(s.Cloud)
	cfg.ClientID, cfg.Telemetry.MeterProvider = "99999999-8888-7777-6666-555555555555", recorder.Meters
	must(t, acsauth.NewAuthenticator, cfg)

	for name, want := range map[string]int64{
		"acsauth.cache.entries cache=mapping":        2,
		"obo.cache.entries":                          2,
		"acsauth.keys.usable client=" + s.ClientID:   2,
		"acsauth.keys.usable client=" + cfg.ClientID: 0,
	} {
		if got := recorder.Counts(t)[name]; got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

// How the checking of a token ends. What is wrong with a token is no fault of the
// server's, and no error in its span.
func TestVerifyTelemetry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		token   func(c *cloud.Cloud) string
		outcome string
		span    string
	}{
		{"good", func(c *cloud.Cloud) string {
			return c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
		},
			"ok", "acsauth.verify"},
		{"no token", func(*cloud.Cloud) string { return "tops3cret" }, "invalid_token", "acsauth.verify"},
		{"without the scope", func(c *cloud.Cloud) string {
			return c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{Claims: map[string]any{"scp": "other"}})
		}, "insufficient_scope", "acsauth.verify"},
		{"an app's", func(c *cloud.Cloud) string { return c.Entra.AppToken(cloud.TokenOptions{}) }, "user_token_required", "acsauth.verify"},
		{"without keys", func(c *cloud.Cloud) string {
			c.Inject(cloud.Fault{Op: "entra.", Status: 503})
			return c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
		}, "keys_unavailable", "acsauth.verify (keys_unavailable)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			recorder := telemetrytest.New()
			c := startCloud(t)
			cfg := authConfig(c)
			cfg.Telemetry = acsauth.TelemetryConfig{MeterProvider: recorder.Meters, TracerProvider: recorder.Tracers}
			auth := must(t, acsauth.NewAuthenticator, cfg)
			_, _ = auth.Verify(t.Context(), test.token(c))
			if n := recorder.Counts(t)["acsauth.verify.duration outcome="+test.outcome]; n != 1 {
				t.Errorf("counted are %v", recorder.Counts(t))
			}
			if spans := recorder.Spans(); spans[0] != test.span {
				t.Errorf("spans are %v, want %q first", spans, test.span)
			}
			if text := recorder.Text(t); strings.Contains(text, "tops3cret") {
				t.Errorf("the token is told:\n%s", text)
			}
		})
	}
}

// The work for one request is one trace, however it is detached from the request: that
// of somebody who uses the packages without the server.
func TestTraces(t *testing.T) {
	t.Parallel()
	before := newSystem(t)
	before.want(201, "POST", "/api/user")
	cold := func(t *testing.T) (*system, *telemetrytest.Recorder) {
		recorder := telemetrytest.New()
		s := &system{T: t, Cloud: before.Cloud, log: new(logBuffer), user: before.user, configure: []func(*setup){observed(recorder)}}
		s.start()
		return s, recorder
	}
	below := func(root string) []string {
		return []string{
			root,
			root + " > acs POST",
			root + " > acsauth.store.lookup",
			root + " > acsauth.store.lookup > graph GET",
			root + " > acsauth.store.lookup > obo.exchange",
			root + " > acsauth.store.lookup > obo.exchange > entra POST",
			root + " > acsauth.verify",
			root + " > acsauth.verify > entra GET", // where the keys are
			root + " > acsauth.verify > entra GET", // the keys
		}
	}
	check := func(s *system, recorder *telemetrytest.Recorder, root string) {
		s.Helper()
		if diff := cmp.Diff(below(root), recorder.Spans()); diff != "" {
			s.Error(diff)
		}
		if n := recorder.Traces(); n != 1 {
			s.Errorf("%d traces, want 1", n)
		}
		s.wantNobody(recorder)
	}
	t.Run("Handler", func(t *testing.T) {
		t.Parallel()
		s, recorder := cold(t)
		s.want(201, "GET", "/api/token")
		check(s, recorder, "acsauth.request.issue_token")
	})
	t.Run("Service", func(t *testing.T) {
		t.Parallel()
		s, recorder := cold(t)
		ctx, own := recorder.Tracers.Tracer("test").Start(t.Context(), "own handler")
		u, err := s.auth.Verify(ctx, s.token())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.service.Token(ctx, u); err != nil {
			t.Fatal(err)
		}
		own.End()
		check(s, recorder, "own handler")
	})
}

// Without an SDK nothing is allocated for anybody's information: what is left is the
// error.
func TestTelemetryOfNobody(t *testing.T) {
	auth := must(t, acsauth.NewAuthenticator, acsauth.AuthenticatorConfig{TenantID: otherTenant, ClientID: otherTenant})
	token := strings.Repeat("x", 17<<10)
	verify := func() { _, _ = auth.Verify(t.Context(), token) }
	verify() // finds out that there is no SDK
	if n := testing.AllocsPerRun(100, verify); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}
