package main

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/tracing"
)

// telemetryScope names the server to OpenTelemetry.
const telemetryScope = "github.com/Azure-Samples/communication-services-authentication-hero-go/cmd/acs-auth-server"

// traceRequests makes a span of every request, within the trace that its caller names
// (https://www.w3.org/TR/trace-context/). It names and describes it by the conventions
// of OpenTelemetry for HTTP, but for what clients put tokens into: the query, headers,
// and a path that is no endpoint's. What asks for the server's health, or for metrics
// where there are any, again and again, is not traced.
func traceRequests(next http.Handler, route func(path string) string, tracers trace.TracerProvider) http.Handler {
	if tracers == nil {
		return next
	}
	tracer := tracers.Tracer(telemetryScope)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := route(r.URL.Path)
		if isOperational(route) {
			next.ServeHTTP(w, r)
			return
		}
		name, method := r.Method, r.Method
		if knownMethod(method) != method {
			name, method = "HTTP", "_OTHER"
		}
		attrs := []attribute.KeyValue{attribute.String("http.request.method", method)}
		if route != "" {
			name += " " + route
			attrs = append(attrs, attribute.String("http.route", route))
		}
		ctx := continuedTrace(r)
		ctx, span := tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attrs...))
		defer tracing.End(span)
		observed := &observedWriter{ResponseWriter: w}
		// Deferred, because a handler that panics has answered too.
		defer func() {
			if observed.status == 0 {
				return
			}
			span.SetAttributes(attribute.Int("http.response.status_code", observed.status))
			if observed.status >= http.StatusInternalServerError {
				span.SetStatus(codes.Error, "")
			}
		}()
		next.ServeHTTP(observed, r.WithContext(ctx))
	})
}

// continuedTrace returns a request's context with the trace that its traceparent names.
// The caller's tracestate is dropped: it would be in every span, and may hold anything.
func continuedTrace(r *http.Request) context.Context {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	parent := trace.SpanContextFromContext(ctx)
	if parent.TraceState().Len() == 0 {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, parent.WithTraceState(trace.TraceState{}))
}
