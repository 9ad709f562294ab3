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
)

// scope names this package to OpenTelemetry.
const scope = "github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"

// A TelemetryConfig says whom to tell what happens. Without it, and without an
// OpenTelemetry SDK in the program, nobody is told, at next to no cost.
//
// The metrics are acsauth.request.duration, acsauth.store.duration,
// acsauth.identity.events, acsauth.cache.lookups, acsauth.cache.entries and
// acsauth.cache.size; requests and calls of the store are spans too. None of them
// names a user or an identity.
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
	return c.MeterProvider.Meter(scope)
}

func (c TelemetryConfig) tracer() trace.Tracer {
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	return c.TracerProvider.Tracer(scope)
}

// An observer traces and times calls of one kind.
type observer struct {
	tracer   trace.Tracer
	duration metric.Float64Histogram
	prefix   string // of the names of spans
}

// newObserver returns one whose histogram counts seconds.
func (c TelemetryConfig) newObserver(prefix, description string) observer {
	o := observer{tracer: c.tracer(), prefix: prefix}
	// An instrument that is returned with an error does nothing.
	o.duration, _ = c.meter().Float64Histogram(prefix+".duration", metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(.0001, .0005, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30))
	return o
}

// observe makes a call. operation may be empty, if there is only one.
func (o observer) observe(ctx context.Context, operation string, call func(context.Context) error) error {
	name := o.prefix
	if operation != "" {
		name += "." + operation
	}
	ctx, span := o.tracer.Start(ctx, name)
	defer span.End()
	began := time.Now()
	err := call(ctx)
	outcome := outcomeOf(err)
	if outcome != "ok" {
		span.SetAttributes(attribute.String("error.type", outcome))
		if isTrouble(err) {
			span.SetStatus(codes.Error, outcome) // never err's text: it may name upstream's internals
		}
	}
	if o.duration.Enabled(ctx) {
		attrs := []attribute.KeyValue{attribute.String("outcome", outcome)}
		if operation != "" {
			attrs = append(attrs, attribute.String("operation", operation))
		}
		o.duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attrs...))
	}
	return err
}

// outcomeOf names the outcome of a call, from a small set of names.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrAlreadyMapped):
		return "already_mapped"
	}
	return cmp.Or(refusal(err).Name, "internal")
}

// isTrouble reports whether an outcome is one that nobody wants, unlike that there
// is no mapping, say.
func isTrouble(err error) bool { return refusal(err).Status() >= 500 }
