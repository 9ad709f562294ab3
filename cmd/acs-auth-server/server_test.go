package main

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

func TestRouting(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	url := startAgainst(t, c, nil).url
	tests := []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/healthz", 200, ""},
		{"HEAD", "/healthz", 200, ""},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"DELETE", "/readyz", 405, "GET, HEAD"},
		{"OPTIONS", "/readyz", 405, "GET, HEAD"},
		{"GET", "/healthz/", 404, ""},
		{"GET", "/Healthz", 404, ""},
		{"GET", "/", 404, ""},
		{"GET", "/api", 404, ""},
		{"GET", "/api/", 404, ""},
		{"GET", "//api/user", 404, ""},
		{"GET", "/api//user", 404, ""},
		{"GET", "/api/./user", 404, ""},
		{"GET", "/x/../healthz", 404, ""},
		{"GET", "/api/user/", 404, ""},
		{"GET", "/%68ealthz", 404, ""},
		{"POST", "/api/%75ser", 404, ""},
		{"POST", "/api%2Fuser", 404, ""},
		{"GET", "/api/user", 404, ""}, // there is no mapping
		{"PUT", "/api/user", 405, "DELETE, GET, POST"},
		{"HEAD", "/api/token", 405, "GET"},
		{"GET", "/api/token/revoke", 405, "POST"},
		{"POST", "/api/user?x=y", 201, ""},
		{"GET", "/api/user", 200, ""},
	}
	for _, test := range tests { // in this order
		got := call(t, test.method, url+test.path, bearer(token))
		if got.status != test.status || got.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: status %d, Allow %q, want %d, %q: %s", test.method, test.path, got.status, got.header.Get("Allow"), test.status, test.allow, got.body)
		}
		want := map[string]string{
			"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "", "Location": "",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		}
		for name, text := range want {
			if got.header.Get(name) != text {
				t.Errorf("%s %s: %s: %q, want %q", test.method, test.path, name, got.header.Get(name), text)
			}
		}
		if got.header.Get("X-Request-Id") == "" {
			t.Errorf("%s %s: no X-Request-Id", test.method, test.path)
		}
	}
	if got := call(t, "GET", url+"/healthz", "X-Request-Id: mine-1"); got.header.Get("X-Request-Id") != "mine-1" {
		t.Errorf("X-Request-Id is %q", got.header.Get("X-Request-Id"))
	}
}

// Messages name this server's endpoints and settings.
func TestMessages(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	user := c.Entra.AddUser(cloud.User{Name: "Bob"})
	header := []string{bearer(c.Entra.UserToken(user, cloud.TokenOptions{})), "teams-user-aad-token: " + c.Entra.TeamsToken(user, cloud.TokenOptions{ClientID: c.SPAClientID})}
	url := startAgainst(t, c, nil).url
	for path, want := range map[string]string{
		"/api/user":        "No ACS identity is mapped to this user. Create one with POST /api/user.",
		"/api/token/teams": "acquired by the application " + c.SPAClientID + ", which is not among those whose tokens may be exchanged (TEAMS_CLIENT_IDS).",
	} {
		if got := call(t, "GET", url+path, header...); !strings.Contains(got.body, want) {
			t.Errorf("GET %s: %s; want %q", path, got.body, want)
		}
	}
}

