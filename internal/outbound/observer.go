package outbound

import (
	"context"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/tracing"
)

// scope names this module's outbound calls to OpenTelemetry.
const scope = "github.com/Azure-Samples/communication-services-authentication-hero-go"

// The outcomes of a call. OK says that there is an answer, and that it is no error;
// whether its caller can use it, and who is to blame if not, is the caller's to find
// out.
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
//
// While there is neither an OpenTelemetry SDK nor a [Tally], it costs next to
// nothing: a request is passed on as it is, and nothing is allocated.
type Observer struct {
	upstream string
	tracer   *tracing.Tracer
	duration metric.Float64Histogram
	client   []trace.SpanStartOption          // of every span
	recorded map[string][]metric.RecordOption // by outcome
}

// New returns an observer of the calls to an upstream, such as "acs". Where a
// provider is nil the global one counts, which does nothing without an SDK.
func New(upstream string, meters metric.MeterProvider, tracers trace.TracerProvider) *Observer {
	if meters == nil {
		meters = otel.GetMeterProvider()
	}
	o := &Observer{
		upstream: upstream,
		tracer:   tracing.New(scope, tracers),
		client:   []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attribute.String("upstream", upstream))},
		recorded: map[string][]metric.RecordOption{},
	}
	// An instrument that is returned with an error does nothing.
	o.duration, _ = meters.Meter(scope).Float64Histogram("outbound.call.duration", metric.WithUnit("s"),
		metric.WithDescription("How long outbound calls take, each attempt by itself, until the answer begins."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	for _, outcome := range []string{OK, ClientError, Throttled, ServerError, Timeout, Canceled, Unreachable, Refused} {
		attrs := attribute.NewSet(attribute.String("upstream", upstream), attribute.String("outcome", outcome))
		o.recorded[outcome] = []metric.RecordOption{metric.WithAttributeSet(attrs)}
	}
	return o
}

// Observe makes a call, and returns its error. operation is part of the span's name,
// so it must be one of few; outcomeOf names the outcome, one of those above.
func (o *Observer) Observe(ctx context.Context, operation string, do func(context.Context) error, outcomeOf func(error) string) error {
	c := o.begin(ctx, operation)
	defer tracing.End(c.span)
	err := do(c.ctx)
	if c.observer != nil {
		c.end(outcomeOf(err))
	}
	return err
}

// A call is one that is under way.
type call struct {
	observer *Observer       // nil: nobody wants to know
	ctx      context.Context // in which to make it
	traced   bool            // so that ctx may be another than that of the caller
	span     trace.Span      // to be ended by whoever began the call
	tally    *Tally
	began    time.Time
}

func (o *Observer) begin(ctx context.Context, operation string) call {
	c := call{ctx: ctx, traced: o.tracer.Enabled(), span: noop.Span{}, tally: tallyOf(ctx)}
	if !c.traced && c.tally == nil && !o.duration.Enabled(ctx) {
		return c
	}
	c.observer = o
	if c.traced {
		c.ctx, c.span = o.tracer.Start(ctx, o.upstream+" "+operation, o.client...)
	}
	c.began = time.Now()
	return c
}

// end takes in the outcome, and never an error's text: it may name an address.
func (c *call) end(outcome string) {
	took := time.Since(c.began)
	if c.tally != nil && outcome != Refused {
		c.tally.add(took)
	}
	if c.span.IsRecording() {
		c.span.SetAttributes(attribute.String("outcome", outcome))
		if outcome != OK {
			c.span.SetStatus(codes.Error, outcome)
		}
	}
	if c.observer.duration.Enabled(c.ctx) {
		c.observer.duration.Record(c.ctx, took.Seconds(), c.observer.recorded[outcome]...)
	}
}
