package cloud_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/google/go-cmp/cmp"
)

// create asks for an identity, and returns the error if no answer came.
func create(ctx context.Context, t testing.TB, c *cloud.Cloud) (reply, error) {
	t.Helper()
	req := newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, "").WithContext(ctx)
	sign(t, req, accessKey(c.ACS.ConnectionString()), time.Now())
	return try(c.HTTPClient(), req)
}

// Whatever the fault, on both kinds of transport the effect happens exactly if
// it strikes after it.
func TestFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		fault  cloud.Fault
		status int // 0: no answer
		code   string
		effect bool
	}{
		{"error before", cloud.Fault{Status: 503}, 503, "ServiceUnavailable", false},
		{"error after", cloud.Fault{Status: 503, When: cloud.AfterEffect}, 503, "ServiceUnavailable", true},
		{"cut before", cloud.Fault{Drop: true}, 0, "", false},
		{"cut after", cloud.Fault{Drop: true, When: cloud.AfterEffect}, 0, "", true},
		{"own words", cloud.Fault{Status: 502, Body: `{"error":{"code":"Mine"}}`}, 502, "Mine", false},
		{"HTML", cloud.Fault{Status: 502, Header: http.Header{"Content-Type": {"text/html"}}}, 502, "", false},
		{"malformed success", cloud.Fault{Status: 201, Body: `{`, When: cloud.AfterEffect}, 201, "", true},
		{"nothing to do", cloud.Fault{}, 201, "", true},
	}
	for _, inProcess := range []bool{false, true} {
		c := start(t, cloud.Config{InProcess: inProcess})
		for _, test := range tests {
			struck := false
			test.fault.Op = cloud.OpACSCreate
			test.fault.Do = func() { struck = true }
			remove := c.Inject(test.fault)
			before := len(c.ACS.Identities())
			r, err := create(t.Context(), t, c)
			if r.status != test.status || r.str("error", "code") != test.code || (err != nil) != (test.status == 0) {
				t.Errorf("%s: %d %s, %v", test.name, r.status, r.body, err)
			}
			if got := len(c.ACS.Identities()) > before; got != test.effect || !struck {
				t.Errorf("%s: effect %t, struck %t", test.name, got, struck)
			}
			remove()
			remove()
			if r, err := create(t.Context(), t, c); r.status != 201 {
				t.Errorf("%s: removed, but %d %v", test.name, r.status, err)
			}
		}
	}
}

// A truncated answer begins, and ends with an error. In process it does not begin.
func TestTruncatedAnswers(t *testing.T) {
	t.Parallel()
	for _, inProcess := range []bool{false, true} {
		c := start(t, cloud.Config{InProcess: inProcess})
		for _, status := range []int{0, 503} {
			remove := c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Truncate: true, Status: status})
			r, err := create(t.Context(), t, c)
			if err == nil || strings.HasPrefix(r.body, "{") == inProcess || strings.HasSuffix(r.body, "}") {
				t.Errorf("in process %t, status %d: %d %q, %v", inProcess, status, r.status, r.body, err)
			}
			remove()
		}
		if n := len(c.ACS.Identities()); n != 1 {
			t.Errorf("in process %t: %d identities", inProcess, n)
		}
	}
}

// An error without a body is worded by the service that it strikes.
func TestFaultBodies(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	c.Inject(cloud.Fault{Status: 429, Header: http.Header{"retry-after": {"7"}}})
	if r := get(t, c, c.Graph.URL+"/me"); r.status != 429 || r.str("error", "code") != "TooManyRequests" || r.header.Get("Retry-After") != "7" {
		t.Errorf("Graph: %d %v %s", r.status, r.header, r.body)
	}
	if r := get(t, c, c.ACS.URL); r.status != 429 || r.str("error", "code") != "TooManyRequests" || r.header.Get("MS-CV") == "" {
		t.Errorf("ACS: %d %v %s", r.status, r.header, r.body)
	}
	if r := get(t, c, c.Entra.URL); r.status != 429 || r.str("error") != "temporarily_unavailable" || r.header.Get("Retry-After") != "7" {
		t.Errorf("Entra: %d %v %s", r.status, r.header, r.body)
	}
}

