package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/status"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// newSpanExporter returns what sends traces. The exporters of the SDK take all that
// they need from the environment.
func newSpanExporter(ctx context.Context, set otelVariables, logger *slog.Logger) (sdktrace.SpanExporter, error) {
	var exporter sdktrace.SpanExporter
	var err error
	if set.grpc(otelTraces) {
		exporter, err = otlptracegrpc.New(ctx)
	} else {
		exporter, err = otlptracehttp.New(ctx)
	}
	return &spanExporter{SpanExporter: exporter, log: exportLog{logger: logger, signal: "traces", endpoint: set.endpoint(otelTraces)}}, err
}

// newMetricExporter returns what sends metrics, as newSpanExporter does for traces.
func newMetricExporter(ctx context.Context, set otelVariables, logger *slog.Logger) (sdkmetric.Exporter, error) {
	var exporter sdkmetric.Exporter
	var err error
	if set.grpc(otelMetrics) {
		exporter, err = otlpmetricgrpc.New(ctx)
	} else {
		exporter, err = otlpmetrichttp.New(ctx)
	}
	return &metricExporter{Exporter: exporter, log: exportLog{logger: logger, signal: "metrics", endpoint: set.endpoint(otelMetrics)}}, err
}

// An exportLog logs that exporting a signal has begun to fail, and that it works
// again. The SDK would report every failure to a handler of the whole process, which
// knows nothing of this server's log.
type exportLog struct {
	logger   *slog.Logger
	signal   string
	endpoint string // scheme and host
	failing  atomic.Bool
}

// take takes in how an export ended.
func (l *exportLog) take(ctx context.Context, err error) {
	switch {
	case err == nil && l.failing.Swap(false):
		l.logger.InfoContext(ctx, "telemetry is exported again", "signal", l.signal)
	case err != nil && !l.failing.Swap(true):
		l.logger.WarnContext(ctx, "telemetry cannot be exported", "signal", l.signal, "endpoint", l.endpoint, "error", exportCause(err))
	}
}

// What the texts of the exporters begin with, where there is no other way to know.
var (
	exportStatus   = regexp.MustCompile(`failed to send to \S+: ([1-5][0-9][0-9])\b`)
	exportPutOff   = "retry-able request failure: body: "
	exportInPart   = "OTLP partial success: "
	errExportBusy  = errors.New("it asks to try again later")
	errExportParts = errors.New("it has not taken all of it")
)

// exportCause returns why an export failed, without the path of the endpoint, which
// often is a secret, and without what the collector says.
func exportCause(err error) error {
	if answered, ok := status.FromError(err); ok {
		return fmt.Errorf("gRPC status %s", answered.Code())
	}
	text := err.Error()
	if match := exportStatus.FindStringSubmatch(text); match != nil {
		return fmt.Errorf("HTTP status %s", match[1])
	}
	switch {
	case strings.Contains(text, exportPutOff):
		return errExportBusy
	case strings.Contains(text, exportInPart):
		return errExportParts
	}
	return httpx.ConnectionCause(err)
}

type spanExporter struct {
	sdktrace.SpanExporter
	log exportLog
}

func (e *spanExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.log.take(ctx, e.SpanExporter.ExportSpans(ctx, spans))
	return nil // nobody else is to report it
}

type metricExporter struct {
	sdkmetric.Exporter
	log exportLog
}

func (e *metricExporter) Export(ctx context.Context, metrics *metricdata.ResourceMetrics) error {
	e.log.take(ctx, e.Exporter.Export(ctx, metrics))
	return nil // nobody else is to report it
}
