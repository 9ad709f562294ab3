package tracing

import (
	"context"
	"reflect"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// A Tracer starts spans. It is safe for concurrent use.
type Tracer struct {
	tracer trace.Tracer
	global bool
	// idle is the type of the global provider when it turned out to trace nothing.
	// Whoever installs an SDK puts a provider of another type in its place. Types
	// can be compared; providers need not be comparable.
	idle atomic.Pointer[reflect.Type]
}

// New returns a tracer of a provider. Where that is nil the global one counts, also
// if it is installed later.
func New(scope string, tracers trace.TracerProvider) *Tracer {
	global := tracers == nil
	if global {
		tracers = otel.GetTracerProvider()
	}
	return &Tracer{tracer: tracers.Tracer(scope), global: global}
}

// Enabled reports whether anybody may want a span. Without it there is no need to
// make up a name for one.
func (t *Tracer) Enabled() bool {
	idle := t.idle.Load()
	return idle == nil || *idle != reflect.TypeOf(otel.GetTracerProvider())
}

// Start starts a span, which the caller has to end, by [End] if deferred. While nobody traces it returns
// ctx itself, and a span that does nothing.
func (t *Tracer) Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	if !t.Enabled() {
		return ctx, noop.Span{}
	}
	provider := reflect.TypeOf(otel.GetTracerProvider()) // before the span is started: an SDK may come now
	within, span := t.tracer.Start(ctx, name, options...)
	// An SDK gives every span an id of its own, sampled or not.
	if t.global && span.SpanContext().Equal(trace.SpanContextFromContext(ctx)) {
		t.idle.Store(&provider)
		return ctx, noop.Span{}
	}
	return within, span
}

// End ends a span, and is what to defer: the SDK's own End would recover a panic to
// write its value into the span, and that can hold anything, tokens included. It can
// only if it is what was deferred itself.
func End(span trace.Span) { span.End() }
