package acsidentity_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// Every attempt is timed and traced by itself, and nothing tells whom it was for.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		recorder := telemetrytest.New()
		fake := &acs{script: []http.HandlerFunc{answer(503, userID), answer(429, userID), succeed, answer(404, userID), drop}}
		cfg := pipe(t, fake)
		cfg.MeterProvider, cfg.TracerProvider = recorder.Meters, recorder.Tracers
		client := mustNew(t, cfg)
		ctx, request := recorder.Tracers.Tracer("test").Start(t.Context(), "request")
		if _, err := client.IssueToken(ctx, userID, voip); err != nil {
			t.Error(err)
		}
		if err := client.DeleteIdentity(ctx, userID); err == nil {
			t.Error("no error")
		}
		if err := client.RevokeTokens(ctx, userID); err != nil { // at the second attempt
			t.Error(err)
		}
		request.End()

		want := map[string]int64{
			"outbound.call.duration outcome=ok upstream=acs":           2,
			"outbound.call.duration outcome=server_error upstream=acs": 1,
			"outbound.call.duration outcome=throttled upstream=acs":    1,
			"outbound.call.duration outcome=client_error upstream=acs": 1,
			"outbound.call.duration outcome=unreachable upstream=acs":  1,
		}
		if diff := cmp.Diff(want, recorder.Counts(t)); diff != "" {
			t.Error(diff)
		}
		wantSpans := []string{
			"request",
			"request > acs DELETE (client_error)",
			"request > acs POST",
			"request > acs POST",
			"request > acs POST (server_error)",
			"request > acs POST (throttled)",
			"request > acs POST (unreachable)",
		}
		if diff := cmp.Diff(wantSpans, recorder.Spans()); diff != "" {
			t.Error(diff)
		}
		for _, hidden := range []string{resourceID, "identities", "localhost", tokenText} {
			if text := recorder.Text(t); strings.Contains(text, hidden) {
				t.Errorf("%s is told:\n%s", hidden, text)
			}
		}
	})
}
