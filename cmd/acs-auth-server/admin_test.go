package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// adminURL waits for the second listener, and returns where it is.
func adminURL(t *testing.T, r *running) string {
	t.Helper()
	var line struct{ Address string }
	if err := json.Unmarshal([]byte(r.stderr.line(t, `"msg":"listening for operators"`)), &line); err != nil {
		t.Fatal(err)
	}
	return "http://" + line.Address
}

// ask sends a request for what is not in the API's document.
func ask(t *testing.T, method, url string) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := new(http.Transport).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{answer.StatusCode, answer.Header, string(body)}
}

// Operators have a listener of their own, with what nobody else may see.
func TestAdmin(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil, "ADMIN_ADDR=127.0.0.1:0", "METRICS=true")
	r.stderr.line(t, "signing keys loaded")
	admin := adminURL(t, r)
	const (
		json404 = `"error":"not_found"`
		json405 = `"error":"method_not_allowed"`
	)
	for _, test := range []struct {
		url, method, path string
		status            int
		want              string
	}{
		{admin, "GET", "/metrics", 200, "\ngo_goroutines "},
		{admin, "HEAD", "/metrics", 200, ""},
		{admin, "POST", "/metrics", 405, json405},
		{admin, "GET", "/healthz", 200, `"ok"`},
		{admin, "GET", "/readyz", 200, `"ready"`},
		{admin, "PUT", "/readyz", 405, json405},
		{admin, "GET", "/debug/pprof/", 200, "goroutine"},
		{admin, "GET", "/debug/pprof/cmdline", 200, "."},
		{admin, "GET", "/debug/pprof/heap?debug=1", 200, "heap profile:"},
		{admin, "GET", "/debug/pprof/goroutine?debug=1", 200, "goroutine profile:"},
		{admin, "GET", "/debug/pprof/symbol", 200, "num_symbols: 1"},
		{admin, "POST", "/debug/pprof/symbol", 405, json405},
		{admin, "GET", "/debug/pprof/trace?seconds=0.01", 200, "go 1."},
		{admin, "GET", "/debug/pprof/profile?seconds=1", 200, "\x1f\x8b"}, // gzip
		{admin, "GET", "/debug/pprof/%68eap", 404, json404},
		{admin, "GET", "/debug/pprof/nothing", 404, json404},
		{admin, "POST", "/debug/pprof/nothing", 404, json404},
		{admin, "GET", "/debug/pprof", 404, json404},
		{admin, "GET", "//metrics", 404, json404},
		{admin, "GET", "/", 404, json404},
		{admin, "GET", "/api/user", 404, json404},
		{admin, "GET", "/openapi.yaml", 404, json404},

		{r.url, "GET", "/metrics", 404, json404},
		{r.url, "GET", "/debug/pprof/", 404, json404},
		{r.url, "GET", "/debug/pprof/heap", 404, json404},
		{r.url, "GET", "/debug/pprof/cmdline", 404, json404},
	} {
		got := ask(t, test.method, test.url+test.path)
		if got.status != test.status || !strings.Contains(got.body, test.want) {
			t.Errorf("%s %s: status %d, want %d and %q: %.300s", test.method, test.path, got.status, test.status, test.want, got.body)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s: %v", test.method, test.path, got.header)
		}
		if isJSON := strings.HasPrefix(got.header.Get("Content-Type"), "application/json"); isJSON != strings.Contains(test.want, `"`) && test.method != "HEAD" {
			t.Errorf("%s %s: %s", test.method, test.path, got.header.Get("Content-Type"))
		}
	}
	r.end()
	if status := r.wait(t); status != exitOK {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	for _, line := range logLines(t, r.stderr.String(), "request") {
		route, _ := line["route"].(string)
		want := map[any]any{float64(404): "not_found", float64(405): "method_not_allowed"}[line["status"]]
		if (line["level"] == "DEBUG") != isOperational(route) || line["error"] != want {
			t.Errorf("%v", line)
		}
	}
	if connection, err := net.DialTimeout("tcp", strings.TrimPrefix(admin, "http://"), patience); err == nil {
		_ = connection.Close()
		t.Error("the listener for operators is left open")
	}
}

// Whoever never asked for it has no second listener.
func TestNoAdmin(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil, "METRICS=true")
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/vars"} {
		if got := ask(t, "GET", r.url+path); got.status != 404 {
			t.Errorf("%s: status %d", path, got.status)
		}
	}
	if strings.Contains(r.stderr.String(), "operators") {
		t.Errorf("there is one:\n%s", r.stderr)
	}
}

// The listener for operators is bounded, too: in the size of headers, and in the time
// that a connection may take for anything.
func TestAdminIsBounded(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil, "ADMIN_ADDR=127.0.0.1:0")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, adminURL(t, r)+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Large", strings.Repeat("x", 32<<10))
	request.Close = true
	answer, err := new(http.Transport).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of 32 KiB: status %d", answer.StatusCode)
	}
	admin := (&server{settings: new(settings), logger: slog.New(slog.DiscardHandler), telemetry: new(telemetry)}).newAdmin(t.Context())
	for name, bound := range map[string]time.Duration{
		"header": admin.ReadHeaderTimeout, "request": admin.ReadTimeout, "answer": admin.WriteTimeout, "idle": admin.IdleTimeout,
	} {
		if bound <= 0 || bound > 2*time.Minute {
			t.Errorf("%s: %v", name, bound)
		}
	}
}
