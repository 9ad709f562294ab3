package graphmap_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

var (
	html = http.Header{"Content-Type": {"text/html"}}
	soon = http.Header{"Retry-After-Ms": {"1"}} // keeps tests with retries short
	wait = http.Header{"Retry-After": {"17"}}   // longer than anybody waits
)

// The errors that Graph is known to answer, and what a gateway in front of it may.
func TestLookupClassifiesRefusals(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		fault    fault
		kind     string
		code     string
		requests int
	}{
		{"no such user", fault{status: 404, body: envelope("Request_ResourceNotFound", "Resource 'x' does not exist.")}, "unusable", "Request_ResourceNotFound", 1},
		{"no such parent", fault{status: 404, body: envelope("ResourceNotFound", "Parent Object Not Found")}, "unusable", "ResourceNotFound", 1},
		{"resource not found where the user should be", fault{status: 404, body: envelope("ResourceNotFound", "Extension with given id not found.")}, "unusable", "ResourceNotFound", 1},
		{"wrong address", fault{status: 400, body: envelope("RequestBroker--ParseUri", "Resource not found for the segment 'me'.")}, "unusable", "RequestBroker--ParseUri", 1},
		{"missing permission", fault{status: 403, body: envelope("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")}, "misconfigured", "Authorization_RequestDenied", 1},
		{"denied by the extension service", fault{status: 403, body: envelope("AccessDenied", "Access Denied")}, "misconfigured", "AccessDenied", 1},
		{"expired token", fault{status: 401, body: envelope("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")}, "unusable", "InvalidAuthenticationToken", 2},
		{"expired token, once", fault{status: 401, times: 1, body: envelope("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")}, "", "", 2},
		{"throttled, once", fault{status: 429, times: 1, header: soon, body: envelope("TooManyRequests", "Too many requests")}, "", "", 2},
		{"throttled, no message", fault{status: 429, header: soon, body: `{"error":{"code":"UnknownError","message":""}}`}, "throttled", "UnknownError", 3},
		{"throttled for long", fault{status: 429, header: wait, body: envelope("TooManyRequests", "Too many requests")}, "throttled", "TooManyRequests", 1},
		{"overloaded, once", fault{status: 503, times: 1, header: soon, body: envelope("serviceNotAvailable", "Service unavailable")}, "", "", 2},
		{"overloaded", fault{status: 503, header: soon, body: envelope("serviceNotAvailable", "Service unavailable")}, "unavailable", "serviceNotAvailable", 3},
		{"internal error", fault{status: 500, header: soon, body: envelope("generalException", "oops")}, "unavailable", "generalException", 3},
		{"gateway, HTML", fault{status: 502, header: merged(html, soon), body: "<html>Bad Gateway</html>"}, "unavailable", "", 3},
		{"gateway, plain text", fault{status: 504, header: merged(http.Header{"Content-Type": {"text/plain"}}, soon), body: "upstream request timeout"}, "unavailable", "", 3},
		{"gateway, empty", fault{status: 503, header: soon}, "unavailable", "", 3},
		{"not found, HTML", fault{status: 404, header: html, body: "<html>nginx</html>"}, "unusable", "", 1},
		{"JSON of another kind", fault{status: 403, body: `{"message":"Forbidden"}`}, "misconfigured", "", 1},
		{"error null", fault{status: 403, body: `{"error":null}`}, "misconfigured", "", 1},
		{"error a string", fault{status: 403, body: `{"error":"Forbidden"}`}, "misconfigured", "", 1},
		{"code a number", fault{status: 403, body: `{"error":{"code":403,"message":"Forbidden"}}`}, "misconfigured", "", 1},
		{"message null", fault{status: 403, body: `{"error":{"code":"AccessDenied","message":null}}`}, "misconfigured", "AccessDenied", 1},
		{"code unfit to print", fault{status: 403, body: `{"error":{"code":"secret text\n","message":"x"}}`}, "misconfigured", "", 1},
		{"JSON said to be HTML", fault{status: 403, header: html, body: envelope("AccessDenied", "Access Denied")}, "misconfigured", "AccessDenied", 1},
		{"huge", fault{status: 403, body: strings.Repeat("x", 2<<20)}, "misconfigured", "", 1},
		{"method not allowed", fault{status: 405}, "unusable", "", 1},
		{"connection cut, once", fault{times: 1, act: cut}, "", "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			g.fault(tt.fault)
			_, err := overTLS(t, g, nil).Lookup(t.Context(), user(1))
			if n := len(g.seen()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
			if tt.kind == "" {
				if !errors.Is(err, acsauth.ErrNotMapped) {
					t.Errorf("Lookup: %v, want ErrNotMapped after a retry", err)
				}
				return
			}
			e := wantFailure(t, err, tt.kind)
			if e.Code != tt.code || e.StatusCode != tt.fault.status || e.Operation != "Lookup" || e.ClientRequestID != g.clientIDs[0] {
				t.Errorf("error %+v, want code %q, status %d and client-request-id %s", e, tt.code, tt.fault.status, g.clientIDs[0])
			}
			for _, text := range []string{"privileges", "Forbidden", "secret text", "graph." + user(1).ObjectID, "assertion", "xxxx"} {
				if all := fmt.Sprintf("%v %+v %#v", err, err, *e); strings.Contains(all, text) {
					t.Errorf("the error repeats %q: %s", text, all)
				}
			}
		})
	}
}

