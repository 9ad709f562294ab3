package main

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	traceparent  = "traceparent: 00-" + callersTrace + "-" + callersSpan + "-01"
)

// OpenTelemetry's exporters read the environment of the process, so this takes a
// process: traces and metrics arrive where it says, in the caller's trace, and the
// last of them at the end.
func TestExport(t *testing.T) {
	t.Parallel()
	dev := startDev(t, nil)
	exports, _ := readGuide(t, dev.stdout)
	for _, test := range []struct {
		name     string
		overGRPC bool
		environ  []string
		service  string
		metrics  bool
	}{
		{"an address alone, as on Azure Container Apps", true, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}, "acs-auth-server", false},
		{"metrics too", true, []string{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_METRICS_EXPORTER=otlp", "OTEL_SERVICE_NAME=mine"}, "mine", true},
		{"over HTTP", false, []string{"OTEL_METRICS_EXPORTER=otlp", "OTEL_RESOURCE_ATTRIBUTES=service.name=other,region=eu%20west"}, "other", true},
		{"over HTTP, compressed", false, []string{"OTEL_EXPORTER_OTLP_COMPRESSION=gzip"}, "acs-auth-server", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := startCollector(t, test.overGRPC)
			environ := append(test.environ, "LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "METRICS=true", "OTEL_EXPORTER_OTLP_ENDPOINT="+c.url)
			for name, text := range exports {
				environ = append(environ, name+"="+text)
			}
			server := startProcess(t, environ)
			server.stderr.line(t, "signing keys loaded")
			call(t, "GET", server.url+"/healthz", traceparent)
			if got := call(t, "POST", server.url+"/api/user", bearer(exports["TOKEN"]), traceparent, "tracestate: caller=tops3cret"); got.status/100 != 2 {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			if got := call(t, "GET", server.url+"/metrics", "Accept: application/openmetrics-text"); !strings.Contains(got.body, `trace_id="`+callersTrace) {
				t.Error("there are no exemplars that lead from metrics to traces")
			}
			if err := server.process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if status := server.wait(t); status != exitOK {
				t.Errorf("exit status %d:\n%s", status, server.stderr)
			}
			c.check(t, test.service, test.metrics)
			for line := range strings.Lines(server.stderr.String()) {
				if !strings.HasPrefix(line, "{") || strings.Contains(line, `"level":"WARN"`) {
					t.Errorf("in the log: %s", line)
				}
			}
		})
	}
}

// check checks what has arrived of one POST /api/user.
func (c *collector) check(t *testing.T, service string, metrics bool) {
	t.Helper()
	names, span := c.trace(callersTrace, "POST /api/user")
	if span == nil {
		t.Fatalf("the request is not traced, but %q", names)
	}
	if hex.EncodeToString(span.GetParentSpanId()) != callersSpan || span.GetKind() != tracepb.Span_SPAN_KIND_SERVER {
		t.Errorf("it is no child of its caller's, or no server's: %v", span)
	}
	if state := span.GetTraceState(); state != "" {
		t.Errorf("what the caller says in tracestate is passed on: %s", state)
	}
	text := strings.Join(names, "\n") + "\n"
	for _, want := range []string{"acsauth.request.create_user\n", "acsauth.store.lookup\n", "obo.exchange\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no span %q in %q", want, names)
		}
	}
	if strings.Contains(text, "healthz") {
		t.Error("a health check is traced")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for signal, who := range c.resources {
		if who["service.name"] != service || who["service.version"] == "" || who["service.instance.id"] == "" {
			t.Errorf("%s of %v", signal, who)
		}
	}
	if (c.resources["metrics"] != nil) != metrics {
		t.Errorf("metrics were sent: %v", c.metrics)
	}
	for _, name := range []string{"acsauth.request.duration", "acsauth.store.duration", "obo.exchange.duration"} {
		if c.metrics[name] != metrics {
			t.Errorf("the metric %s was sent: %t, want %t", name, c.metrics[name], metrics)
		}
	}
}

// Nobody who cannot be told of it keeps the server from serving, or from ending.
func TestExportFails(t *testing.T) {
	t.Parallel()
	dev := startDev(t, nil)
	exports, _ := readGuide(t, dev.stdout)
	environ := []string{
		"LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "OTEL_BSP_SCHEDULE_DELAY=10",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_TIMEOUT=500", "OTEL_EXPORTER_OTLP_HEADERS=api-key=k%2De%2Dy",
	}
	for name, text := range exports {
		environ = append(environ, name+"="+text)
	}
	server := startProcess(t, environ)
	server.stderr.line(t, `"msg":"traces are exported"`)
	if got := call(t, "POST", server.url+"/api/user", bearer(exports["TOKEN"])); got.status != 201 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	server.stderr.line(t, `"msg":"telemetry cannot be exported","signal":"traces"`)
	if err := server.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := server.wait(t); status != exitOK {
		t.Errorf("exit status %d:\n%s", status, server.stderr)
	}
	for line := range strings.Lines(server.stderr.String()) {
		if !strings.HasPrefix(line, "{") || strings.Contains(line, "k-e-y") {
			t.Errorf("in the log: %s", line)
		}
	}
}

// That exporting fails is said once, and so is that it works again.
func TestExportLog(t *testing.T) {
	t.Parallel()
	out := newOutput()
	logger, _ := newLoggers(out, new(settings))
	log := exportLog{logger: logger, signal: "traces"}
	for _, err := range []error{nil, io.EOF, errors.New("second"), nil, nil, io.ErrUnexpectedEOF} {
		log.take(t.Context(), err)
	}
	var got []any
	for line := range strings.Lines(out.String()) {
		for _, message := range []string{"telemetry cannot be exported", "telemetry is exported again"} {
			for _, found := range logLines(t, line, message) {
				got = append(got, found["level"], found["msg"], found["error"])
			}
		}
	}
	want := []any{
		"WARN", "telemetry cannot be exported", "EOF",
		"INFO", "telemetry is exported again", nil,
		"WARN", "telemetry cannot be exported", "unexpected EOF",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Telemetry is sent when nothing is under way any more, for no longer than the end
// of the server may take, and only once.
func TestTelemetryEnds(t *testing.T) {
	t.Parallel()
	out := newOutput()
	logger, _ := newLoggers(out, new(settings))
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	told := &telemetry{logger: logger, shutdown: []func(context.Context) error{func(ctx context.Context) error {
		calls++
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("it may take for ever")
		}
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}}}
	told.end(ctx)
	told.end(ctx)
	(*telemetry)(nil).end(ctx)
	if lines := logLines(t, out.String(), "the last telemetry was not sent"); len(lines) != 1 || calls != 1 {
		t.Errorf("%d calls, %v", calls, lines)
	}
}
