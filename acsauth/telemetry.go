package acsauth

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/tracing"
)

// telemetryScope names this package to OpenTelemetry.
const telemetryScope = "github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"

// A TelemetryConfig says where metrics and traces go. Without it, and without an
// OpenTelemetry SDK in the program, they go nowhere, at next to no cost.
//
// The metrics of a [Handler]:
//
//   - acsauth.request.duration: requests, by operation and outcome.
//
// Those of an [Authenticator]:
//
//   - acsauth.verify.duration: checks of access tokens, by outcome.
//   - acsauth.keys.age: seconds since its signing keys were last fetched.
//   - acsauth.keys.usable: how many of them may be used. Both are by client, its
//     ClientID.
//
// Those of a [Service]:
//
//   - acsauth.store.duration: calls of the store, by operation and outcome.
//   - acsauth.identity.events: what happens to identities and tokens, by event: those
//     in the audit log, and create_unfinished and delete_unfinished for what is left
//     to be repaired.
//   - acsauth.cache.lookups, acsauth.cache.entries, acsauth.cache.size: what is
//     remembered. Of several services in a program the latter two are the sums.
//
// An outcome is ok, the name of an error, or client_closed if whoever asked hung up
// before there was an answer. Requests, checks and calls of the store are spans too:
// acsauth.request.issue_token, acsauth.verify, acsauth.store.lookup. Calls that fetch
// signing keys are timed and traced as those of the other packages are
// (outbound.call.duration, by upstream and outcome). None of this names a user, an
// identity or an address.
type TelemetryConfig struct {
	// MeterProvider takes the metrics. Default: the global one.
	MeterProvider metric.MeterProvider
	// TracerProvider takes the spans. Default: the global one.
	TracerProvider trace.TracerProvider
}

func (c TelemetryConfig) meter() metric.Meter {
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	return c.MeterProvider.Meter(telemetryScope)
}

// outbound returns what observes the calls to an upstream.
func (c TelemetryConfig) outbound(upstream string) *outbound.Observer {
	return outbound.New(upstream, c.MeterProvider, c.TracerProvider)
}

// An observer traces and times calls of one kind.
type observer struct {
	tracer   *tracing.Tracer
	duration metric.Float64Histogram
	prefix   string // of the names of spans
}

// newObserver returns one whose histogram counts seconds.
func (c TelemetryConfig) newObserver(prefix, description string) *observer {
	o := &observer{tracer: tracing.New(telemetryScope, c.TracerProvider), prefix: prefix}
	// An instrument that is returned with an error does nothing.
	o.duration, _ = c.meter().Float64Histogram(prefix+".duration", metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(.0001, .0005, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30))
	return o
}

// An observation is of one call that is under way.
type observation struct {
	observer  *observer
	operation string
	ctx       context.Context // in which to make the call
	span      trace.Span
	timed     bool
	began     time.Time
}

// begin begins to observe a call. operation may be empty, if there is only one. While
// nobody is told it costs nothing.
func (o *observer) begin(ctx context.Context, operation string) observation {
	seen := observation{observer: o, operation: operation, ctx: ctx, span: noop.Span{}, timed: o.duration.Enabled(ctx)}
	if o.tracer.Enabled() {
		name := o.prefix
		if operation != "" {
			name += "." + operation
		}
		seen.ctx, seen.span = o.tracer.Start(ctx, name)
	}
	if seen.timed {
		seen.began = time.Now()
	}
	return seen
}

// end takes in how the call ended, but never err's text: it may name upstream's
// internals.
func (seen *observation) end(err error) {
	defer tracing.End(seen.span)
	if !seen.timed && !seen.span.IsRecording() {
		return
	}
	outcome := "ok"
	switch {
	case err == nil:
	case errors.Is(seen.ctx.Err(), context.Canceled):
		// Whoever asked hung up, and that made the call fail: no trouble of the operator's.
		outcome = "client_closed"
	case isTrouble(err):
		outcome = outcomeOf(err)
		seen.span.SetStatus(codes.Error, outcome)
	default:
		outcome = outcomeOf(err)
	}
	if err != nil {
		seen.span.SetAttributes(attribute.String("error.type", outcome))
	}
	if !seen.timed {
		return
	}
	attrs := []attribute.KeyValue{attribute.String("outcome", outcome)}
	if seen.operation != "" {
		attrs = append(attrs, attribute.String("operation", seen.operation))
	}
	seen.observer.duration.Record(seen.ctx, time.Since(seen.began).Seconds(), metric.WithAttributes(attrs...))
}

// observe makes a call.
func (o *observer) observe(ctx context.Context, operation string, call func(context.Context) error) error {
	seen := o.begin(ctx, operation)
	err := errPanicked
	defer func() { seen.end(err) }()
	err = call(seen.ctx)
	return err
}

// errPanicked is how a call ended that did not return.
var errPanicked error = refuse("internal", "")

// outcomeOf names the outcome of a call that failed, from a small set of names.
func outcomeOf(err error) string {
	if errors.Is(err, ErrAlreadyMapped) {
		return "already_mapped"
	}
	return cmp.Or(refusal(err).Name, "internal")
}

// isTrouble reports whether an outcome is one that nobody wants, unlike that there
// is no mapping, say.
func isTrouble(err error) bool { return refusal(err).Status() >= 500 }
