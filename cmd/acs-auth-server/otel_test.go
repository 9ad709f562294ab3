package main

import (
	"os"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// Nothing is sent to anybody unless the environment names where to.
func TestOTelSignals(t *testing.T) {
	t.Parallel()
	const (
		endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"
		traces   = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces"
		metrics  = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://127.0.0.1:4318/v1/metrics"
	)
	for _, test := range []struct {
		environ         string
		traces, metrics bool
		grpc            bool // of traces
	}{
		{"", false, false, false},
		{"OTEL_SERVICE_NAME=x", false, false, false},
		{endpoint, true, false, false},
		{endpoint + " OTEL_METRICS_EXPORTER=otlp", true, true, false},
		{endpoint + " OTEL_TRACES_EXPORTER=none OTEL_METRICS_EXPORTER=otlp", false, true, false},
		{endpoint + " OTEL_METRICS_EXPORTER=none " + metrics, true, false, false},
		{traces, true, false, false},
		{metrics, false, true, false},
		{"OTEL_TRACES_EXPORTER=otlp", true, false, false},
		{"OTEL_TRACES_EXPORTER= " + endpoint, true, false, false},
		{endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, false, true},
		{endpoint + " OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf", true, false, false},
		{endpoint + " OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=grpc", true, false, false},
		{endpoint + " OTEL_METRICS_EXPORTER=otlp OTEL_SDK_DISABLED=true", false, false, false},
		{endpoint + " OTEL_SDK_DISABLED=true OTEL_TRACES_SAMPLER=nonsense", false, false, false},
		{endpoint + " OTEL_SDK_DISABLED=false", true, false, false},
	} {
		p := new(problems)
		set := load([]source.Layer{source.Environment(with(enough, strings.Fields(test.environ)...))}, false, p).otel
		if p.any() {
			t.Errorf("%s: %v", test.environ, p.list)
		}
		if set.wants(otelTraces) != test.traces || set.wants(otelMetrics) != test.metrics || set.grpc(otelTraces) != test.grpc {
			t.Errorf("%s: traces %t, metrics %t, gRPC %t", test.environ, set.wants(otelTraces), set.wants(otelMetrics), set.grpc(otelTraces))
		}
	}
}

// A mistake is reported as one in a setting is, and no value is repeated.
func TestOTelMistakes(t *testing.T) {
	t.Parallel()
	const otlp = "OTEL_EXPORTER_OTLP_"
	for _, test := range []struct{ environ, want string }{
		{"OTEL_SDK_DISABLED=slip", "OTEL_SDK_DISABLED must be one of true, false"},
		{"OTEL_TRACES_EXPORTER=slip", "OTEL_TRACES_EXPORTER must be one of otlp, none"},
		{"OTEL_METRICS_EXPORTER=slip", "OTEL_METRICS_EXPORTER must be one of otlp, none"},
		{"OTEL_METRICS_EXPORTER=prometheus", "for Prometheus set METRICS or ADMIN_ADDR"},
		{"OTEL_TRACES_SAMPLER=slip", "OTEL_TRACES_SAMPLER must be one of always_on"},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=slip", "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1"},
		{"OTEL_TRACES_SAMPLER=parentbased_traceidratio OTEL_TRACES_SAMPLER_ARG=1.5", "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1"},
		{"OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=NaN", "OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1"},
		{otlp + "PROTOCOL=http/json", otlp + "PROTOCOL must be one of grpc, http/protobuf"},
		{otlp + "TRACES_PROTOCOL=slip", otlp + "TRACES_PROTOCOL must be one of grpc, http/protobuf"},
		{otlp + "ENDPOINT=slip:4317", otlp + "ENDPOINT must be a URL"},
		{otlp + "ENDPOINT=127.0.0.1:4317", otlp + "ENDPOINT must be a URL"},
		{otlp + "METRICS_ENDPOINT=https://", otlp + "METRICS_ENDPOINT must be a URL"},
		{otlp + "ENDPOINT=https://user:slip@collector.example", otlp + "ENDPOINT must be a URL"},
		{otlp + "HEADERS=slip", otlp + "HEADERS must be a list such as api-key=value"},
		{otlp + "HEADERS=a=b,api=%slip", otlp + "HEADERS must be a list such as api-key=value,other=value, whose values are percent-encoded; number 2 is not"},
		{otlp + "HEADERS=sl:ip=x", otlp + "HEADERS must be a list"},
		{otlp + "COMPRESSION=slip", otlp + "COMPRESSION must be one of gzip, none"},
		{otlp + "INSECURE=slip", otlp + "INSECURE must be one of true, false"},
		{otlp + "CERTIFICATE=/slip", otlp + "CERTIFICATE must name a PEM file with certificates"},
		{otlp + "CERTIFICATE=/dev/zero", otlp + "CERTIFICATE must name a PEM file with certificates"},
		{otlp + "CLIENT_CERTIFICATE=/dev/zero", otlp + "CLIENT_CERTIFICATE and " + otlp + "CLIENT_KEY must name two PEM files"},
		{otlp + "CLIENT_CERTIFICATE=/slip", otlp + "CLIENT_CERTIFICATE and " + otlp + "CLIENT_KEY must name two PEM files"},
		{otlp + "METRICS_CLIENT_KEY=/slip", otlp + "METRICS_CLIENT_KEY and " + otlp + "METRICS_CLIENT_CERTIFICATE must name two PEM files"},
		{otlp + "TIMEOUT=10s", otlp + "TIMEOUT must be a whole number, at least 1"},
		{otlp + "METRICS_TEMPORALITY_PREFERENCE=slip", otlp + "METRICS_TEMPORALITY_PREFERENCE must be one of cumulative"},
		{otlp + "METRICS_DEFAULT_HISTOGRAM_AGGREGATION=slip", otlp + "METRICS_DEFAULT_HISTOGRAM_AGGREGATION must be one of explicit"},
		{"OTEL_BSP_SCHEDULE_DELAY=0", "OTEL_BSP_SCHEDULE_DELAY must be a whole number, at least 1"},
		{"OTEL_METRIC_EXPORT_INTERVAL=slip", "OTEL_METRIC_EXPORT_INTERVAL must be a whole number"},
		{"OTEL_RESOURCE_ATTRIBUTES=a=b,slip", "OTEL_RESOURCE_ATTRIBUTES must be a list such as deployment.environment.name=production,region=eu, whose values are percent-encoded; number 2 is not"},
		{"OTEL_RESOURCE_ATTRIBUTES=slip=%zz", "OTEL_RESOURCE_ATTRIBUTES must be a list"},
	} {
		t.Run(test.environ, func(t *testing.T) {
			t.Parallel()
			report := reportOf(t, nil, with(enough, strings.Fields(test.environ)...))
			if !strings.Contains(report, "because 1 thing is wrong") || !strings.Contains(report, test.want) || !strings.Contains(report, "set by:  environment variable OTEL_") {
				t.Errorf("not said: %s\n%s", test.want, report)
			}
			if strings.Contains(report, "slip") {
				t.Errorf("a value is repeated:\n%s", report)
			}
		})
	}
}

// OpenTelemetry would not find its variables in the server's file.
func TestOTelInTheFile(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/server.env"
	content := strings.Join(enough, "\n") + "\nOTEL_SERVICE_NAME=secret\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	report := reportOf(t, []string{"-config", file}, nil)
	if !strings.Contains(report, "because 1 thing is wrong") || !strings.Contains(report, "OTEL_SERVICE_NAME belongs into the environment") || strings.Contains(report, "secret") {
		t.Error(report)
	}
}