// "OPTIONS *" concerns the server as a whole; net/http would answer it itself.
func TestOptionsAsterisk(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	url := startAgainst(t, c, nil).url
	connection, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Write([]byte("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(connection); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(answer.String(), "HTTP/1.1 404 ") || !strings.Contains(answer.String(), "X-Content-Type-Options: nosniff") {
		t.Error(answer.String())
	}
}

// Two tokens of 16 KiB fit into the header.
func TestLargeTokens(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	url := startAgainst(t, c, nil).url
	large := strings.Repeat("x", 16<<10)
	if got := call(t, "GET", url+"/api/token/teams", bearer(large), "teams-user-aad-token: "+large); got.status != 401 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := call(t, "GET", url+"/api/token/teams", bearer(token), "teams-user-aad-token: "+large); got.status != 400 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := call(t, "GET", url+"/api/user", "X-Large: "+strings.Repeat(large, 6)); got.status != 431 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// A server that has no keys yet is up, but not ready, and says no more than that:
// neither endpoint asks who is asking.
func TestReadiness(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	held := make(chan struct{})
	release := c.Inject(cloud.Fault{Op: cloud.OpEntraMetadata, Times: 1, Do: func() { close(held) }, Hang: true})
	defer release()
	r := startAgainst(t, c, nil)
	<-held
	if got := call(t, "GET", r.url+"/healthz"); got.status != 200 || got.body != `{"status":"ok"}`+"\n" {
		t.Errorf("/healthz: status %d: %s", got.status, got.body)
	}
	want := `{"status":"not ready","lacking":["signing keys of Microsoft Entra ID"]}` + "\n"
	if got := call(t, "GET", r.url+"/readyz"); got.status != 503 || got.body != want {
		t.Errorf("/readyz: status %d: %s", got.status, got.body)
	}
	if got := call(t, "HEAD", r.url+"/readyz"); got.status != 503 || got.body != "" {
		t.Errorf("HEAD /readyz: status %d: %s", got.status, got.body)
	}
	if n := c.CallCount(); n != 1 { // for the metadata
		t.Errorf("%d calls were made, want 1: /readyz must not make any", n)
	}
	release()
	r.stderr.line(t, "signing keys loaded")
	if got := call(t, "GET", r.url+"/readyz"); got.status != 200 || got.body != `{"status":"ready"}`+"\n" {
		t.Errorf("/readyz: status %d: %s", got.status, got.body)
	}
}

// A request under way when the server is to end is answered, and what it began is
// finished.
func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	held := make(chan struct{})
	release := c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Times: 1, Do: func() { close(held) }, Hang: true})
	r := startAgainst(t, c, nil)

	answers := make(chan answered, 1)
	go func() {
		got, err := try(t.Context(), "POST", r.url+"/api/user", bearer(token))
		if err != nil {
			t.Error(err)
		}
		answers <- got
	}()
	<-held
	r.end()
	r.stderr.line(t, "shutting down")
	release()
	if got := <-answers; got.status != 201 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if status := r.wait(t); status != exitOK {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	r.stderr.line(t, `"shut down"`)
}

// Ending takes no longer than SHUTDOWN_TIMEOUT.
func TestShutdownTimeout(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	held := make(chan struct{})
	defer c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Times: 1, Do: func() { close(held) }, Hang: true})()
	r := startAgainst(t, c, func(s *settings) { s.shutdownTimeout = time.Millisecond })
	left := make(chan struct{})
	go func() {
		_, _ = try(t.Context(), "POST", r.url+"/api/user", bearer(token)) // answered or cut off, as it happens
		close(left)
	}()
	<-held
	r.end()
	if status := r.wait(t); status != exitFailure {
		t.Errorf("exit status %d", status)
	}
	r.stderr.line(t, "operations did not end within SHUTDOWN_TIMEOUT")
	<-left
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"LISTEN_ADDR", "ADMIN_ADDR"} {
		addr := listenLocally(t).Addr().String()
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), nil, with(enough, "LISTEN_ADDR=127.0.0.1:0", setting+"="+addr), &stdout, &stderr); status != exitFailure {
			t.Errorf("%s: exit status %d", setting, status)
		}
		for _, want := range []string{"cannot listen", addr, "address already in use", setting + " can name another"} {
			if !strings.Contains(stderr.String(), want) {
				t.Errorf("%s: no %q in: %s", setting, want, &stderr)
			}
		}
	}
}

// When nobody, or no operator, can connect any more, the server ends and says so.
func TestListenerFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fails func(web, admin net.Listener) net.Listener
		want  string
	}{
		{func(web, _ net.Listener) net.Listener { return web }, "accepting connections: "},
		{func(_, admin net.Listener) net.Listener { return admin }, "accepting connections on ADMIN_ADDR"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			c, _ := startCloud(t)
			p := new(problems)
			s := load(cloudLayers(c, "ADMIN_ADDR=127.0.0.1:0"), true, p)
			stderr := newOutput()
			logger, audit := newLoggers(stderr, s)
			web, admin := listenLocally(t), listenLocally(t)
			made := compose(s, surroundings{client: c.HTTPClient(), logger: logger, audit: audit}, p)
			ended := make(chan error, 1)
			go func() {
				ended <- (&server{settings: s, parts: made, logger: logger, ending: t.Context(), admin: admin}).serve(web)
			}()
			stderr.line(t, "signing keys loaded")
			_ = test.fails(web, admin).Close()
			select {
			case err := <-ended:
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v", err)
				}
			case <-time.After(patience):
				t.Fatal("the server does not end")
			}
		})
	}
}

