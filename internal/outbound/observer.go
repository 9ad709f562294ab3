package outbound

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// scope names this module's outbound calls to OpenTelemetry.
const scope = "github.com/Azure-Samples/communication-services-authentication-hero-go"

// The outcomes of a call. One that was not answered in a way that its caller can
// use has an outcome other than OK, but who is to blame for it is the caller's to
// find out.
const (
	OK          = "ok"
	ClientError = "client_error" // HTTP status 4xx
	Throttled   = "throttled"    // HTTP status 429
	ServerError = "server_error" // HTTP status 5xx
	Timeout     = "timeout"
	Canceled    = "canceled" // by whoever called us
	Unreachable = "unreachable"
	Refused     = "refused" // by a limit of our own, before anything was sent
)

// An Observer observes the calls to one upstream. It is safe for concurrent use.
type Observer struct {
	upstream string
	tracer   trace.Tracer
	duration metric.Float64Histogram
}

// New returns an observer of the calls to an upstream, such as "acs". Where a
// provider is nil the global one counts, which does nothing without an SDK.
func New(upstream string, meters metric.MeterProvider, tracers trace.TracerProvider) *Observer {
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	if tracers == nil {
		tracers = otel.GetTracerProvider()
	}
	o := &Observer{upstream: upstream, tracer: tracers.Tracer(scope)}
	// An instrument that is returned with an error does nothing.
	o.duration, _ = meters.Meter(scope).Float64Histogram("outbound.call.duration", metric.WithUnit("s"),
		metric.WithDescription("How long outbound calls take, each attempt by itself, until the answer begins."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	return o
}

// Observe makes a call, and returns its error. outcomeOf names the outcome.
func (o *Observer) Observe(ctx context.Context, operation string, call func(context.Context) error, outcomeOf func(error) string) error {
	ctx, span := o.tracer.Start(ctx, o.upstream+" "+operation, trace.WithSpanKind(trace.SpanKindClient))
	defer span.End()
	began := time.Now()
	err := call(ctx)
	took := time.Since(began)
	outcome := outcomeOf(err)
	if t := tallyOf(ctx); t != nil && outcome != Refused {
		t.add(took)
	}
	if span.IsRecording() {
		span.SetAttributes(attribute.String("upstream", o.upstream), attribute.String("outcome", outcome))
		if outcome != OK {
			span.SetStatus(codes.Error, outcome) // never err's text: it may name an address
		}
	}
	if o.duration.Enabled(ctx) {
		o.duration.Record(ctx, took.Seconds(), metric.WithAttributes(attribute.String("upstream", o.upstream), attribute.String("outcome", outcome)))
	}
	return err
}