func merged(headers ...http.Header) http.Header {
	all := http.Header{}
	for _, h := range headers {
		for k, v := range h {
			all[k] = v
		}
	}
	return all
}

func TestErrorTellsWhatToDo(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	g.fault(fault{status: 403, header: http.Header{"Request-Id": {"graph-1"}}, body: envelope("Authorization_RequestDenied", "x"), times: 1})
	g.fault(fault{status: 429, header: wait, body: envelope("TooManyRequests", "x"), times: 1})
	m := overTLS(t, g, nil)

	_, err := m.Lookup(t.Context(), user(1))
	e := wantFailure(t, err, "misconfigured")
	want := "graphmap: Lookup: Microsoft Graph answered 403 Authorization_RequestDenied: grant the app the delegated Graph permission" +
		" User.ReadWrite, and consent to it; request-id graph-1; client-request-id " + e.ClientRequestID
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}

	_, err = m.Lookup(t.Context(), user(1))
	e = wantFailure(t, err, "throttled")
	if e.RetryDelay() != 17*time.Second || e.RequestID != "graph-request-1" {
		t.Errorf("RetryDelay %v, RequestID %q; want 17s, and the id in the body", e.RetryDelay(), e.RequestID)
	}
	if (&graphmap.Error{}).FailureKind() != "unusable" {
		t.Error("an Error without more is not unusable")
	}
}

// All requests of a call carry one client-request-id, and no two calls the same.
func TestClientRequestID(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	g.fault(fault{op: "lookup", status: 503, header: soon, times: 2})
	m := overTLS(t, g, nil)
	_, _ = m.Lookup(t.Context(), user(1))
	_, _ = m.Lookup(t.Context(), user(1))
	ids := g.clientIDs
	if len(ids) != 4 || ids[0] != ids[1] || ids[1] != ids[2] || ids[2] == ids[3] {
		t.Errorf("client-request-ids %q", ids)
	}
}

func TestUnreachableGraph(t *testing.T) {
	t.Parallel()
	// Nothing listens on port 1, and a dial that fails has not sent anything.
	m := newMapper(t, "http://127.0.0.1:1/v1.0", nil, nil)
	_, err := m.Lookup(t.Context(), user(1))
	wantFailure(t, err, "unavailable")
	err = m.Create(t.Context(), user(1), acsID(1))
	wantFailure(t, err, "unavailable")
	if !errors.Is(err, acsauth.ErrNotStored) {
		t.Errorf("Create: %v, want ErrNotStored", err)
	}
}

func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.HTTPClient = nil })
	err := m.Create(t.Context(), user(1), acsID(1))
	wantFailure(t, err, "unavailable")
	if !errors.Is(err, acsauth.ErrNotStored) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("Create: %v, want ErrNotStored on account of the certificate", err)
	}
	if len(g.seen()) > 0 {
		t.Error("the request was sent")
	}
}

