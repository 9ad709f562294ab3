package main

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// A collector takes in telemetry over OTLP, and remembers it.
type collector struct {
	url string

	mu        sync.Mutex
	resources map[string]map[string]string // attributes of what sends, by signal
	spans     []*tracepb.Span
	metrics   map[string]bool // names
}

func newCollector() *collector {
	return &collector{resources: map[string]map[string]string{}, metrics: map[string]bool{}}
}

// startCollector starts a collector that speaks gRPC, or protobuf over HTTP.
func startCollector(t *testing.T, overGRPC bool) *collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := newCollector()
	c.url = "http://" + listener.Addr().String() + "/" // with a slash, as Azure Container Apps has it
	if overGRPC {
		server := grpc.NewServer()
		collectortrace.RegisterTraceServiceServer(server, grpcTraces{collector: c})
		collectormetrics.RegisterMetricsServiceServer(server, grpcMetrics{collector: c})
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(server.Stop)
		return c
	}
	server := &http.Server{Handler: c, ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return c
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	content, err := io.ReadAll(body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var answer proto.Message
	switch r.URL.Path {
	case "/v1/traces":
		in := new(collectortrace.ExportTraceServiceRequest)
		err = proto.Unmarshal(content, in)
		c.takeSpans(in)
		answer = new(collectortrace.ExportTraceServiceResponse)
	case "/v1/metrics":
		in := new(collectormetrics.ExportMetricsServiceRequest)
		err = proto.Unmarshal(content, in)
		c.takeMetrics(in)
		answer = new(collectormetrics.ExportMetricsServiceResponse)
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

type grpcTraces struct {
	collectortrace.UnimplementedTraceServiceServer
	*collector
}

func (c grpcTraces) Export(_ context.Context, in *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	c.takeSpans(in)
	return new(collectortrace.ExportTraceServiceResponse), nil
}

type grpcMetrics struct {
	collectormetrics.UnimplementedMetricsServiceServer
	*collector
}

func (c grpcMetrics) Export(_ context.Context, in *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	c.takeMetrics(in)
	return new(collectormetrics.ExportMetricsServiceResponse), nil
}

func (c *collector) takeSpans(in *collectortrace.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range in.GetResourceSpans() {
		c.takeResource("traces", from.GetResource().GetAttributes())
		for _, scoped := range from.GetScopeSpans() {
			c.spans = append(c.spans, scoped.GetSpans()...)
		}
	}
}

func (c *collector) takeMetrics(in *collectormetrics.ExportMetricsServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, from := range in.GetResourceMetrics() {
		c.takeResource("metrics", from.GetResource().GetAttributes())
		for _, scoped := range from.GetScopeMetrics() {
			for _, m := range scoped.GetMetrics() {
				c.metrics[m.GetName()] = true
			}
		}
	}
}

func (c *collector) takeResource(signal string, attrs []*common.KeyValue) {
	c.resources[signal] = map[string]string{}
	for _, a := range attrs {
		c.resources[signal][a.GetKey()] = a.GetValue().GetStringValue()
	}
}

// trace returns the names of the spans of a trace, sorted, and the span of one name.
func (c *collector) trace(id, name string) (names []string, found *tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, span := range c.spans {
		if hex.EncodeToString(span.GetTraceId()) != id {
			continue
		}
		names = append(names, span.GetName())
		if span.GetName() == name {
			found = span
		}
	}
	slices.Sort(names)
	return names, found
}