func listenLocally(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		environ []string
		want    string
	}{
		{[]string{"DEBUG_ERRORS=true"}, "DEBUG_ERRORS tells callers"},
		{[]string{"MAPPING_STORE=memory"}, "MAPPING_STORE=memory forgets"},
		{[]string{"GRAPH_UNSIGNED_MAPPINGS=trust", "GRAPH_MAPPING_KEYS="}, "GRAPH_UNSIGNED_MAPPINGS=trust lets users claim"},
		{[]string{"GRAPH_UNSIGNED_MAPPINGS=adopt", "GRAPH_ADOPT_UNTIL=2999-01-01T00:00:00Z"}, "GRAPH_UNSIGNED_MAPPINGS=adopt trusts"},
		{[]string{"GRAPH_UNSIGNED_MAPPINGS=adopt", "GRAPH_ADOPT_UNTIL=2025-01-01T00:00:00Z"}, "GRAPH_UNSIGNED_MAPPINGS=adopt is over"},
	}
	c, _ := startCloud(t)
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}
	for _, test := range append(tests, struct {
		environ []string
		want    string
	}{nil, ""}) {
		s := load(cloudLayers(c, test.environ...), false, new(problems))
		s.debugErrors = strings.Contains(test.want, "DEBUG_ERRORS")
		log := newOutput()
		logger, _ := newLoggers(log, s)
		logStart(t.Context(), logger, s, addr)
		lines := logLines(t, log.String(), "listening")
		if len(lines) != 1 || lines[0]["address"] != "127.0.0.1:5000" || lines[0]["tenant"] != c.TenantID || lines[0]["store"] != s.mappingStore {
			t.Errorf("%q: %v", test.environ, lines)
		}
		if warned := strings.Count(log.String(), `"level":"WARN"`); test.want == "" && warned > 0 || test.want != "" && warned != 1 || !strings.Contains(log.String(), test.want) {
			t.Errorf("%q: no warning %q, or others too:\n%s", test.environ, test.want, log)
		}
	}
}

func TestDialable(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		":5000": "127.0.0.1:5000", "0.0.0.0:80": "127.0.0.1:80", "[::]:80": "[::1]:80", "127.0.0.1:1": "127.0.0.1:1",
		"[::1]:1": "[::1]:1", "localhost:1": "localhost:1", "10.0.0.1:1": "10.0.0.1:1",
	}
	got := map[string]string{}
	for addr := range want {
		got[addr] = dialable(addr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A server that is not ready to say that it is healthy is not.
func TestHealthcheckOfAnotherServer(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	other := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: patience}
	go func() { _ = other.Serve(listener) }()
	defer func() { _ = other.Close() }()
	var stdout, stderr bytes.Buffer
	environ := []string{"LISTEN_ADDR=" + listener.Addr().String()} // nothing else is needed
	if status := run(t.Context(), []string{"-healthcheck"}, environ, &stdout, &stderr); status != exitFailure || !strings.Contains(stderr.String(), "404") {
		t.Errorf("exit status %d: %s", status, &stderr)
	}
	stderr.Reset()
	if status := run(t.Context(), []string{"-healthcheck", "-listen-adr=x"}, environ, &stdout, &stderr); status != exitFailure || !strings.Contains(stderr.String(), "there is no flag -listen-adr") {
		t.Errorf("exit status %d: %s", status, &stderr)
	}
	stderr.Reset()
	status := run(t.Context(), []string{"-healthcheck"}, []string{"LISTEN_ADDR=x", "ACS_TOKEN_TTL=x"}, &stdout, &stderr)
	want := "acs-auth-server could not be asked for its health, because 1 thing is wrong with its settings:\n\n  LISTEN_ADDR must be "
	if status != exitFailure || !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("exit status %d: %s", status, &stderr)
	}
	stderr.Reset()
	status = run(t.Context(), []string{"-healthcheck"}, []string{"LISTEN_ADDR=[fe80::1%lo]:1"}, &stdout, &stderr)
	if status != exitFailure || !strings.Contains(stderr.String(), "fe80::1%lo") || strings.Contains(stderr.String(), "escape") {
		t.Errorf("an address with a zone: exit status %d: %s", status, &stderr)
	}
}
