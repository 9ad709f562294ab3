package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What a call is while it counts, and what ends that.
func TestUpstreamLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testUpstreamLimit)
}

func testUpstreamLimit(t *testing.T) {
	failure := errors.New("the connection failed")
	sent := 0
	around := surroundings{client: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		sent++
		if r.URL.Path == "/fail" {
			return nil, failure
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("hello")), Request: r}, nil
	})}}
	client, other := around.limitedForSDK(2), around.limited(1)
	ctx, cancel := context.WithCancel(t.Context())
	send := func(ctx context.Context, client *http.Client, path string) (io.Closer, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://upstream.example"+path, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			return nil, err
		}
		return answer.Body, nil
	}
	admitted := func(ctx context.Context, what string, client *http.Client) io.Closer {
		t.Helper()
		body, err := send(ctx, client, "/")
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return body
	}
	full := func(what string, client *http.Client) {
		t.Helper()
		before := sent
		if _, err := send(t.Context(), client, "/"); !httpx.IsOverloaded(err) || sent != before {
			t.Errorf("%s: %v, %d requests sent; want a refusal before any is", what, err, sent-before)
		}
	}

	if _, err := send(t.Context(), other, "/fail"); !errors.Is(err, failure) {
		t.Errorf("a failure: %v", err)
	}
	mine := admitted(t.Context(), "after a failure", other)
	full("with one of one under way", other)

	first := admitted(t.Context(), "first of two", client)
	second := admitted(ctx, "second of two", client)
	full("with two of two under way", client)
	_ = first.Close()
	_ = first.Close()
	third := admitted(t.Context(), "after one has been closed, twice", client)
	full("with two under way again", client)
	cancel() // and nobody closes it
	synctest.Wait()
	fourth := admitted(t.Context(), "after the end of a context", client)
	_ = second.Close()
	full("with two under way once more", client)
	for _, body := range []io.Closer{mine, third, fourth} {
		_ = body.Close()
	}
	for _, c := range []*http.Client{client, other} {
		if n := c.Transport.(*upstreamLimit).underWay.Load(); n != 0 {
			t.Errorf("%d calls are left under way", n)
		}
	}
}

// What is refused is closed, as a RoundTripper must, and a caller's transport stays as
// it is.
func TestUpstreamLimitKeepsToContracts(t *testing.T) {
	t.Parallel()
	own := &http.Transport{MaxIdleConns: 7}
	surroundings{client: &http.Client{Transport: own}}.limited(1000)
	if own.MaxIdleConns != 7 || own.MaxIdleConnsPerHost != 0 {
		t.Errorf("the transport was changed: %d, %d", own.MaxIdleConns, own.MaxIdleConnsPerHost)
	}
	body := &closing{Reader: strings.NewReader("x")}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://upstream.example/", body)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (surroundings{client: new(http.Client)}).limited(0).Do(r); !httpx.IsOverloaded(err) || !body.closed {
		t.Errorf("%v; the body is closed: %t", err, body.closed)
	}
}

