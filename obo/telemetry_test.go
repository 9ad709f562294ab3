package obo_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// One exchange, and one answer from memory. The exchange is detached from the request
// that causes it, and part of its trace all the same.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	recorder := telemetrytest.New()
	client := memoryClient(t, obo.Config{MeterProvider: recorder.Meters, TracerProvider: recorder.Tracers})
	ctx, request := recorder.Tracers.Tracer("test").Start(t.Context(), "request")
	assertion := benchAssertion(0)
	for range 2 {
		if _, err := client.Token(ctx, tenantID, assertion, ""); err != nil {
			t.Fatal(err)
		}
	}
	request.End()
	want := map[string]int64{
		"obo.exchange.duration outcome=ok":                 1,
		"obo.cache.lookups hit=false":                      1,
		"obo.cache.lookups hit=true":                       1,
		"obo.cache.entries":                                1,
		"obo.cache.size":                                   2512,
		"outbound.call.duration outcome=ok upstream=entra": 1,
	}
	if diff := cmp.Diff(want, recorder.Counts(t)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"request", "request > obo.exchange", "request > obo.exchange > entra POST"}, recorder.Spans()); diff != "" {
		t.Error(diff)
	}
	for _, hidden := range []string{tenantID, clientID, clientSecret, "ttt", "login.microsoftonline"} {
		if text := recorder.Text(t); strings.Contains(text, hidden) {
			t.Errorf("%s is told:\n%s", hidden, text)
		}
	}
}
