package acsauth_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// wantConsistent checks what must hold once all calls have ended: one live
// identity, the mapped one, or none and no mapping.
func (s *system) wantConsistent(identities int) {
	s.Helper()
	live := s.live()
	if len(live) != identities || identities == 1 && live[0] != s.mapped() || identities == 0 && s.mapped() != "" {
		s.Errorf("live identities %v, mapped %q; want %d", live, s.mapped(), identities)
	}
}

func TestConcurrentFirstSignIns(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	ids, created := map[string]bool{}, 0
	for range 16 {
		all.Go(func() {
			a := s.call("POST", "/api/user")
			mu.Lock()
			defer mu.Unlock()
			ids[a.field("acsUserIdentity")] = true
			if a.status == 201 {
				created++
			} else if a.status != 200 {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if len(ids) != 1 || created != 1 || len(s.ACS.Identities()) != 1 {
		t.Errorf("%d different ids, %d times 201, %d identities; want one of each", len(ids), created, len(s.ACS.Identities()))
	}
	s.wantConsistent(1)
}

// Two replicas share the store, and nothing else.
func TestConcurrentFirstSignInsOnTwoReplicas(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	replica := s.replica()
	arrived := make(chan struct{}, 2)
	released := make(chan struct{})
	s.Inject(cloud.Fault{Op: cloud.OpGraphCreate, Times: 2, Do: func() { arrived <- struct{}{}; <-released }})
	go func() {
		<-arrived
		<-arrived
		close(released)
	}()
	var all sync.WaitGroup
	answers := make([]answer, 2)
	for i, each := range []*system{s, replica} {
		all.Go(func() { answers[i] = each.call("POST", "/api/user") })
	}
	all.Wait()
	if answers[0].status+answers[1].status != 401 || answers[0].field("acsUserIdentity") != answers[1].field("acsUserIdentity") {
		t.Errorf("%d %s and %d %s; want 200 and 201 with the same identity", answers[0].status, answers[0].body, answers[1].status, answers[1].body)
	}
	if n := len(s.ACS.Identities()); n != 2 {
		t.Errorf("%d identities were created, want 2: the race did not take place", n)
	}
	s.wantConsistent(1)
}

// What becomes of a creation if one of its calls fails.
func TestCreateSurvivesFailures(t *testing.T) {
	t.Parallel()
	lost := cloud.Fault{Drop: true, When: cloud.AfterEffect, Times: 1}
	for _, test := range []struct {
		name       string
		op         string
		fault      cloud.Fault
		status     int
		identities int  // live after the failed or repaired call
		orphan     bool // an entry in the log stays open
	}{
		{"ACS refuses the creation", cloud.OpACSCreate, cloud.Fault{Status: 500, Times: 1}, 503, 0, true},
		{"ACS is throttled for a moment", cloud.OpACSCreate, cloud.Fault{Status: 429, Header: http.Header{"Retry-After": {"0"}}, Times: 1}, 201, 1, false},
		{"the mapping is refused", cloud.OpGraphCreate, cloud.Fault{Status: 403}, 500, 0, false},
		{"the answer about the mapping is lost", cloud.OpGraphCreate, lost, 201, 1, false},
		{"the mapping fails once, with an effect", cloud.OpGraphCreate, cloud.Fault{Status: 503, When: cloud.AfterEffect, Times: 1}, 201, 1, false},
		{"the mapping fails once, without effect", cloud.OpGraphCreate, cloud.Fault{Status: 504, Times: 1}, 201, 1, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			test.fault.Op = test.op
			remove := s.Inject(test.fault)
			s.want(test.status, "POST", "/api/user")
			if test.identities == 0 && s.mapped() != "" || test.identities == 1 && len(s.live()) != 1 {
				t.Errorf("live %v, mapped %q", s.live(), s.mapped())
			}
			if open := len(s.log.lines("identity report left open")) > 0; open != test.orphan {
				t.Errorf("orphan reported: %v; log:\n%s", open, s.log)
			}
			remove()
			again := s.call("POST", "/api/user")
			if again.status/100 != 2 {
				t.Errorf("repeated: %d %s", again.status, again.body)
			}
			s.wantConsistent(1)
		})
	}
}

// The caller hangs up in the middle: what was begun is finished.
func TestCreateOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	ctx, cancel := context.WithCancel(t.Context())
	created := make(chan struct{})
	s.Inject(cloud.Fault{Op: cloud.OpGraphCreate, Times: 1, Do: func() { cancel(); <-created }})
	u := s.acsUser()
	_, _, err := s.service.Create(ctx, u)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Create: %v; want the caller's own end", err)
	}
	close(created)
	if err := s.service.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
	s.wantConsistent(1)
	if _, _, err := s.service.Create(t.Context(), u); err == nil {
		t.Error("a closed service creates")
	}
}

func TestDeleteSurvivesFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		fault cloud.Fault
	}{
		{"ACS fails", cloud.Fault{Op: cloud.OpACSDelete, Status: 500}},
		{"ACS fails after the effect", cloud.Fault{Op: cloud.OpACSDelete, Status: 500, When: cloud.AfterEffect}},
		{"Graph fails", cloud.Fault{Op: cloud.OpGraphDelete, Status: 503}},
		{"Graph fails after the effect", cloud.Fault{Op: cloud.OpGraphDelete, Status: 503, When: cloud.AfterEffect}},
		{"Graph fails to show", cloud.Fault{Op: cloud.OpGraphGet, Status: 503}},
	} {
		for name, gone := range map[string]cloud.Gone{"401": cloud.GoneNotOwned, "404": cloud.GoneNotFound, "204": cloud.GoneNoContent} {
			t.Run(test.name+", gone is "+name, func(t *testing.T) {
				t.Parallel()
				s := newSystem(t)
				s.ACS.SetGone(gone)
				s.want(201, "POST", "/api/user")
				remove := s.Inject(test.fault)
				if a := s.call("DELETE", "/api/user"); a.status != 503 && a.status != 204 {
					t.Errorf("%d %s", a.status, a.body)
				}
				remove()
				s.want(204, "DELETE", "/api/user")
				s.want(404, "GET", "/api/token")
				s.wantConsistent(0)
				s.want(201, "POST", "/api/user")
				s.wantConsistent(1)
			})
		}
	}
}