func TestFaultSelection(t *testing.T) {
	t.Parallel()
	c, _, token := graphUser(t)
	read := func() int { return graph(t, c, token, "GET", "/me/extensions/a", "").status }
	write := func(name string) int {
		return graph(t, c, token, "POST", "/me/extensions", extensionJSON(name, "x")).status
	}
	expect := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	remove := c.Inject(cloud.Fault{Op: "graph.", Status: 500, Times: 2})
	expect("service, first", read(), 500)
	expect("service, second", write("a.b"), 500)
	expect("service, spent", read(), 404)
	remove()

	remove = c.Inject(cloud.Fault{Op: "graph", Status: 500})
	expect("without the dot", read(), 404)
	remove()

	remove = c.Inject(cloud.Fault{Op: cloud.OpGraphCreate, Status: 500, Match: func(r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		return strings.Contains(string(body), "a.hit")
	}})
	expect("by body", write("a.hit"), 500)
	expect("by body, another", write("a.miss"), 201)
	remove()

	defer c.Inject(cloud.Fault{Status: 501, Times: 1})()
	defer c.Inject(cloud.Fault{Status: 502})()
	expect("oldest first", read(), 501)
	expect("then the next", read(), 502)
}

func TestLateFaultNeedsAnAnswer(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	defer func() {
		if recover() == nil {
			t.Error("Inject took a Fault that is late and does not say what the caller gets")
		}
	}()
	c.Inject(cloud.Fault{Late: time.Second})
}

// A hung call ends with its caller, or goes on when the fault is removed.
func TestHang(t *testing.T) {
	t.Parallel()
	for _, inProcess := range []bool{false, true} {
		for _, when := range []cloud.When{cloud.BeforeEffect, cloud.AfterEffect} {
			c := start(t, cloud.Config{InProcess: inProcess})
			hung := make(chan struct{}, 1)
			remove := c.Inject(cloud.Fault{Op: cloud.OpACSCreate, When: when, Hang: true, Do: func() { hung <- struct{}{} }})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := create(ctx, t, c)
				ended <- err
			}()
			<-hung
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("in process %t: %v", inProcess, err)
			}
			if got, want := len(c.ACS.Identities()), int(when); got != want {
				t.Errorf("in process %t: %d identities, want %d", inProcess, got, want)
			}
			answered := make(chan int)
			go func() {
				r, _ := create(t.Context(), t, c)
				answered <- r.status
			}()
			<-hung
			remove()
			if got := <-answered; got != 201 || len(c.ACS.Identities()) != int(when)+1 {
				t.Errorf("in process %t: released, then %d", inProcess, got)
			}
		}
	}
}

// Close ends what hangs.
func TestCloseReleasesHungCalls(t *testing.T) {
	t.Parallel()
	for _, inProcess := range []bool{false, true} {
		c, err := cloud.Start(cloud.Config{InProcess: inProcess})
		if err != nil {
			t.Fatal(err)
		}
		hung := make(chan struct{}, 1)
		c.Inject(cloud.Fault{Hang: true, Do: func() { hung <- struct{}{} }})
		ended := make(chan error)
		go func() {
			_, err := create(context.Background(), t, c)
			ended <- err
		}()
		<-hung
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil {
			t.Error("there was an answer")
		}
		if _, err := create(t.Context(), t, c); err == nil {
			t.Error("an answer after Close")
		}
		if err := c.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
}

// In virtual time: the caller gives up after ten seconds, the identity comes to
// be after a minute.
func TestLateEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, cloud.Config{InProcess: true})
		defer c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Times: 1, Hang: true, Late: time.Minute})()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := create(ctx, t, c); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		time.Sleep(49 * time.Second)
		synctest.Wait()
		if n := len(c.ACS.Identities()); n != 0 || c.Busy() != 1 {
			t.Errorf("after 59 s: %d identities, %d under way", n, c.Busy())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if list := c.ACS.Identities(); len(list) != 1 || list[0].CreatedAt.Sub(began) != time.Minute || c.Busy() != 0 {
			t.Errorf("after 60 s: %+v, %d under way", list, c.Busy())
		}
	})
}

