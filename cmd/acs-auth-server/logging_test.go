package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// withID returns a context of a request with the id "caller-1".
func withID(t *testing.T) (ctx context.Context) {
	t.Helper()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Request-Id", "caller-1")
	acsauth.WithRequestID(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ctx = r.Context() })).
		ServeHTTP(httptest.NewRecorder(), r)
	return ctx
}

// withSpan returns a context within a trace.
func withSpan(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}}))
}

// Every line that is written on behalf of a request has its id, once, and those of
// its trace and span, if there is one.
func TestRequestIDInLog(t *testing.T) {
	t.Parallel()
	requestContext := withID(t)
	traced := withSpan(requestContext)
	const span = `"trace_id":"01000000000000000000000000000000","span_id":"0200000000000000"`
	tests := []struct {
		name string
		log  func(*slog.Logger)
		want string // the line after its message
	}{
		{"outside of requests", func(l *slog.Logger) { l.Info("m", "a", 1) }, `"a":1}`},
		{"in a request", func(l *slog.Logger) { l.InfoContext(requestContext, "m", "a", 1) }, `"a":1,"request_id":"caller-1"}`},
		{"with attributes", func(l *slog.Logger) { l.With("a", 1).InfoContext(requestContext, "m") }, `"a":1,"request_id":"caller-1"}`},
		{"there already", func(l *slog.Logger) { l.InfoContext(requestContext, "m", "request_id", "x") }, `"request_id":"x"}`},
		{"there already, with attributes", func(l *slog.Logger) { l.With("request_id", "x").With("a", 1).InfoContext(requestContext, "m") }, `"request_id":"x","a":1}`},
		{"beside the id that went upstream", func(l *slog.Logger) { l.InfoContext(requestContext, "m", "client_request_id", "x") }, `"client_request_id":"x","request_id":"caller-1"}`},
		{"in a group", func(l *slog.Logger) { l.WithGroup("g").InfoContext(requestContext, "m", "a", 1) }, `"g":{"a":1,"request_id":"caller-1"}}`},
		{"traced", func(l *slog.Logger) { l.InfoContext(traced, "m", "a", 1) }, `"a":1,"request_id":"caller-1",` + span + `}`},
		{"traced, the id is there already", func(l *slog.Logger) { l.InfoContext(traced, "m", "request_id", "x") }, `"request_id":"x",` + span + `}`},
		{"traced, there already, with attributes", func(l *slog.Logger) { l.With("request_id", "x").InfoContext(traced, "m") }, `"request_id":"x",` + span + `}`},
		{"traced, outside of requests", func(l *slog.Logger) { l.InfoContext(withSpan(t.Context()), "m", "a", 1) }, `"a":1,` + span + `}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := newOutput()
			logger, _ := newLoggers(log, &settings{logFormat: logJSON})
			test.log(logger)
			_, got, _ := strings.Cut(strings.TrimSpace(log.String()), `"msg":"m",`)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// LOG_LEVEL holds for the log, and not for the audit log.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "debug info warn error audit", slog.LevelInfo: "info warn error audit",
		slog.LevelWarn: "warn error audit", slog.LevelError: "error audit",
	} {
		log := newOutput()
		logger, audit := newLoggers(log, &settings{logLevel: level})
		logger.Debug("debug")
		logger.Info("info")
		logger.Warn("warn")
		logger.Error("error")
		audit.Info("audit")
		var got []string
		for _, message := range []string{"debug", "info", "warn", "error", "audit"} {
			if len(logLines(t, log.String(), message)) == 1 {
				got = append(got, message)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%v: %q, want %q", level, got, want)
		}
	}
}

// With a store that keeps no journal, only the log tells that a creation began which
// came to no end, whatever LOG_LEVEL is.
func TestReportsAtEveryLevel(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	for _, level := range []string{"debug", "info", "warn", "error"} {
		log, p := newOutput(), new(problems)
		s := load(cloudLayers(c, "MAPPING_STORE=memory", "LOG_LEVEL="+level), true, p)
		logger, audit := newLoggers(log, s)
		made := compose(s, surroundings{client: c.HTTPClient(), logger: logger, audit: audit}, p)
		if p.any() {
			t.Fatal(p.list)
		}
		if _, _, err := made.service.Create(t.Context(), acsauth.User{TenantID: c.TenantID, ObjectID: level}); err != nil {
			t.Fatal(err)
		}
		for _, message := range []string{"identity report opened", "identity report closed"} {
			if n := len(logLines(t, log.String(), message)); n != 1 {
				t.Errorf("LOG_LEVEL=%s: %d lines with %q, want 1", level, n, message)
			}
		}
		if logger.Info("other"); strings.Contains(log.String(), "other") != (level == "debug" || level == "info") {
			t.Errorf("LOG_LEVEL=%s does not hold for other lines:\n%s", level, log)
		}
	}
}

func TestLogFormat(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]string{"": `{"time":`, logJSON: `{"time":`, logText: "time="} {
		log := newOutput()
		logger, _ := newLoggers(log, &settings{logFormat: format})
		logger.Info("x")
		if !strings.HasPrefix(log.String(), want) {
			t.Errorf("%q: %s", format, log)
		}
	}
}