// A closing notes that it was closed.
type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// A slow upstream costs those who need it, at once and without a trace, and nobody
// else.
func TestOverloadedUpstream(t *testing.T) {
	t.Parallel()
	const one = "MAX_CONCURRENT_PER_UPSTREAM=1"
	tests := []struct {
		name         string
		op           string // that hangs
		method, path string // of the requests that need the upstream
		unaffected   string // GET of a user who is known
		environ      []string
	}{
		{"ACS", cloud.OpACSCreate, "POST", "/api/user", "/api/user", nil},
		{"Graph", cloud.OpGraphLookup, "POST", "/api/user", "/api/token", nil},
		{"Entra", cloud.OpEntraToken, "POST", "/api/user", "/api/user", nil},
		{"ACS, for a token", cloud.OpACSCreate, "GET", "/api/token", "/api/user", []string{"AUTO_PROVISION=true"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, known := startCloud(t)
			r := startAgainst(t, c, nil, append(test.environ, one)...)
			for _, step := range []struct{ method, path string }{{"POST", "/api/user"}, {"GET", "/api/token"}} {
				if got := call(t, step.method, r.url+step.path, bearer(known)); got.status != 201 {
					t.Fatalf("%s %s: status %d: %s", step.method, step.path, got.status, got.body)
				}
			}
			token := func() string { return c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{}) }
			held := make(chan struct{})
			release := c.Inject(cloud.Fault{Op: test.op, Times: 1, Do: func() { close(held) }, Hang: true})
			defer release()
			first := make(chan answered, 1)
			firstToken, secondToken := token(), token()
			go func() {
				got, err := try(t.Context(), test.method, r.url+test.path, bearer(firstToken))
				if err != nil {
					t.Error(err)
				}
				first <- got
			}()
			<-held

			got := call(t, test.method, r.url+test.path, bearer(secondToken))
			if got.status != 503 || !strings.Contains(got.body, `"overloaded"`) || got.header.Get("Retry-After") != "5" {
				t.Errorf("status %d, Retry-After %q: %s", got.status, got.header.Get("Retry-After"), got.body)
			}
			if opened, closed := len(logLines(t, r.stderr.String(), "identity report opened")), len(logLines(t, r.stderr.String(), "identity report closed")); test.op == cloud.OpACSCreate && (opened != 3 || closed != 2) {
				t.Errorf("%d reports were opened and %d closed, want 3 and 2: that of the user who waits is open", opened, closed)
			}
			if n := len(c.ACS.Identities()); n != 1 {
				t.Errorf("there are %d identities, want that of the known user", n)
			}
			if got := call(t, "GET", r.url+test.unaffected, bearer(known)); got.status/100 != 2 {
				t.Errorf("somebody who does not need it: status %d: %s", got.status, got.body)
			}

			release()
			if got := <-first; got.status != 201 {
				t.Errorf("who came first: status %d: %s", got.status, got.body)
			}
			if got := call(t, test.method, r.url+test.path, bearer(secondToken)); got.status != 201 {
				t.Errorf("later: status %d: %s", got.status, got.body)
			}
			if lines := logLines(t, r.stderr.String(), "identity report left open"); len(lines) > 0 {
				t.Errorf("reports were left open: %v", lines)
			}
		})
	}
}

// An upstream's wish that outlasts our retries is the caller's to fulfil.
func TestUpstreamThrottles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		op, method, path string
		mapped           bool // the user has an identity
	}{
		{cloud.OpEntraToken, "GET", "/api/user", false},
		{cloud.OpEntraToken, "POST", "/api/user", false},
		{cloud.OpGraphLookup, "GET", "/api/user", true},
		{cloud.OpGraphLookup, "GET", "/api/token", false},
		{cloud.OpGraphCreate, "POST", "/api/user", false},
		{cloud.OpGraphDelete, "DELETE", "/api/user", true},
		{cloud.OpACSCreate, "POST", "/api/user", false},
		{cloud.OpACSIssue, "GET", "/api/token", true},
		{cloud.OpACSRevoke, "POST", "/api/token/revoke", true},
		{cloud.OpACSDelete, "DELETE", "/api/user", true},
		{cloud.OpACSTeams, "GET", "/api/token/teams", false},
	} {
		t.Run(test.op+" "+test.method+" "+test.path, func(t *testing.T) {
			t.Parallel()
			c, _ := startCloud(t)
			user := c.Entra.AddUser(cloud.User{Name: "Bob"})
			header := []string{bearer(c.Entra.UserToken(user, cloud.TokenOptions{})), "teams-user-aad-token: " + c.Entra.TeamsToken(user, cloud.TokenOptions{ClientID: c.SPAClientID})}
			r := startAgainst(t, c, nil, "TEAMS_CLIENT_IDS="+c.SPAClientID)
			if test.mapped {
				call(t, "POST", r.url+"/api/user", header...)
			}
			remove := c.Inject(cloud.Fault{Op: test.op, Status: 429, Header: http.Header{"Retry-After": {"47"}}})
			got := call(t, test.method, r.url+test.path, header...)
			var body struct{ Error string }
			if err := json.Unmarshal([]byte(got.body), &body); err != nil || got.status != 429 || body.Error != "rate_limited" || got.header.Get("Retry-After") != "47" {
				t.Errorf("status %d, Retry-After %q: %s", got.status, got.header.Get("Retry-After"), got.body)
			}
			remove()
			if lines := logLines(t, r.stderr.String(), "identity report left open"); len(lines) > 0 {
				t.Errorf("reports were left open: %v", lines)
			}
		})
	}
}
