package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// Why telemetry cannot be exported is told without the path of the endpoint, in which
// some services want their key, and without what whoever listens there says.
func TestExportCause(t *testing.T) {
	t.Parallel()
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, status) }
	}
	inPart, err := proto.Marshal(&collectortrace.ExportTraceServiceResponse{
		PartialSuccess: &collectortrace.ExportTracePartialSuccess{RejectedSpans: 1, ErrorMessage: "s3cret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		collector http.HandlerFunc // nil: nobody listens
		want      string
	}{
		"refused":          {answer(401, "s3cret"), "HTTP status 401"},
		"a text like ours": {answer(403, "failed to send to s3cret: 999 s3cret"), "HTTP status 403"},
		"busy":             {answer(503, "s3cret"), "it asks to try again later"},
		"taken in part": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write(inPart)
		}, "it has not taken all of it"},
		"no protobuf": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write([]byte("s3cret"))
		}, "the connection failed before the answer was complete"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a malformed answer": {func(w http.ResponseWriter, _ *http.Request) {
			connection, _, _ := w.(http.Hijacker).Hijack()
			_, _ = connection.Write([]byte("s3cret\r\n\r\n"))
			_ = connection.Close()
		}, "the connection failed before the answer was complete"},
		"nobody listens": {nil, "connect: connection refused"},
	} {
		address := "http://127.0.0.1:1"
		if test.collector != nil {
			server := httptest.NewServer(test.collector)
			defer server.Close()
			address = server.URL
		}
		exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(address+"/s3cret"), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
		if err != nil {
			t.Fatal(err)
		}
		if got := exportFailure(t, exporter, address+"/s3cret"); !strings.HasSuffix(got, test.want) || strings.Contains(got, "s3cret") {
			t.Errorf("%s: %s; want %s", name, got, test.want)
		}
	}

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, refusingTraces{})
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(listener.Addr().String()), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	if got := exportFailure(t, exporter, "http://"+listener.Addr().String()); got != "gRPC status PermissionDenied" {
		t.Errorf("over gRPC: %s", got)
	}
}

type refusingTraces struct {
	collectortrace.UnimplementedTraceServiceServer
}

func (refusingTraces) Export(context.Context, *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "s3cret")
}

// exportFailure lets an exporter fail, and returns the error that is logged.
func exportFailure(t *testing.T, exporter sdktrace.SpanExporter, endpoint string) string {
	t.Helper()
	out := newOutput()
	logger, _ := newLoggers(out, new(settings))
	set := otelVariables{"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
	log := &spanExporter{SpanExporter: exporter, log: exportLog{logger: logger, signal: "traces", endpoint: set.endpoint(otelTraces)}}
	if err := log.ExportSpans(t.Context(), tracetest.SpanStubs{{Name: "x"}}.Snapshots()); err != nil {
		t.Error(err)
	}
	_ = exporter.Shutdown(t.Context())
	lines := logLines(t, out.String(), "telemetry cannot be exported")
	if len(lines) != 1 || lines[0]["endpoint"] != strings.TrimSuffix(endpoint, "/s3cret") {
		t.Fatalf("logged %v", lines)
	}
	text, _ := lines[0]["error"].(string)
	return text
}