// The errors of a TokenSource mean what they mean: ours are not put in their way.
func TestTokenFailuresPassThrough(t *testing.T) {
	t.Parallel()
	consent := failure("consent_required")
	g := newGraph(t)
	m := overTLS(t, g, func(cfg *graphmap.Config) {
		cfg.Tokens = &fakeTokens{fail: func(string) error { return consent }}
	})
	_, err := m.Lookup(t.Context(), user(1))
	for op, err := range map[string]error{
		"Lookup": err,
		"Create": m.Create(t.Context(), user(1), acsID(1)),
		"Delete": m.Delete(t.Context(), user(1), acsID(1)),
	} {
		var f acsauth.Failure
		if !errors.Is(err, consent) || !errors.As(err, &f) || f.FailureKind() != "consent_required" {
			t.Errorf("%s: %v, want the TokenSource's error", op, err)
		}
		if got := errors.Is(err, acsauth.ErrNotStored); got != (op == "Create") {
			t.Errorf("%s: ErrNotStored: %t", op, got)
		}
	}
	if len(g.seen()) > 0 {
		t.Error("requests were sent without a token")
	}
}

type failure string

func (f failure) Error() string       { return string(f) }
func (f failure) FailureKind() string { return string(f) }

type tokenFunc func() (string, error)

func (f tokenFunc) Token(context.Context, string, string, string) (string, error) { return f() }

func TestUnusableTokensAreNotSent(t *testing.T) {
	t.Parallel()
	for name, token := range map[string]string{"empty": "", "line break": "a\r\nX: y", "blank": "a b"} {
		g := newGraph(t)
		m := overTLS(t, g, func(cfg *graphmap.Config) {
			cfg.Tokens = tokenFunc(func() (string, error) { return token, nil })
		})
		if _, err := m.Lookup(t.Context(), user(1)); err == nil || errors.Is(err, acsauth.ErrNotMapped) || token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%s: Lookup: %v", name, err)
		}
		if len(g.seen()) > 0 {
			t.Errorf("%s: a request was sent", name)
		}
	}
}

// Without a wish of Graph's, attempts are half a second and then a second apart,
// give or take a fifth.
func TestRetryPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGraph(t)
		g.fault(fault{status: 503})
		start := time.Now()
		_, err := inMemory(t, g, nil).Lookup(t.Context(), user(1))
		wantFailure(t, err, "unavailable")
		if took := time.Since(start); len(g.seen()) != 3 || took < 1200*time.Millisecond || took > 1800*time.Millisecond {
			t.Errorf("%d attempts within %v", len(g.seen()), took)
		}
	})
}

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGraph(t)
		g.fault(fault{act: hang})
		start := time.Now()
		m := inMemory(t, g, func(cfg *graphmap.Config) { cfg.AttemptTimeout = time.Second })
		_, err := m.Lookup(t.Context(), user(1))
		wantFailure(t, err, "timeout")
		if took := time.Since(start); len(g.seen()) != 3 || took < 3*time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%d attempts within %v: %v", len(g.seen()), took, err)
		}
	})
}

// A caller's deadline ends everything, and no wait is begun that it would cut short.
func TestCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGraph(t)
		g.fault(fault{act: hang, times: 1})
		g.fault(fault{status: 503, header: http.Header{"Retry-After": {"4"}}})
		m := inMemory(t, g, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := m.Lookup(ctx, user(1))
		wantFailure(t, err, "timeout")
		if len(g.seen()) != 1 {
			t.Errorf("%d attempts, want one", len(g.seen()))
		}

		ctx, cancel = context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		_, err = m.Lookup(ctx, user(1))
		wantFailure(t, err, "unavailable")
		if time.Since(start) != 0 {
			t.Errorf("waited %v", time.Since(start))
		}

		ctx, cancel = context.WithCancel(t.Context())
		cancel()
		if err = m.Create(ctx, user(1), acsID(1)); !errors.Is(err, context.Canceled) || !errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create with a canceled context: %v, want ErrNotStored and context.Canceled", err)
		}
	})
}
