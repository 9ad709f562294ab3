package obo

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/tracing"
)

// scope names this package to OpenTelemetry.
const scope = "github.com/Azure-Samples/communication-services-authentication-hero-go/obo"

// telemetry tells OpenTelemetry of exchanges and of the cache.
type telemetry struct {
	tracer   *tracing.Tracer
	duration metric.Float64Histogram
	lookups  metric.Int64Counter
}

// newTelemetry observes the cache for as long as the meter provider lives.
func newTelemetry(meters metric.MeterProvider, tracers trace.TracerProvider, size func() (entries int, bytes int64)) telemetry {
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	// An instrument that is returned with an error does nothing.
	meter := meters.Meter(scope)
	t := telemetry{tracer: tracing.New(scope, tracers)}
	t.duration, _ = meter.Float64Histogram("obo.exchange.duration", metric.WithUnit("s"), metric.WithDescription("How long exchanges with Microsoft Entra ID take."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	t.lookups, _ = meter.Int64Counter("obo.cache.lookups", metric.WithDescription("Look-ups of remembered exchanges, by whether there was one."))
	// Not gauges: of several clients in one program the sum is told.
	entries, _ := meter.Int64ObservableUpDownCounter("obo.cache.entries", metric.WithDescription("Exchanges that are remembered."))
	bytes, _ := meter.Int64ObservableUpDownCounter("obo.cache.size", metric.WithUnit("By"), metric.WithDescription("Memory that they take."))
	_, _ = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		n, b := size()
		o.ObserveInt64(entries, int64(n))
		o.ObserveInt64(bytes, b)
		return nil
	}, entries, bytes)
	return t
}

// exchange observes one exchange.
func (t telemetry) exchange(ctx context.Context, call func(context.Context) *Error) {
	ctx, span := t.tracer.Start(ctx, "obo.exchange")
	defer tracing.End(span)
	began := time.Now()
	outcome := "ok"
	if failure := call(ctx); failure != nil {
		outcome = failure.Kind
		span.SetStatus(codes.Error, outcome)
	}
	if t.duration.Enabled(ctx) {
		t.duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
	}
}

func (t telemetry) lookup(ctx context.Context, hit bool) {
	if t.lookups.Enabled(ctx) {
		t.lookups.Add(ctx, 1, metric.WithAttributes(attribute.Bool("hit", hit)))
	}
}