// An identity that ACS does not know any more: the mapping goes, nothing is
// replaced behind the user's back.
func TestGone(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]cloud.Gone{"401": cloud.GoneNotOwned, "404": cloud.GoneNotFound, "204": cloud.GoneNoContent} {
		for _, remembered := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newSystem(t, func(set *setup) {
					if !remembered {
						set.service.MappingTTL = -1
					}
				})
				s.ACS.SetGone(gone)
				s.want(201, "POST", "/api/user")
				s.want(201, "GET", "/api/token")
				s.ACS.DeleteIdentity(s.mapped())
				s.want(204, "POST", "/api/token/revoke")
				s.want(404, "GET", "/api/token")
				s.wantConsistent(0)
				s.want(201, "POST", "/api/user")
				s.wantConsistent(1)
			})
		}
	}
}

func TestGoneWithAutoProvision(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(set *setup) { set.service.AutoProvision = true })
	first := s.want(201, "GET", "/api/token")
	if n := s.CallCount(cloud.OpACSIssue); n != 0 {
		t.Errorf("creation and first token took %d more ACS calls", n)
	}
	s.ACS.DeleteIdentity(s.mapped())
	second := s.want(201, "GET", "/api/token")
	if !s.ACS.TokenValid(second.field("token")) || first.field("token") == second.field("token") {
		t.Error("the second token is not good")
	}
	s.wantConsistent(1)
}

func TestForeign(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		replace bool
		call    [2]string
		status  int
		kept    bool // the mapping to the foreign identity
	}{
		{"show", false, [2]string{"GET", "/api/user"}, 409, true},
		{"create", false, [2]string{"POST", "/api/user"}, 409, true},
		{"token", false, [2]string{"GET", "/api/token"}, 409, true},
		{"revoke", false, [2]string{"POST", "/api/token/revoke"}, 409, true},
		{"delete", false, [2]string{"DELETE", "/api/user"}, 204, false},
		{"create, replacing", true, [2]string{"POST", "/api/user"}, 201, false},
		{"token, replacing", true, [2]string{"GET", "/api/token"}, 404, false},
		{"revoke, replacing", true, [2]string{"POST", "/api/token/revoke"}, 409, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, withMemory, func(set *setup) { set.service.ReplaceForeign = test.replace })
			mapForeign(s)
			u := acsauth.User{TenantID: s.user.TenantID, ObjectID: s.user.ObjectID}
			foreign, err := s.mapper.Lookup(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			s.want(test.status, test.call[0], test.call[1])
			now, _ := s.mapper.Lookup(t.Context(), u)
			if (now == foreign) != test.kept {
				t.Errorf("mapped to %q, was %q; kept should be %v", now, foreign, test.kept)
			}
			released := 0
			for _, event := range s.log.lines("audit") {
				if event["event"] == "mapping_removed_foreign" && event["acs_id"] == foreign {
					released++
				}
			}
			if (released == 1) == test.kept {
				t.Errorf("%d audit events", released)
			}
		})
	}
}

