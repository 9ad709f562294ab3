package telemetrytest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

func TestRecorder(t *testing.T) {
	t.Parallel()
	r := telemetrytest.New()
	ctx, parent := r.Tracers.Tracer("test").Start(t.Context(), "parent")
	_, child := r.Tracers.Tracer("test").Start(ctx, "child")
	child.SetAttributes(attribute.String("what", "said"))
	child.SetStatus(codes.Error, "failed")
	child.End()
	_, alone := r.Tracers.Tracer("test").Start(t.Context(), "alone")
	alone.End()
	parent.End()
	if diff := cmp.Diff([]string{"alone", "parent", "parent > child (failed)"}, r.Spans()); diff != "" {
		t.Error(diff)
	}
	if n := r.Traces(); n != 2 {
		t.Errorf("%d traces, want 2", n)
	}

	meter := r.Meters.Meter("test")
	counter, _ := meter.Int64Counter("counter")
	counter.Add(ctx, 2, metric.WithAttributes(attribute.Bool("b", true), attribute.String("a", "x")))
	duration, _ := meter.Float64Histogram("duration")
	duration.Record(ctx, 0.5)
	_, _ = meter.Int64ObservableGauge("entries", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(7)
		return nil
	}))
	_, _ = meter.Float64ObservableGauge("age", metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(3.9)
		return nil
	}))
	want := map[string]int64{"counter a=x b=true": 2, "duration": 1, "entries": 7, "age": 3}
	if diff := cmp.Diff(want, r.Counts(t)); diff != "" {
		t.Error(diff)
	}
	for _, said := range []string{"said", "failed", "counter"} {
		if text := r.Text(t); !strings.Contains(text, said) {
			t.Errorf("%q is not in\n%s", said, text)
		}
	}
}
