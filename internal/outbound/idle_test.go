package outbound_test

import (
	"context"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// Without an SDK a request passes through as it is, and costs no allocation; on a
// request's account it is counted all the same. Allocations can be counted only while
// nothing else runs.
func TestWithoutSDK(t *testing.T) {
	answer := new(http.Response)
	var passed *http.Request
	observer := outbound.New("acs", nil, nil)
	transport := observer.Transport(roundTripper(func(r *http.Request) (*http.Response, error) {
		passed = r
		return answer, nil
	}))
	send := func(ctx context.Context) func() {
		r, err := http.NewRequestWithContext(ctx, "POST", "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if got, err := transport.RoundTrip(r); got != answer || err != nil {
				t.Errorf("RoundTrip: %v, %v", got, err)
			}
			if passed.Context() != ctx {
				t.Error("the context is another one")
			}
		}
	}
	send(t.Context())() // finds out that there is no SDK
	if n := testing.AllocsPerRun(100, send(t.Context())); n > 0 {
		t.Errorf("%v allocations for a request", n)
	}
	work := func(context.Context) error { return nil }
	outcome := func(error) string {
		t.Error("the outcome was asked for")
		return outbound.OK
	}
	if n := testing.AllocsPerRun(100, func() { _ = observer.Observe(t.Context(), "Lookup", work, outcome) }); n > 0 {
		t.Errorf("%v allocations for other work", n)
	}
	ctx, tally := outbound.WithTally(t.Context())
	if n := testing.AllocsPerRun(99, send(ctx)); n > 0 {
		t.Errorf("%v allocations for a request that is counted", n)
	}
	if calls, _ := tally.Calls(); calls != 100 { // AllocsPerRun makes one more
		t.Errorf("%d calls, want 100", calls)
	}
}

// Providers that do nothing, or do not even make instruments, disturb nobody.
func TestProvidersThatDoNothing(t *testing.T) {
	t.Parallel()
	for name, meters := range map[string]metric.MeterProvider{"no-op": metricnoop.NewMeterProvider(), "none": nil} {
		ctx, tally := outbound.WithTally(t.Context())
		observer := outbound.New("acs", meters, tracenoop.NewTracerProvider())
		_ = observer.Observe(ctx, "Lookup", func(context.Context) error { return nil }, func(error) string { return outbound.OK })
		if calls, _ := tally.Calls(); calls != 1 {
			t.Errorf("%s: %d calls, want 1", name, calls)
		}
	}
}

type closable struct {
	roundTripper
	closed int
}

func (c *closable) CloseIdleConnections() { c.closed++ }

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	observer := outbound.New("acs", nil, nil)
	below := new(closable)
	client := &http.Client{Transport: below}
	observer.Client(client).CloseIdleConnections()
	if below.closed != 1 {
		t.Errorf("closed %d times, want once", below.closed)
	}
	if client.Transport != below {
		t.Error("the client itself was changed")
	}
	observer.Client(&http.Client{Transport: below.roundTripper}).CloseIdleConnections() // which cannot
	observer.Client(new(http.Client)).CloseIdleConnections()                            // net/http's own
}
