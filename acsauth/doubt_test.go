package acsauth_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// Nobody knows whether a deletion took effect whose first answer was lost, whatever
// the repetition is answered. What is certain is that the user wanted it: whoever then
// asks for an identity gets one that is alive, and never the one in doubt.
func TestDeletionOfUnknownOutcome(t *testing.T) {
	t.Parallel()
	lost := cloud.Fault{Op: cloud.OpACSDelete, Drop: true, When: cloud.AfterEffect, Times: 1}
	unsent := cloud.Fault{Op: cloud.OpACSDelete, Drop: true, Times: 1}
	refusal := func(status int, body string) cloud.Fault {
		return cloud.Fault{Op: cloud.OpACSDelete, Status: status, Body: body, Header: http.Header{"Retry-After": {"60"}}}
	}
	for _, test := range []struct {
		name  string
		first cloud.Fault // what becomes of the first attempt
		then  cloud.Fault // of all others
		error string
	}{
		{"it took effect, the repetition is throttled", lost, refusal(429, ""), "rate_limited"},
		{"it took effect, our key is refused", lost, refusal(401, ""), "server_misconfigured"},
		{"it took effect, the repetition is forbidden", lost, refusal(403, ""), "server_misconfigured"},
		{"it took effect, a proxy knows nothing", lost, refusal(404, "<html>"), "upstream_error"},
		{"it took effect, a proxy gives up waiting", cloud.Fault{Op: cloud.OpACSDelete, Status: 408, When: cloud.AfterEffect, Times: 1}, refusal(408, ""), "upstream_unavailable"},
		{"it took no effect, the repetition is throttled", unsent, refusal(429, ""), "rate_limited"},
		{"it took no effect, our key is refused", unsent, refusal(401, ""), "server_misconfigured"},
	} {
		for _, where := range []struct {
			name      string
			journal   bool // the store keeps one
			elsewhere bool // the next call comes to another server
		}{
			{"same server, no journal", false, false},
			{"same server, journal", true, false},
			{"another server, journal", true, true},
		} {
			t.Run(test.name+"/"+where.name, func(t *testing.T) {
				inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
					journal := new(memoryJournal)
					var store acsauth.IdentityMapper = journal
					if !where.journal {
						store = &journal.MemoryMapper
					}
					s := newMemoryService(t, c, store)
					next := s
					if where.elsewhere {
						next = newMemoryService(t, c, store)
					}
					doubtful, _, err := s.Create(t.Context(), ada)
					if err != nil {
						t.Fatal(err)
					}
					first, then := c.Inject(test.first), c.Inject(test.then)
					wantRefusal(t, s.Delete(t.Context(), ada), test.error, "")
					if open := journal.open(); where.journal && (len(open) != 1 || open[0].Kind != acsauth.EntryDelete || open[0].ACSID != doubtful) {
						t.Errorf("open entries %+v; want one of the deletion", open)
					}
					_, _, err = next.Create(t.Context(), ada)
					wantRefusal(t, err, test.error, "")
					first()
					then()
					id, created, err := next.Create(t.Context(), ada)
					if err != nil || !created || id == doubtful {
						t.Errorf("Create returns %s, created %v, %v; in doubt is %s", id, created, err, doubtful)
					}
					if _, issued, err := next.Token(t.Context(), ada); err != nil || issued != id {
						t.Errorf("a token of %s, %v; want one of %s", issued, err, id)
					}
					if live := liveIn(c); !slices.Equal(live, []string{id}) {
						t.Errorf("live are %v, want %s", live, id)
					}
					wantRefusal(t, next.Delete(t.Context(), ada), "", "")
					if live, open := liveIn(c), journal.open(); len(live)+len(open) != 0 {
						t.Errorf("after another deletion: live are %v, open entries %+v", live, open)
					}
				})
			})
		}
	}
}

// What ACS has refused for certain is not in doubt: the identity is the user's still.
func TestRefusedDeletion(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 429} {
		s, journal := newJournaled(t)
		id := s.want(201, "POST", "/api/user").field("acsUserIdentity")
		refused := s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: status, Header: http.Header{"Retry-After": {"60"}}})
		if a := s.call("DELETE", "/api/user"); a.status < 400 {
			t.Errorf("%d: the deletion is answered %d %s", status, a.status, a.body)
		}
		if open := journal.open(); len(open) != 0 {
			t.Errorf("%d: open entries %+v", status, open)
		}
		if got := s.want(200, "POST", "/api/user").field("acsUserIdentity"); got != id {
			t.Errorf("%d: POST answers %s, want %s", status, got, id)
		}
		s.want(201, "GET", "/api/token")
		refused()
		s.want(204, "DELETE", "/api/user")
		if live := s.live(); len(live) != 0 {
			t.Errorf("%d: live are %v", status, live)
		}
	}
}

// A token can be asked for in the meantime: ACS knows whether the identity is there.
func TestTokenInDoubt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		when   cloud.When
		auto   bool // provision
		status int
	}{
		"it took effect":                         {cloud.AfterEffect, false, 404},
		"it took effect, and a new one is made":  {cloud.AfterEffect, true, 201},
		"it took no effect":                      {cloud.BeforeEffect, false, 201},
		"it took no effect, and is not replaced": {cloud.BeforeEffect, true, 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, func(set *setup) { set.service.AutoProvision = test.auto })
			s.want(201, "POST", "/api/user")
			s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 500, When: test.when, Times: 3})
			s.want(503, "DELETE", "/api/user")
			s.want(test.status, "GET", "/api/token")
			s.want(204, "DELETE", "/api/user")
			s.wantConsistent(0)
		})
	}
}