// Mallory writes Ada's identity into their own extension. No call may reach ACS.
func TestTamperedMappingsNeverReachACS(t *testing.T) {
	t.Parallel()
	for name, properties := range map[string]func(ada map[string]any) map[string]any{
		"without a signature":  func(ada map[string]any) map[string]any { delete(ada, "acsUserIdentitySignature"); return ada },
		"with Ada's signature": func(ada map[string]any) map[string]any { return ada },
		"with a made-up one": func(ada map[string]any) map[string]any {
			ada["acsUserIdentitySignature"] = "v1.00000000.AAAA"
			return ada
		},
		"with one of no string": func(ada map[string]any) map[string]any { ada["acsUserIdentitySignature"] = 7; return ada },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			s.want(201, "POST", "/api/user") // Ada's
			stolen, _ := s.Graph.Extension(s.user, extensionName)
			mallory := s.Entra.AddUser(cloud.User{Name: "Mallory"})
			header := http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(mallory, cloud.TokenOptions{})}}
			s.Graph.SetExtension(mallory, extensionName, properties(stolen))
			s.ResetCalls()
			for _, call := range [][2]string{{"GET", "/api/user"}, {"POST", "/api/user"}, {"GET", "/api/token"}, {"POST", "/api/token/revoke"}} {
				a := s.send(request{method: call[0], path: call[1], header: header})
				if a.status != 409 || a.field("error") != "mapping_invalid" {
					t.Errorf("%s %s: %d %s", call[0], call[1], a.status, a.body)
				}
			}
			if a := s.send(request{method: "DELETE", path: "/api/user", header: header}); a.status != 204 {
				t.Errorf("DELETE: %d %s", a.status, a.body)
			}
			for _, call := range s.Calls() {
				if strings.HasPrefix(call.Op, "acs.") {
					t.Errorf("ACS got %s", call.Op)
				}
			}
			if _, there := s.Graph.Extension(mallory, extensionName); there {
				t.Error("the tampered mapping is still there")
			}
			s.wantConsistent(1) // Ada's
		})
	}
}

// A mapping that is removed by other means is honoured for MappingTTL at most.
func TestRememberedMapping(t *testing.T) {
	t.Parallel()
	var clock adjustableClock
	s := newSystem(t, func(set *setup) { set.service.Now = clock.now })
	s.want(201, "POST", "/api/user")
	s.want(201, "GET", "/api/token")
	s.Graph.DeleteExtension(s.user, extensionName)
	clock.advance(acsauth.DefaultMappingTTL - time.Second)
	s.want(201, "GET", "/api/token")
	clock.advance(time.Second)
	s.want(404, "GET", "/api/token")
}

// A deletion through another replica stops tokens at once.
func TestDeletionOnAnotherReplica(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	replica := s.replica()
	s.want(201, "POST", "/api/user")
	s.want(201, "GET", "/api/token") // remembered here
	replica.want(204, "DELETE", "/api/user")
	s.want(404, "GET", "/api/token")
	s.wantConsistent(0)
}

// What Graph shows of the past for a moment does not bring a deleted identity back.
func TestStaleReadsAfterDeletion(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.want(201, "POST", "/api/user")
	thaw := s.Graph.FreezeReads(s.user, cloud.Freeze{})
	s.want(204, "DELETE", "/api/user")
	s.want(404, "GET", "/api/user")
	s.want(404, "GET", "/api/token")
	s.want(201, "POST", "/api/user")
	thaw()
	s.want(200, "GET", "/api/user")
	s.wantConsistent(1)
}

