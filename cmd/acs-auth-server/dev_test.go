package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func startDev(t *testing.T, args []string, environ ...string) *running {
	t.Helper()
	return start(t, func(ctx context.Context, stdout, stderr io.Writer) int {
		return run(ctx, append([]string{"-dev"}, args...), with([]string{"LISTEN_ADDR=127.0.0.1:0"}, environ...), stdout, stderr)
	})
}

// A printedStep is a curl line of the guide, and the status that it promises.
type printedStep struct {
	method, url string
	header      []string
	status      int
}

// readGuide reads what -dev prints, as somebody would who pastes it into a shell.
func readGuide(t *testing.T, stdout *output) (exports map[string]string, steps []printedStep) {
	t.Helper()
	stdout.line(t, "export SSL_CERT_FILE=") // the last one
	exports = make(map[string]string)
	promised := 0
	for line := range strings.Lines(stdout.String()) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			if status := regexp.MustCompile(`: (\d{3})\.$`).FindStringSubmatch(line); status != nil {
				promised, _ = strconv.Atoi(status[1])
			}
		case strings.HasPrefix(line, "export "):
			name, quoted, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
			exports[name] = strings.Trim(quoted, "'")
		case strings.HasPrefix(line, "curl -i "):
			step := printedStep{method: "GET", status: promised}
			if method := regexp.MustCompile(` -X (\w+) `).FindStringSubmatch(line); method != nil {
				step.method = method[1]
			}
			step.url = regexp.MustCompile(`http://\S+`).FindString(line)
			for _, header := range regexp.MustCompile(`-H "([^"]*)"`).FindAllStringSubmatch(line, -1) {
				step.header = append(step.header, os.Expand(header[1], func(name string) string { return exports[name] }))
			}
			steps = append(steps, step)
		default:
			t.Errorf("neither a comment nor a command: %q", line)
		}
	}
	return exports, steps
}

// TestDev does what -dev tells people to do.
func TestDev(t *testing.T) {
	t.Parallel()
	r := startDev(t, nil)
	exports, steps := readGuide(t, r.stdout)

	var order []string
	for _, step := range steps {
		order = append(order, step.method+" "+strings.TrimPrefix(step.url, r.url)+" "+strconv.Itoa(step.status))
		got := call(t, step.method, step.url, step.header...)
		if got.status != step.status {
			t.Errorf("%s %s: status %d, and not %d as promised: %s", step.method, step.url, got.status, step.status, got.body)
		}
	}
	want := []string{"POST /api/user 201", "POST /api/user 200", "GET /api/token 201", "DELETE /api/user 204", "GET /api/token/teams 201"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	// Debug errors are on.
	if got := call(t, "GET", r.url+"/api/user", bearer("not.a.token")); got.status != 401 || !strings.Contains(got.body, "stack_trace") {
		t.Errorf("status %d, %s", got.status, got.body)
	}

	caFile := exports["SSL_CERT_FILE"]
	if _, err := os.Stat(caFile); err != nil {
		t.Error(err)
	}
	r.end()
	if status := r.wait(t); status != exitOK {
		t.Errorf("exit status %d:\n%s", status, r.stderr)
	}
	if _, err := os.Stat(caFile); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", caFile, err)
	}
	for _, secret := range []string{exports["TOKEN"], exports["TEAMS_TOKEN"], exports["AZURE_CLIENT_SECRET"], exports["GRAPH_MAPPING_KEYS"],
		strings.SplitN(exports["ACS_CONNECTION_STRING"], "accesskey=", 2)[1]} {
		if secret == "" || strings.Contains(r.stderr.String(), secret) {
			t.Errorf("%q is not printed, or is in the log", secret)
		}
	}
}

func TestDevIgnoresAzureInTheEnvironment(t *testing.T) {
	t.Parallel()
	r := startDev(t, []string{"-auto-provision"}, "AZURE_TENANT_ID="+guid1, "azureActiveDirectory_clientId=x", "AZURE_CLIENT_SECRET_FILE=/x", "MAPPING_STORE=memory")
	exports, _ := readGuide(t, r.stdout)
	want := "# Ignored Azure settings in the environment: AZURE_CLIENT_SECRET_FILE, AZURE_TENANT_ID, MAPPING_STORE, azureActiveDirectory_clientId.\n"
	if !strings.Contains(r.stdout.String(), want) {
		t.Errorf("not said: %s", want)
	}
	if got := call(t, "GET", r.url+"/api/token", bearer(exports["TOKEN"])); got.status != 201 {
		t.Errorf("with -auto-provision: status %d: %s", got.status, got.body)
	}
}

