package graphmap_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/microsoft/kiota-abstractions-go/authentication"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// Every attempt is timed and traced by itself, and nothing tells whom it was for.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	server := httptest.NewTLSServer(g)
	t.Cleanup(server.Close)
	recorder := telemetrytest.New()
	m := newMapper(t, server.URL+"/v1.0", server.Client(), func(cfg *graphmap.Config) {
		cfg.MeterProvider, cfg.TracerProvider = recorder.Meters, recorder.Tracers
	})
	ctx, request := recorder.Tracers.Tracer("test").Start(t.Context(), "request")
	g.fault(fault{op: "post", times: 1, status: 503, header: soon, body: acsID(1)})
	if err := m.Create(ctx, user(1), acsID(1)); err != nil {
		t.Error(err)
	}
	if got, err := m.Lookup(ctx, user(1)); got != acsID(1) || err != nil {
		t.Errorf("Lookup = %q, %v", got, err)
	}
	request.End()

	want := map[string]int64{
		"outbound.call.duration outcome=ok upstream=graph":           2,
		"outbound.call.duration outcome=server_error upstream=graph": 1,
	}
	if diff := cmp.Diff(want, recorder.Counts(t)); diff != "" {
		t.Error(diff)
	}
	wantSpans := []string{"request", "request > graph GET", "request > graph POST", "request > graph POST (server_error)"}
	if diff := cmp.Diff(wantSpans, recorder.Spans()); diff != "" {
		t.Error(diff)
	}
	for _, hidden := range []string{acsID(1), user(1).ObjectID, "/me", extName, "127.0.0.1"} {
		if text := recorder.Text(t); strings.Contains(text, hidden) {
			t.Errorf("%s is told:\n%s", hidden, text)
		}
	}
}

// The requests of somebody else's adapter are its own affair.
func TestTelemetryWithAdapter(t *testing.T) {
	t.Parallel()
	recorder := telemetrytest.New()
	m := borrowed(t, newGraph(t), &authentication.AnonymousAuthenticationProvider{}, func(cfg *graphmap.Config) {
		cfg.MeterProvider, cfg.TracerProvider = recorder.Meters, recorder.Tracers
	})
	if err := m.Create(t.Context(), user(1), acsID(1)); err != nil {
		t.Error(err)
	}
	if got, err := m.Lookup(t.Context(), user(1)); got != acsID(1) || err != nil {
		t.Errorf("Lookup = %q, %v", got, err)
	}
	if diff := cmp.Diff(map[string]int64{}, recorder.Counts(t)); diff != "" {
		t.Error(diff)
	}
}
