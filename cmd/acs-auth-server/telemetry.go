package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// serviceName is what the server calls itself, unless OTEL_SERVICE_NAME or
// OTEL_RESOURCE_ATTRIBUTES say otherwise.
const serviceName = "acs-auth-server"

// flushTimeout bounds how long the end of the server waits for whoever takes its
// telemetry.
const flushTimeout = 5 * time.Second

// A telemetry holds the OpenTelemetry providers of one run of the server. A nil
// *telemetry exports nothing.
type telemetry struct {
	meters  metric.MeterProvider // nil: nobody asks for metrics
	tracers trace.TracerProvider // nil: nobody asks for traces
	metrics http.Handler         // what /metrics answers; nil: there is no such endpoint

	logger   *slog.Logger
	shutdown []func(context.Context) error
	once     sync.Once
}

// newTelemetry makes what s asks for. Nothing of it is global, as OpenTelemetry would
// have it: several servers may run in one process. It does no network I/O.
func newTelemetry(ctx context.Context, s *settings, logger *slog.Logger, p *problems) *telemetry {
	t := &telemetry{logger: logger}
	if p.any() {
		return t // it will not be used, and the variables may make no sense
	}
	who, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(
			attribute.String("service.name", serviceName),
			attribute.String("service.version", httpx.Version()),
			attribute.String("service.instance.id", uuid.NewString()), // replicas must not be taken for one
		),
		resource.WithFromEnv())
	if err == nil {
		err = errors.Join(t.measure(ctx, s, who), t.trace(ctx, s, who))
	}
	if err != nil {
		p.addOther("OpenTelemetry cannot be set up with the variables OTEL_*: %v", err)
	}
	return t
}

// measure makes the meter provider, if somebody is to read it.
func (t *telemetry) measure(ctx context.Context, s *settings, who *resource.Resource) error {
	options := []sdkmetric.Option{sdkmetric.WithResource(who)}
	if s.metrics || s.adminAddr != "" {
		registry := prometheus.NewRegistry()
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
			collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		exporter, err := otelprometheus.New(
			otelprometheus.WithRegisterer(registry),
			// The names are documented, and must not change with a default.
			otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
			otelprometheus.WithoutScopeInfo(),  // no two packages have a metric of the same name
			otelprometheus.WithoutTargetInfo(), // Prometheus knows whom it asks
		)
		if err != nil {
			return err
		}
		options = append(options, sdkmetric.WithReader(exporter))
		t.metrics = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
			ErrorLog:          newHTTPLog(t.logger),
			ErrorHandling:     promhttp.ContinueOnError,
			EnableOpenMetrics: true, // for exemplars, which lead from metrics to traces
		})
	}
	if s.otel.wants(otelMetrics) {
		exporter, err := newMetricExporter(ctx, s.otel, t.logger)
		if err != nil {
			return err
		}
		options = append(options, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
		t.logger.InfoContext(ctx, "metrics are exported", "grpc", s.otel.grpc(otelMetrics))
	}
	if len(options) > 1 {
		provider := sdkmetric.NewMeterProvider(options...)
		t.meters, t.shutdown = provider, append(t.shutdown, provider.Shutdown)
	}
	return nil
}

// trace makes the tracer provider, if there is somebody to send traces to. The SDK
// takes the sampler and all limits from the environment.
func (t *telemetry) trace(ctx context.Context, s *settings, who *resource.Resource) error {
	if !s.otel.wants(otelTraces) {
		return nil
	}
	exporter, err := newSpanExporter(ctx, s.otel, t.logger)
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithResource(who), sdktrace.WithBatcher(exporter))
	t.tracers, t.shutdown = provider, append(t.shutdown, provider.Shutdown)
	t.logger.InfoContext(ctx, "traces are exported", "grpc", s.otel.grpc(otelTraces))
	return nil
}

// tracerProvider returns who takes traces; nil: nobody.
func (t *telemetry) tracerProvider() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.tracers
}

// end sends what has not been sent yet, for as long as ctx and flushTimeout let it.
// It may be called again, to no effect.
func (t *telemetry) end(ctx context.Context) {
	if t == nil {
		return
	}
	t.once.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, flushTimeout)
		defer cancel()
		var group sync.WaitGroup
		for _, shutdown := range t.shutdown {
			group.Go(func() {
				if err := shutdown(ctx); err != nil {
					t.logger.WarnContext(ctx, "the last telemetry was not sent", "error", exportCause(err))
				}
			})
		}
		group.Wait()
	})
}
