package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
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

// Every line that is written on behalf of a request has its id, once.
func TestRequestIDInLog(t *testing.T) {
	t.Parallel()
	requestContext := withID(t)
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

// Every request has a line, which holds nothing that the client made up.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	r := startAgainst(t, c, nil)
	call(t, "POST", r.url+"/api/user?token="+token, bearer(token), "X-Request-Id: first")
	call(t, "GET", r.url+"/api/"+token, "X-Request-Id: second")
	call(t, "M4DEUP", r.url+"/api/token", bearer(token), "X-Request-Id: third")
	call(t, "GET", r.url+"/healthz", "X-Request-Id: fourth")
	r.end()
	if status := r.wait(t); status != exitOK {
		t.Errorf("exit status %d", status)
	}

	log := r.stderr.String()
	got := map[string]string{}
	for _, line := range logLines(t, log, "request") {
		if _, ok := line["duration_ms"].(float64); !ok {
			t.Errorf("no duration: %v", line)
		}
		got[line["request_id"].(string)] = strings.Join([]string{line["level"].(string), line["method"].(string), line["route"].(string)}, " ") +
			" " + http.StatusText(int(line["status"].(float64)))
	}
	want := map[string]string{
		"first": "INFO POST /api/user Created", "second": "INFO GET  Not Found",
		"third": "INFO other /api/token Method Not Allowed", "fourth": "DEBUG GET /healthz OK",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(log, token) || strings.Contains(log, "M4DEUP") {
		t.Errorf("what a client made up is in the log:\n%s", log)
	}
	// The lines about calls upstream, at level debug, have the caller's id too.
	upstream := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"DEBUG"`) && strings.Contains(line, `"request_id":"first"`) {
			upstream++
		}
	}
	if upstream < 2 || c.CallCount(cloud.OpACSCreate) != 1 { // the exchange and ACS, at least
		t.Errorf("%d lines about calls upstream:\n%s", upstream, log)
	}
}