func TestDevRefuses(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/server.env"
	if err := os.WriteFile(file, []byte("AZURE_CLIENT_ID="+guid1+"\nLOG_LEVEL=debug\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		args    []string
		environ []string
		want    string
	}{
		{"Azure settings as flags", []string{"-azure-tenant-id", guid1}, nil, "AZURE_TENANT_ID (flag -azure-tenant-id) cannot be used with -dev"},
		{"Azure settings in the file", []string{"-config", file}, nil, "AZURE_CLIENT_ID (" + file + ", line 1) cannot be used with -dev"},
		{"an address that others reach", []string{"-listen-addr", "0.0.0.0:0"}, nil, "LISTEN_ADDR must be a loopback address with -dev"},
		{"operators elsewhere", []string{"-admin-addr", "0.0.0.0:0"}, nil, "ADMIN_ADDR must be a loopback address with -dev"},
		{"every address", nil, []string{"LISTEN_ADDR=:0"}, "LISTEN_ADDR must be a loopback address with -dev"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			report := reportOf(t, append(test.args, "-dev"), test.environ)
			if !strings.Contains(report, "because 1 thing is wrong") || !strings.Contains(report, test.want) {
				t.Errorf("not said: %s\n%s", test.want, report)
			}
		})
	}
}

// TestSecondServer runs the program in a process of its own, against the cloud of
// another's -dev, with nothing but the environment that -dev prints. It works
// against any other stand-in in the same way.
func TestSecondServer(t *testing.T) {
	t.Parallel()
	dev := startDev(t, nil)
	exports, _ := readGuide(t, dev.stdout)
	environ := []string{"LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "LOG_LEVEL=debug"}
	for name, text := range exports {
		environ = append(environ, name+"="+text)
	}
	second := startProcess(t, environ)
	auth := bearer(exports["TOKEN"])

	created := call(t, "POST", dev.url+"/api/user", auth)
	found := call(t, "POST", second.url+"/api/user", auth)
	if created.status != 201 || found.status != 200 || created.body != found.body {
		t.Errorf("the first answers %d %s, the second %d %s", created.status, created.body, found.status, found.body)
	}
	if got := call(t, "GET", second.url+"/api/token", auth); got.status != 201 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := call(t, "DELETE", second.url+"/api/user", auth); got.status != 204 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if got := call(t, "GET", second.url+"/api/user", bearer("not.a.token")); strings.Contains(got.body, "stack_trace") {
		t.Errorf("debug errors are on: %s", got.body)
	}

	var stdout, stderr bytes.Buffer
	addr := strings.TrimPrefix(second.url, "http://")
	if status := run(t.Context(), []string{"-healthcheck", "-listen-addr", addr}, nil, &stdout, &stderr); status != 0 || stdout.Len()+stderr.Len() > 0 {
		t.Errorf("-healthcheck: exit status %d, %s%s", status, &stdout, &stderr)
	}
	if err := second.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := second.wait(t); status != exitOK {
		t.Errorf("exit status %d:\n%s", status, second.stderr)
	}
	stderr.Reset()
	if status := run(t.Context(), []string{"-healthcheck", "-listen-addr", addr}, nil, &stdout, &stderr); status != 1 || !strings.Contains(stderr.String(), "not healthy") {
		t.Errorf("-healthcheck after the end: exit status %d, %s", status, &stderr)
	}
	if log := second.stderr.String(); strings.Contains(log, exports["TOKEN"]) || strings.Contains(log, exports["AZURE_CLIENT_SECRET"]) {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

// A process is a server in a process of its own.
type process struct {
	*running
	process *os.Process
}

func startProcess(t *testing.T, environ []string) *process {
	t.Helper()
	return startProcessWriting(t, environ, nil)
}

// startProcessWriting lets the process have a file as its standard output, which it
// closes here; nil: it is kept for the test.
func startProcessWriting(t *testing.T, environ []string, stdout *os.File) *process {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	r := &running{stdout: newOutput(), stderr: newOutput(), status: status}
	c := exec.Command(program)
	c.Env = append(environ, asServer+"=1")
	c.Stdout, c.Stderr = r.stdout, r.stderr
	if stdout != nil {
		c.Stdout = stdout
		defer stdout.Close()
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait()
		status <- c.ProcessState.ExitCode() // -1: by a signal
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
	})
	r.url = "http://" + listening(t, r.stderr)
	return &process{r, c.Process}
}

// A server that is to end says so at once, but serves while load balancers have not
// noticed. A second signal does not let it finish.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	dev := startDev(t, nil)
	exports, _ := readGuide(t, dev.stdout)
	environ := []string{"LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=1h", "SHUTDOWN_TIMEOUT=2h"}
	for name, text := range exports {
		environ = append(environ, name+"="+text)
	}
	server := startProcess(t, environ)
	server.stderr.line(t, "signing keys loaded")
	if got := call(t, "GET", server.url+"/readyz"); got.status != 200 {
		t.Errorf("before the signal: status %d: %s", got.status, got.body)
	}

	if err := server.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	server.stderr.line(t, "shutting down")
	got := call(t, "GET", server.url+"/readyz")
	var body health
	if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 503 {
		t.Errorf("status %d: %s", got.status, got.body)
	}
	if diff := cmp.Diff(health{"not ready", []string{"the server is shutting down"}}, body); diff != "" {
		t.Error(diff)
	}
	if got := call(t, "GET", server.url+"/healthz"); got.status != 200 {
		t.Errorf("/healthz: status %d", got.status)
	}
	if got := call(t, "POST", server.url+"/api/user", bearer(exports["TOKEN"])); got.status != 201 {
		t.Errorf("requests are not served any more: status %d: %s", got.status, got.body)
	}

	if err := server.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := server.wait(t); status == exitOK {
		t.Error("the second signal did not end it at once")
	}
}