// Effects that are still due are dropped by Close, which leaves nothing behind
// in the bubble.
func TestCloseDropsLateEffects(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, cloud.Config{InProcess: true})
		c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Drop: true, Late: time.Minute})
		if _, err := create(t.Context(), t, c); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut: %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if n := len(c.ACS.Identities()); n != 0 {
			t.Errorf("%d identities", n)
		}
	})
}

// A client's time-out works in virtual time, too.
func TestClientTimeoutInBubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := start(t, cloud.Config{InProcess: true})
		c.Inject(cloud.Fault{Hang: true})
		client := &http.Client{Transport: c.Transport(), Timeout: 3 * time.Second}
		began := time.Now()
		_, err := client.Get(c.Entra.URL)
		var failure net.Error
		if !errors.As(err, &failure) || !failure.Timeout() || time.Since(began) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

func TestCalls(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	c := start(t, cloud.Config{InProcess: true, Now: func() time.Time { return at }})
	u := c.Entra.AddUser(cloud.User{})
	post(t, c, c.Entra.TokenURL(c.TenantID), oboForm(c, c.Entra.UserToken(u, cloud.TokenOptions{})))
	req := newRequest(t, "GET", c.Graph.URL+"/me?$select=id", "", "Authorization", "Bearer "+c.Entra.GraphToken(u, cloud.TokenOptions{}), "client-request-id", "mine")
	send(t, c.HTTPClient(), req)
	get(t, c, c.ACS.URL+"/elsewhere")
	want := []cloud.Call{
		{Op: "entra.token", Method: "POST", URI: "/" + c.TenantID + "/oauth2/v2.0/token", User: u.ObjectID, At: at, Status: 200},
		{Op: "graph.lookup", Method: "GET", URI: "/v1.0/me?$select=id", RequestID: "mine", User: u.ObjectID, At: at, Status: 200},
		{Op: "acs.unknown", Method: "GET", URI: "/elsewhere", At: at, Status: 404},
	}
	if diff := cmp.Diff(want, c.Calls()); diff != "" {
		t.Errorf("calls (-want +got): %s", diff)
	}
	if all, acs := c.CallCount(), c.CallCount("acs."); all != 3 || acs != 1 {
		t.Errorf("counted %d and %d", all, acs)
	}
	if all, some := c.CallCount(), c.CallCount(cloud.OpEntraToken, cloud.OpGraphLookup, cloud.OpACSCreate); all != 3 || some != 2 {
		t.Errorf("counted %d and %d", all, some)
	}
	c.ResetCalls()
	if len(c.Calls()) != 0 || c.CallCount() != 0 {
		t.Error("the record is still there")
	}
}

// The record is bounded, the count is not.
func TestRecordIsBounded(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	const total = 5000
	for range total {
		get(t, c, c.ACS.URL)
	}
	if kept := len(c.Calls()); c.CallCount() != total || kept > 4096 || kept < 2048 {
		t.Errorf("counted %d, kept %d", c.CallCount(), kept)
	}
}

// The in-process transport tells when a request has been written, as clients
// that must not repeat one rely on.
func TestTransportTrace(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	var written atomic.Int32
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { written.Add(1) }})
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := create(ended, t, c); !errors.Is(err, context.Canceled) || written.Load() != 0 {
		t.Errorf("ended before: %v, written %d", err, written.Load())
	}
	if r, err := create(ctx, t, c); r.status != 201 || written.Load() != 1 {
		t.Errorf("%v, written %d", err, written.Load())
	}
}
