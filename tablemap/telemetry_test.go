package tablemap_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// Every attempt is timed and traced by itself, and nothing tells whom it was for.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	recorder := telemetrytest.New()
	w.config.MeterProvider, w.config.TracerProvider = recorder.Meters, recorder.Tracers
	m := newMapper(t, w.config)
	w.fault(fault{method: "GET", times: 1, status: 503, header: soon, body: acsID(1)})
	ctx, request := recorder.Tracers.Tracer("test").Start(t.Context(), "request")
	mustCreate(t, m, user(1), acsID(1))
	if got, err := m.Lookup(ctx, user(1)); got != acsID(1) || err != nil {
		t.Errorf("Lookup = %q, %v", got, err)
	}
	request.End()

	want := map[string]int64{
		"outbound.call.duration outcome=ok upstream=tables":           2,
		"outbound.call.duration outcome=server_error upstream=tables": 1,
	}
	if diff := cmp.Diff(want, recorder.Counts(t)); diff != "" {
		t.Error(diff)
	}
	wantSpans := []string{
		"request",
		"request > tables GET",
		"request > tables GET (server_error)",
		"tables POST",
	}
	if diff := cmp.Diff(wantSpans, recorder.Spans()); diff != "" {
		t.Error(diff)
	}
	for _, hidden := range []string{acsID(1), user(1).ObjectID, w.config.Table, "contoso"} {
		if text := recorder.Text(t); strings.Contains(text, hidden) {
			t.Errorf("%s is told:\n%s", hidden, text)
		}
	}
}
