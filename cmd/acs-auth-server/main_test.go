package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// asServer in the environment makes the test binary the server itself, for what
// only a process of its own can show.
const asServer = "ACS_AUTH_SERVER_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		trustFile(os.Getenv("SSL_CERT_FILE"))
		main()
	}
	os.Exit(m.Run())
}

// trustFile has the process trust the authority that SSL_CERT_FILE names, which Go reads
// on Linux and its like alone.
func trustFile(name string) {
	roots := x509.NewCertPool()
	if content, err := os.ReadFile(name); err != nil || !roots.AppendCertsFromPEM(content) {
		return
	}
	if transport, ok := http.DefaultTransport.(*http.Transport); ok {
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
}

// patience bounds what must happen anyway; no test waits for it in vain.
const patience = time.Minute

// An output collects what a program prints, and lets tests wait for it.
type output struct {
	mu      sync.Mutex
	content bytes.Buffer
	changed chan struct{}
}

func newOutput() *output { return &output{changed: make(chan struct{})} }

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.changed)
	o.changed = make(chan struct{})
	return o.content.Write(b)
}

func (o *output) String() string {
	text, _ := o.snapshot()
	return text
}

func (o *output) snapshot() (text string, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.content.String(), o.changed
}

// line waits for a line that contains all parts, and returns it.
func (o *output) line(t *testing.T, parts ...string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		text, changed := o.snapshot()
	lines:
		for line := range strings.Lines(text) {
			for _, part := range parts {
				if !strings.Contains(line, part) {
					continue lines
				}
			}
			return line
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no line with %q in:\n%s", parts, text)
		}
	}
}

// A running is a server under test.
type running struct {
	url            string
	stdout, stderr *output
	end            context.CancelFunc // as a signal does
	status         <-chan int
}

// start runs the program in this process, and waits until it listens.
func start(t *testing.T, program func(ctx context.Context, stdout, stderr io.Writer) int) *running {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	status := make(chan int, 1)
	r := &running{stdout: newOutput(), stderr: newOutput(), end: end, status: status}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		status <- program(ctx, r.stdout, r.stderr)
	}()
	t.Cleanup(func() {
		end()
		<-ended
	})
	r.url = "http://" + listening(t, r.stderr)
	return r
}

// listening waits for the line that says so, and returns the address.
func listening(t *testing.T, stderr *output) string {
	t.Helper()
	line := stderr.line(t, "listening", "address")
	found := regexp.MustCompile(`\baddress"?[:=]"?([0-9.]+:[0-9]+)`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("no address in %s", line)
	}
	return found[1]
}

func (r *running) wait(t *testing.T) (status int) {
	t.Helper()
	select {
	case status = <-r.status:
		return status
	case <-time.After(patience):
		t.Fatalf("the server does not end:\n%s", r.stderr)
		return 0
	}
}

// startAgainst runs a server against a cloud of the test's own.
func startAgainst(t *testing.T, c *cloud.Cloud, adjust func(*settings), environ ...string) *running {
	t.Helper()
	return start(t, func(ctx context.Context, stdout, stderr io.Writer) int {
		p := new(problems)
		s := load(cloudLayers(c, environ...), true, p)
		s.stdout = stdout
		if adjust != nil {
			adjust(s)
		}
		return serve(ctx, s, c.HTTPClient(), stderr, p, announceNothing)
	})
}

// cloudLayers are settings that point to c. "NAME=" in environ removes one.
func cloudLayers(c *cloud.Cloud, environ ...string) []source.Layer {
	env, azure := source.Environment(environ), devSettings(c)
	for name, v := range env.Values {
		if v.Text == "" {
			delete(azure.Values, name)
		}
	}
	azure.Values["LISTEN_ADDR"] = source.Value{Text: "127.0.0.1:0", Where: "the test"}
	azure.Values["LOG_LEVEL"] = source.Value{Text: "debug", Where: "the test"}
	azure.Values["RATE_LIMIT_PER_USER"] = source.Value{Text: "off", Where: "the test"} // some ask until something happens
	return []source.Layer{env, azure}
}

func startCloud(t *testing.T) (c *cloud.Cloud, userToken string) {
	t.Helper()
	c, err := cloud.Start(cloud.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.Entra.UserToken(c.Entra.AddUser(cloud.User{Name: "Alice"}), cloud.TokenOptions{})
}

// An answered is what came back from a request.
type answered struct {
	status int
	header http.Header
	body   string
}

// call sends a request as it is: nothing is followed, and no connection kept.
func call(t *testing.T, method, url string, header ...string) answered {
	t.Helper()
	a, err := try(t.Context(), method, url, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(ctx context.Context, method, url string, header ...string) (answered, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return answered{}, err
	}
	for _, h := range header {
		name, text, _ := strings.Cut(h, ": ")
		r.Header.Set(name, text)
	}
	r.Close = true
	answer, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		return answered{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err == nil {
		err = openapitest.Check(answer, body)
	}
	return answered{answer.StatusCode, answer.Header, string(body)}, err
}

func bearer(token string) string { return "Authorization: Bearer " + token }

// logLines returns the lines of a JSON log with a message.
func logLines(t *testing.T, log, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	scanner := bufio.NewScanner(strings.NewReader(log))
	for scanner.Scan() {
		var line map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("not a line of JSON: %s", scanner.Text())
		}
		if line["msg"] == message {
			found = append(found, line)
		}
	}
	return found
}