func TestOneOfTheWaitersHasABetterToken(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.want(404, "GET", "/api/user") // loads the keys
	s.Entra.Refuse(cloud.Refusal{Code: cloud.MFARequired, Claims: cloud.MFAClaims})
	weak := http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(s.user, cloud.TokenOptions{Lifetime: time.Hour})}}
	strong := http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(s.user, cloud.TokenOptions{StepUp: true})}}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if a := s.send(request{method: "POST", path: "/api/user", header: weak}); a.status != 401 && a.status/100 != 2 {
				t.Errorf("weak token: %d %s", a.status, a.body)
			}
		})
		all.Go(func() {
			if a := s.send(request{method: "POST", path: "/api/user", header: strong}); a.status/100 != 2 {
				t.Errorf("strong token: %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	s.wantConsistent(1)
}

func TestServiceConfigMistakes(t *testing.T) {
	t.Parallel()
	tokens := acsidentity.TokenOptions{Scopes: []acsidentity.Scope{"chat", "chat", "a b"}, ExpiresIn: time.Second}
	_, err := acsauth.NewService(acsauth.ServiceConfig{Tokens: tokens, ResourceID: "mine", Timeout: math.MaxInt64, CacheMaxEntries: 1, CacheMaxBytes: 4095})
	for _, field := range []string{"Identities", "Mapper", "Tokens: TokenOptions.Scopes names chat", "Tokens: TokenOptions.Scopes: \"a b\"",
		"Tokens: TokenOptions.ExpiresIn", "ResourceID", "Timeout must be positive, and at most 1h0m0s", "CacheMaxEntries must be at least 2", "CacheMaxBytes must be at least 4096"} {
		if err == nil || !strings.Contains(err.Error(), "acsauth: "+field) {
			t.Errorf("%s is not mentioned in:\n%v", field, err)
		}
	}
}

// acsUser is s.user as the Authenticator finds them.
func (s *system) acsUser() acsauth.User {
	s.Helper()
	u, err := s.auth.Verify(s.Context(), s.token())
	if err != nil {
		s.Fatal(err)
	}
	return u
}

// An adjustableClock runs only when told to.
type adjustableClock struct {
	mu    sync.Mutex
	ahead time.Duration
	start time.Time
}

func (c *adjustableClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.start.IsZero() {
		c.start = time.Now()
	}
	return c.start.Add(c.ahead)
}

func (c *adjustableClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// Graph shows no mapping, and refuses to create one because there is one.
func TestCreateDespiteStaleReads(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	replica := s.replica()
	s.Graph.FreezeReads(s.user, cloud.Freeze{Reads: 3}) // as it is now: without a mapping
	replica.want(201, "POST", "/api/user")              // one read
	s.ResetCalls()
	a := s.want(200, "POST", "/api/user")
	if a.field("acsUserIdentity") != s.mapped() {
		t.Errorf("answered %s, mapped is %s", a.body, s.mapped())
	}
	if s.CallCount(cloud.OpACSCreate) != 1 {
		t.Error("no second identity was created: the read was not stale")
	}
	s.wantConsistent(1)
}

// Nobody can find out whether the mapping was stored: it goes, and the identity.
func TestCreateGivesUp(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(set *setup) { set.service.Timeout = 500 * time.Millisecond })
	s.want(404, "GET", "/api/user") // loads keys and token
	restore := s.Inject(cloud.Fault{Op: cloud.OpGraphCreate, Hang: true, When: cloud.AfterEffect})
	a := s.want(503, "POST", "/api/user")
	if a.field("error") != "upstream_unavailable" {
		t.Errorf("%s", a.body)
	}
	restore()
	if n := len(s.ACS.Identities()); n != 1 {
		t.Errorf("%d identities were created", n)
	}
	s.wantConsistent(0)
	if open := s.log.lines("identity report left open"); len(open) != 0 {
		t.Errorf("reported as orphaned: %v", open)
	}
	s.want(201, "POST", "/api/user")
	s.wantConsistent(1)
}

// Another tool has left an extension without an identity.
func TestCreateRepairsEmptyExtension(t *testing.T) {
	t.Parallel()
	for name, identity := range map[string]any{"empty": "", "null": nil, "a number": 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			s.Graph.SetExtension(s.user, extensionName, map[string]any{"acsUserIdentity": identity, "other": "x"})
			s.want(404, "GET", "/api/token")
			s.want(201, "POST", "/api/user")
			s.want(201, "GET", "/api/token")
			s.wantConsistent(1)
		})
	}
}

// Graph has not heard everywhere of a deletion: it shows the mapping, and refuses
// to create another.
func TestCreateWhileDeletionSpreads(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.want(201, "POST", "/api/user")
	s.Graph.FreezeReads(s.user, cloud.Freeze{For: 500 * time.Millisecond, Creates: true})
	s.want(204, "DELETE", "/api/user")
	s.want(201, "POST", "/api/user")
	s.wantConsistent(1)
}
