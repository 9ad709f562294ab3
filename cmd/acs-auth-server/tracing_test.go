package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// startTraced starts a server whose spans are recorded.
func startTraced(t *testing.T, c *cloud.Cloud) (url string, spans *tracetest.SpanRecorder, end func()) {
	t.Helper()
	spans = tracetest.NewSpanRecorder()
	p := new(problems)
	s := load(cloudLayers(c), true, p)
	stderr := newOutput()
	logger, audit := newLoggers(stderr, s)
	told := &telemetry{logger: logger, tracers: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))}
	made := compose(s, surroundings{client: c.HTTPClient(), logger: logger, audit: audit, tracers: told.tracers}, p)
	if p.any() {
		t.Fatal(p.list)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ending, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- (&server{settings: s, parts: made, logger: logger, ending: ending, telemetry: told}).serve(listener)
	}()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(end)
	return "http://" + listener.Addr().String(), spans, end
}

// A request that panics ends its span, which does not tell what the panic was about.
func TestRequestSpanOfPanic(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewSpanRecorder()
	panics := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("tops3cret") })
	handler := traceRequests(panics, func(path string) string { return path }, sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic has been swallowed")
			}
		}()
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/api/user", nil))
	}()
	ended := spans.Ended()
	if len(ended) != 1 || len(ended[0].Events()) != 0 {
		t.Errorf("spans are %+v", tracetest.SpanStubsFromReadOnlySpans(ended))
	}
}

// Every request but those for the server's health is a span, which tells nothing
// that may be a secret.
func TestRequestSpans(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	url, spans, end := startTraced(t, c)
	c.Inject(cloud.Fault{Op: cloud.OpACSIssue, Status: 401, Times: 1})
	for _, r := range []struct{ method, path string }{
		{"GET", "/healthz"}, {"GET", "/readyz"},
		{"POST", "/api/user?secret=" + token}, {"GET", "/api/token"}, {"GET", "/" + token}, {"BREW", "/api/user"}, {"GET", "/openapi.yaml"},
		{"GET", "/metrics"}, // where there are none
	} {
		call(t, r.method, url+r.path, bearer(token))
	}
	end() // or the span of the last request might not have ended
	type described struct {
		name   string
		attrs  []string
		status codes.Code
	}
	var got []described
	for _, span := range spans.Ended() {
		if span.SpanKind() != trace.SpanKindServer {
			continue
		}
		d := described{name: span.Name(), status: span.Status().Code}
		for _, a := range span.Attributes() {
			d.attrs = append(d.attrs, string(a.Key)+"="+a.Value.String())
		}
		got = append(got, d)
		if text := strings.Join(append(d.attrs, d.name, span.Status().Description), " "); strings.Contains(text, token) {
			t.Errorf("a span tells a secret: %s", text)
		}
	}
	attrs := func(method, route, status string) []string {
		all := []string{"http.request.method=" + method, "http.route=" + route, "http.response.status_code=" + status}
		return slices.DeleteFunc(all, func(a string) bool { return a == "http.route=" })
	}
	want := []described{
		{"POST /api/user", attrs("POST", "/api/user", "201"), codes.Unset},
		{"GET /api/token", attrs("GET", "/api/token", "500"), codes.Error},
		{"GET", attrs("GET", "", "404"), codes.Unset},
		{"HTTP /api/user", attrs("_OTHER", "/api/user", "405"), codes.Unset},
		{"GET /openapi.yaml", attrs("GET", "/openapi.yaml", "200"), codes.Unset},
		{"GET", attrs("GET", "", "404"), codes.Unset},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(described{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
