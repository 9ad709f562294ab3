package acsauth_test

import (
	"net/http"
	"sync/atomic"
	"testing"
)

// A limit refuses requests as a transport with a limit of its own does: without
// sending them. It begins with those of one method; "": all of them.
type limit struct {
	next   http.RoundTripper
	method string
	left   atomic.Int64 // how many it still refuses
}

type overloaded struct{}

func (overloaded) Error() string       { return "too many calls are under way" }
func (overloaded) FailureKind() string { return "overloaded" }

func (l *limit) RoundTrip(r *http.Request) (*http.Response, error) {
	if (l.method == "" || l.method == r.Method) && l.left.Add(-1) >= 0 {
		return nil, overloaded{}
	}
	return l.next.RoundTrip(r)
}

// newLimited returns a system some of whose calls a limit refuses.
func newLimited(t *testing.T, acs, graph, entra *limit) *system {
	return newSystem(t, func(set *setup) {
		for l, client := range map[*limit]**http.Client{acs: &set.acs.HTTPClient, graph: &set.graph.HTTPClient, entra: &set.obo.HTTPClient} {
			l.next = (*client).Transport
			*client = &http.Client{Transport: l}
		}
	})
}

// While calls are refused everything says so, at once and without a trace: no
// identity, no mapping, no report that is left open.
func TestOverloadedUpstreams(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(acs, graph, entra *limit) *limit{
		"ACS":   func(acs, _, _ *limit) *limit { return acs },
		"Graph": func(_, graph, _ *limit) *limit { return graph },
		"Entra": func(_, _, entra *limit) *limit { return entra },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acs, graph, entra := new(limit), new(limit), new(limit)
			full := pick(acs, graph, entra)
			full.left.Store(1 << 30)
			s := newLimited(t, acs, graph, entra)
			for range 3 {
				if a := s.call("POST", "/api/user"); a.status != 503 || a.field("error") != "overloaded" || a.header.Get("Retry-After") != "5" {
					t.Errorf("%d %s, Retry-After %q", a.status, a.body, a.header.Get("Retry-After"))
				}
			}
			if tried := 1<<30 - full.left.Load(); tried != 3 {
				t.Errorf("3 requests made %d attempts, all of which were refused", tried)
			}
			if opened, closed := len(s.log.lines("identity report opened")), len(s.log.lines("identity report closed")); opened != closed {
				t.Errorf("%d reports were opened, %d closed:\n%s", opened, closed, s.log)
			}
			s.wantConsistent(0)
			full.left.Store(0)
			s.want(201, "POST", "/api/user")
			s.wantConsistent(1)
		})
	}
}

// A store that is refused the mapping leaves an identity to be deleted. That is
// worth waiting for.
func TestOverloadedCleanUp(t *testing.T) {
	t.Parallel()
	acs, graph := &limit{method: http.MethodDelete}, &limit{method: http.MethodPost}
	acs.left.Store(2)
	graph.left.Store(1)
	s := newLimited(t, acs, graph, new(limit))
	if a := s.call("POST", "/api/user"); a.status != 503 || a.field("error") != "overloaded" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n := len(s.ACS.Identities()); n != 1 || acs.left.Load() >= 0 {
		t.Errorf("%d identities were created, want 1; %d more deletions would have been refused", n, acs.left.Load())
	}
	if lines := s.log.lines("identity report closed"); len(lines) != 1 || lines[0]["outcome"] != "deleted" {
		t.Errorf("the report was not closed: %v", lines)
	}
	s.wantConsistent(0)
}

// What is refused on the way to removing an identity is repeated by the caller.
func TestOverloadedDeletion(t *testing.T) {
	t.Parallel()
	acs := &limit{method: http.MethodDelete}
	acs.left.Store(1)
	s := newLimited(t, acs, new(limit), new(limit))
	s.want(201, "POST", "/api/user")
	s.want(503, "DELETE", "/api/user")
	s.wantConsistent(1)
	s.want(204, "DELETE", "/api/user")
	s.wantConsistent(0)
}
