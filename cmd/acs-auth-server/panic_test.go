package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A request whose handler panics is answered with 500, or cut off if its answer has
// begun. The log has what the runtime says, or the type of the value, and where.
func TestAnswerPanics(t *testing.T) {
	t.Parallel()
	var nowhere map[string]int
	for _, test := range []struct {
		name   string
		serve  http.HandlerFunc
		status int    // 0: there is no whole answer
		panic  string // logged; "": nothing is
		line   string
	}{
		{"a text", func(http.ResponseWriter, *http.Request) { panic("s3cret") }, 500, "a string", "error=internal level=INFO method=GET outbound_calls=0 route=/ status=500"},
		{"an error", func(http.ResponseWriter, *http.Request) { panic(errors.New("s3cret")) }, 500, "a *errors.errorString", "error=internal level=INFO method=GET outbound_calls=0 route=/ status=500"},
		{"the runtime's", func(http.ResponseWriter, *http.Request) { nowhere["s3cret"] = 1 }, 500, "assignment to entry in nil map", "error=internal level=INFO method=GET outbound_calls=0 route=/ status=500"},
		{"half-way", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("half")); panic("s3cret") }, 0, "a string", "error=aborted level=INFO method=GET outbound_calls=0 route=/ status=200"},
		{"on purpose", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "", "error=aborted level=INFO method=GET outbound_calls=0 route=/ status=0"},
		{"none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, "", "level=INFO method=GET outbound_calls=0 route=/ status=204"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := newOutput()
			logger, _ := newLoggers(log, new(settings))
			refuse := func(w http.ResponseWriter, r *http.Request, refused *acsauth.Error) {
				observe(r.Context(), acsauth.User{}, refused)
				w.WriteHeader(refused.Status())
			}
			server := httptest.NewUnstartedServer(acsauth.WithRequestID(logAccess(answerPanics(test.serve, refuse, logger), func(string) string { return "/" }, logger)))
			server.Config.ErrorLog = newHTTPLog(logger)
			server.Start()
			defer server.Close()
			got := 0
			if answer, err := server.Client().Get(server.URL); err == nil {
				if _, err := io.ReadAll(answer.Body); err == nil {
					got = answer.StatusCode
				}
				_ = answer.Body.Close()
			}
			if got != test.status {
				t.Errorf("status %d, want %d", got, test.status)
			}
			log.line(t, `"msg":"request"`)
			panics := logLines(t, log.String(), "a request has panicked")
			if (len(panics) == 1) != (test.panic != "") {
				t.Fatalf("%d panics in the log:\n%s", len(panics), log)
			}
			for _, line := range panics {
				if stack, _ := line["stack"].(string); line["panic"] != test.panic || line["level"] != "ERROR" || line["request_id"] == nil || !strings.Contains(stack, "TestAnswerPanics") {
					t.Errorf("logged %v", line)
				}
			}
			for _, line := range logLines(t, log.String(), "request") {
				delete(line, "request_id")
				if got := fields(line); got != test.line {
					t.Errorf("the line is %s; want %s", got, test.line)
				}
			}
			if strings.Contains(log.String(), "s3cret") || strings.Contains(log.String(), httpReported) {
				t.Errorf("the value is logged, or net/http reports the panic:\n%s", log)
			}
		})
	}
}

// Both listeners of the server are so.
func TestServerAnswersPanics(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	p := new(problems)
	s := load(cloudLayers(c, "METRICS=true"), true, p)
	log := newOutput()
	logger, audit := newLoggers(log, s)
	made := compose(s, surroundings{client: c.HTTPClient(), logger: logger, audit: audit}, p)
	if p.any() {
		t.Fatal(p.list)
	}
	broken := &server{settings: s, parts: made, logger: logger, ending: t.Context(), telemetry: new(telemetry)} // without the metrics that it serves
	for name, handler := range map[string]http.Handler{"API": broken.handler(), "operators": broken.adminHandler()} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		if w.Code != 500 || !strings.Contains(w.Body.String(), `"error":"internal"`) {
			t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
		}
	}
	if n := len(logLines(t, log.String(), "a request has panicked")); n != 2 {
		t.Errorf("%d panics in the log:\n%s", n, log)
	}
}
