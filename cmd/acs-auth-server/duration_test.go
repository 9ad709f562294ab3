package main

import (
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// Metrics, in seconds, and the line of a request, in milliseconds, say how long it took
// and how much of that was spent upstream. In virtual time nothing else takes any.
func TestDurations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		recorder, log, p := telemetrytest.New(), newOutput(), new(problems)
		s := load(cloudLayers(c, "MAPPING_STORE=memory"), true, p)
		logger, audit := newLoggers(log, s)
		made := compose(s, surroundings{client: c.HTTPClient(), logger: logger, audit: audit, meters: recorder.Meters, tracers: recorder.Tracers}, p)
		if p.any() {
			t.Fatal(p.list)
		}
		c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Do: func() { time.Sleep(1250 * time.Millisecond) }})
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/user", nil)
		r.Header.Set("Authorization", "Bearer "+c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{}))
		w := httptest.NewRecorder()
		(&server{settings: s, parts: made, logger: logger, ending: t.Context(), telemetry: new(telemetry)}).handler().ServeHTTP(w, r)
		if w.Code != 201 {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		took := map[string]time.Duration{}
		for metric, d := range recorder.Durations(t) {
			if d > 0 {
				took[metric] = d
			}
		}
		if diff := cmp.Diff(map[string]time.Duration{
			"acsauth.request.duration operation=create_user outcome=ok": 1250 * time.Millisecond,
			"outbound.call.duration outcome=ok upstream=acs":            1250 * time.Millisecond,
		}, took); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		for _, line := range logLines(t, log.String(), "request") {
			if line["duration_ms"] != 1250.0 || line["outbound_ms"] != 1250.0 {
				t.Errorf("the line has %v and %v", line["duration_ms"], line["outbound_ms"])
			}
		}
	})
}
