package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// fields returns the fields of a line, in the order of their names, but for the time.
func fields(line map[string]any) string {
	var text []string
	for _, key := range slices.Sorted(maps.Keys(line)) {
		if key != "time" && key != "msg" && !strings.HasSuffix(key, "_ms") {
			text = append(text, fmt.Sprintf("%s=%v", key, line[key]))
		}
	}
	return strings.Join(text, " ")
}

// accessLines are the lines about requests by their ids, without those.
func accessLines(t *testing.T, log string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, line := range logLines(t, log, "request") {
		id := fmt.Sprint(line["request_id"])
		if found[id] != "" {
			t.Errorf("%s has two lines", id)
		}
		if _, ok := line["duration_ms"].(float64); !ok {
			t.Errorf("%s has no duration", id)
		}
		delete(line, "request_id")
		found[id] = fields(line)
	}
	return found
}

// What the line of a request has: whom it was for, how it was refused.
func TestAccessLine(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	ada := c.Entra.AddUser(cloud.User{Name: "Ada Lovelace"})
	pseudonym := acsauth.User{TenantID: ada.TenantID, ObjectID: ada.ObjectID}.Pseudonym()
	good := bearer(c.Entra.UserToken(ada, cloud.TokenOptions{}))
	r := startAgainst(t, c, nil)
	held := make(chan struct{})
	want := map[string]string{}
	for _, test := range []struct{ id, method, path, authorization, want string }{
		{"created", "POST", "/api/user?token=" + token, good, "level=INFO method=POST outbound_calls=N route=/api/user status=201 user=ADA"},
		{"shown", "GET", "/api/user", good, "level=INFO method=GET outbound_calls=N route=/api/user status=200 user=ADA"},
		{"deleted", "DELETE", "/api/user", good, "level=INFO method=DELETE outbound_calls=N route=/api/user status=204 user=ADA"},
		{"not mapped", "GET", "/api/token", good, "error=identity_not_mapped level=INFO method=GET outbound_calls=N route=/api/token status=404 user=ADA"},
		{"no token", "GET", "/api/token", "X: y", "error=missing_token level=INFO method=GET outbound_calls=N route=/api/token status=401"},
		{"no scope", "GET", "/api/token", bearer(c.Entra.UserToken(ada, cloud.TokenOptions{Scope: "other"})), "error=insufficient_scope level=INFO method=GET outbound_calls=N route=/api/token status=403 user=ADA"},
		{"no endpoint", "GET", "/api/" + token, good, "error=not_found level=INFO method=GET outbound_calls=N route= status=404"},
		{"no method", "M4DEUP", "/api/token", good, "error=method_not_allowed level=INFO method=other outbound_calls=N route=/api/token status=405"},
		{"health", "GET", "/healthz", "X: y", "level=DEBUG method=GET outbound_calls=N route=/healthz status=200"},
		{"no method of health", "POST", "/healthz", "X: y", "error=method_not_allowed level=DEBUG method=POST outbound_calls=N route=/healthz status=405"},
		{"no metrics", "GET", "/metrics", "X: y", "error=not_found level=INFO method=GET outbound_calls=N route= status=404"},
		{"document", "HEAD", "/openapi.yaml", "X: y", "level=INFO method=HEAD outbound_calls=N route=/openapi.yaml status=200"},
	} {
		want[test.id] = strings.NewReplacer("ADA", pseudonym).Replace(test.want)
		call(t, test.method, r.url+test.path, test.authorization, "X-Request-Id: "+strings.ReplaceAll(test.id, " ", "-"))
	}
	// One whose caller hangs up.
	ctx, hangUp := context.WithCancel(t.Context())
	defer c.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Do: func() { hangUp(); close(held) }, Hang: true, Times: 1})()
	if _, err := try(ctx, "GET", r.url+"/api/user", good, "X-Request-Id: gone"); err == nil {
		t.Error("whoever hung up was answered")
	}
	want["gone"] = "error=client_closed level=INFO method=GET outbound_calls=N route=/api/user status=503 user=" + pseudonym
	<-held
	r.stderr.line(t, `"client_closed"`)
	r.end()
	r.wait(t)

	log := r.stderr.String()
	got := map[string]string{}
	for id, line := range accessLines(t, log) {
		calls := line[strings.Index(line, "outbound_calls="):]
		calls, _, _ = strings.Cut(calls, " ")
		got[strings.ReplaceAll(id, "-", " ")] = strings.Replace(line, calls, "outbound_calls=N", 1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, line := range logLines(t, log, "request refused") {
		if line["level"] != "DEBUG" {
			t.Errorf("what clients do wrong is no trouble of the operator's: %v", line)
		}
	}
	if strings.Contains(log, token) || strings.Contains(log, "M4DEUP") {
		t.Errorf("what a client made up is in the log:\n%s", log)
	}
	// The lines about calls upstream, at level debug, have the caller's id too.
	upstream := 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"level":"DEBUG"`) && strings.Contains(line, `"request_id":"created"`) {
			upstream++
		}
	}
	if upstream < 2 || c.CallCount(cloud.OpACSCreate) != 1 { // the exchange and ACS, at least
		t.Errorf("%d lines about calls upstream:\n%s", upstream, log)
	}
}

// What the line has if nothing below answers as usual.
func TestAccessLineOfOddAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		serve http.HandlerFunc
		want  string
	}{
		{"nothing is written", func(http.ResponseWriter, *http.Request) {}, "outbound_calls=0 status=200"},
		{"only a body", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "x") }, "outbound_calls=0 status=200"},
		{"twice", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.WriteHeader(500) }, "outbound_calls=0 status=201"},
		{"after what comes before an answer", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(404) }, "outbound_calls=0 status=404"},
		{"a panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "error=aborted outbound_calls=0 status=0"},
		{"a panic after the answer has begun", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic(http.ErrAbortHandler) }, "error=aborted outbound_calls=0 status=200"},
		{"refused outside of the API", func(w http.ResponseWriter, r *http.Request) {
			observe(r.Context(), acsauth.User{}, &acsauth.Error{Name: "overloaded"})
			w.WriteHeader(503)
		}, "error=overloaded outbound_calls=0 status=503"},
		{"outbound calls", func(_ http.ResponseWriter, r *http.Request) {
			upstream := outbound.New("x", nil, nil)
			for range 2 {
				_ = upstream.Observe(r.Context(), "GET", func(context.Context) error { return errors.New("lost") }, func(error) string { return outbound.Unreachable })
			}
		}, "outbound_calls=2 outbound_ms=true status=200"},
		{"traced", func(_ http.ResponseWriter, r *http.Request) { observe(withSpan(r.Context()), acsauth.User{}, nil) },
			"outbound_calls=0 span_id=0200000000000000 status=200 trace_id=" + trace.TraceID{1}.String()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log := newOutput()
			logger, _ := newLoggers(log, &settings{logFormat: logJSON})
			h := acsauth.WithRequestID(logAccess(test.serve, func(string) string { return "/" }, logger))
			func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			}()
			lines := logLines(t, log.String(), "request")
			if len(lines) != 1 {
				t.Fatalf("%d lines", len(lines))
			}
			_, outside := lines[0]["outbound_ms"]
			got := strings.ReplaceAll(fields(lines[0]), "level=INFO method=GET ", "")
			got = strings.ReplaceAll(got, fmt.Sprintf("request_id=%v route=/ ", lines[0]["request_id"]), "")
			if outside {
				got = strings.Replace(got, "outbound_calls=2", "outbound_calls=2 outbound_ms=true", 1)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Times are whole milliseconds, rounded; methods are HTTP's; and a caller who hangs up
// after a success has had it.
func TestAccessLineOfMethods(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for method, want := range map[string]string{"GET": "GET", "PUT": "PUT", "PATCH": "PATCH", "OPTIONS": "OPTIONS", "get": "other"} {
			ctx, hangUp := context.WithCancel(t.Context())
			log := newOutput()
			logger, _ := newLoggers(log, &settings{logFormat: logJSON})
			h := acsauth.WithRequestID(logAccess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				time.Sleep(1600 * time.Microsecond)
				w.WriteHeader(http.StatusNoContent)
				hangUp()
			}), func(string) string { return "/" }, logger))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, method, "/", nil))
			hangUp()
			line := logLines(t, log.String(), "request")[0]
			written, err := time.Parse(time.RFC3339Nano, fmt.Sprint(line["time"]))
			_, outside := line["outbound_ms"]
			delete(line, "request_id")
			if got := fields(line); got != "level=INFO method="+want+" outbound_calls=0 route=/ status=204" || line["duration_ms"] != 2.0 || outside || err != nil || !written.Equal(time.Now()) {
				t.Errorf("%s: %v", method, line)
			}
		}
	})
}

// The lines that each request has take no memory on their way to where they are
// written: they have the id already. Nor does a line that is not written.
func TestLogMemory(t *testing.T) { // not in parallel with others, whose memory would count
	ctx := withID(t)
	handler := requestHandler{inner: slog.DiscardHandler, level: slog.LevelInfo}
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "m", 0)
	for i := range 9 {
		record.AddAttrs(slog.Int(fmt.Sprint(i), i))
	}
	record.AddAttrs(slog.String(requestIDKey, "x"))
	if n := testing.AllocsPerRun(100, func() { _ = handler.Handle(ctx, record) }); n > 0 {
		t.Errorf("%v allocations for a line that has the id", n)
	}
	silent := logAccess(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(path string) string { return path }, slog.New(handler))
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil)
	if n := testing.AllocsPerRun(100, func() { silent.ServeHTTP(w, r) }); n > 0 {
		t.Errorf("%v allocations for a line that is not written", n)
	}
}
