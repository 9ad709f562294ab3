package acsauth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// A stubborn store keeps its mappings in memory, and refuses to create or to delete.
type stubborn struct {
	acsauth.MemoryMapper
	create, delete error // nil: it does
}

func (s *stubborn) Create(ctx context.Context, u acsauth.User, acsID string) error {
	if s.create != nil {
		return s.create
	}
	return s.MemoryMapper.Create(ctx, u, acsID)
}

func (s *stubborn) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	if s.delete != nil {
		return s.delete
	}
	return s.MemoryMapper.Delete(ctx, u, acsID)
}

// events is what happens to identities and tokens, and what of it is counted: what the
// audit log has, and what was left to be repaired.
var events = []struct {
	name      string
	configure func(*setup)
	do        func(s *system)
	counted   string // in the order of their names
}{
	{"created", withMemory, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.want(200, "POST", "/api/user") // which changes nothing
	}, "identity_created"},
	{"created along with its token", provisioning, func(s *system) {
		s.want(201, "GET", "/api/token")
	}, "identity_created token_issued"},
	{"a token issued", withMemory, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.want(201, "GET", "/api/token")
		s.want(201, "GET", "/api/token")
	}, "identity_created token_issued token_issued"},
	{"revoked", withMemory, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.want(204, "POST", "/api/token/revoke")
	}, "identity_created tokens_revoked"},
	{"deleted", withMemory, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.want(204, "DELETE", "/api/user")
		s.want(204, "DELETE", "/api/user") // which changes nothing
	}, "identity_created identity_deleted"},
	{"a Teams user's token exchanged", withMemory, func(s *system) {
		s.send(request{method: "GET", path: "/api/token/teams", header: teamsToken(cloud.TokenOptions{})(s)})
	}, "teams_token_exchanged"},
	{"not let in", withMemory, func(s *system) {
		s.send(request{method: "GET", path: "/api/user", header: http.Header{"Authorization": nil}})
		s.send(request{method: "GET", path: "/api/user", header: bearer(cloud.TokenOptions{Scope: "other"})(s)})
	}, "request_refused request_refused"},

	// Compensated: what could not be mapped is deleted again.
	{"created and not mapped", func(set *setup) {
		set.service.Mapper = &stubborn{create: acsauth.ErrNotStored}
	}, func(s *system) {
		s.want(502, "POST", "/api/user")
	}, "identity_discarded"},

	// Orphaned, perhaps.
	{"the answer to a creation got lost", withMemory, func(s *system) {
		s.Inject(cloud.Fault{Op: cloud.OpACSCreate, Drop: true, When: cloud.AfterEffect, Times: 1})
		s.want(503, "POST", "/api/user")
	}, "create_unfinished"},
	{"created, and neither mapped nor deleted", func(set *setup) {
		set.service.Mapper = &stubborn{create: acsauth.ErrNotStored}
	}, func(s *system) {
		s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 403})
		s.want(502, "POST", "/api/user")
	}, "create_unfinished"},

	// Abandoned half-way.
	{"deleted, and still mapped", func(set *setup) {
		set.service.Mapper = &stubborn{delete: context.DeadlineExceeded}
	}, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.want(504, "DELETE", "/api/user")
	}, "delete_unfinished identity_created identity_deleted"},
	{"perhaps not deleted", withMemory, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 500})
		s.want(503, "DELETE", "/api/user")
	}, "delete_unfinished identity_created"},
	{"certainly not deleted", withMemory, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 403})
		s.want(500, "DELETE", "/api/user")
	}, "identity_created"},

	// Healed.
	{"gone", nil, func(s *system) {
		s.want(201, "POST", "/api/user")
		s.ACS.DeleteIdentity(s.mapped())
		s.want(404, "GET", "/api/token")
	}, "identity_created mapping_removed_gone"},
	{"gone, and replaced", provisioning, func(s *system) {
		s.want(201, "GET", "/api/token")
		s.ACS.DeleteIdentity(s.live()[0])
		s.want(201, "GET", "/api/token")
	}, "identity_created identity_created mapping_removed_gone token_issued token_issued"},
	{"of another resource", withMemory, func(s *system) {
		mapForeign(s)
		s.want(204, "DELETE", "/api/user")
	}, "identity_created identity_deleted mapping_removed_foreign"},
	{"of another resource, and replaced", func(set *setup) {
		withMemory(set)
		set.service.ReplaceForeign = true
	}, func(s *system) {
		mapForeign(s)
		s.want(201, "POST", "/api/user")
	}, "identity_created identity_created identity_deleted mapping_removed_foreign"},
	{"tampered with", nil, func(s *system) {
		s.tamper("8:acs:" + s.ACS.ResourceID() + "_1")
		s.want(204, "DELETE", "/api/user")
	}, "mapping_removed_invalid"},

	// Repaired, after a process has died.
	{"repaired by the user's next call", journaled, func(s *system) {
		journal := s.mapper.(*memoryJournal)
		journal.left(s, acsauth.EntryCreate, s.ACS.AddIdentity(), time.Hour)
		journal.left(s, acsauth.EntryDelete, s.ACS.AddIdentity(), time.Hour)
		s.want(404, "GET", "/api/token")
	}, "identity_repaired identity_repaired"},
	{"repaired by Reconcile", journaled, func(s *system) {
		journal := s.mapper.(*memoryJournal)
		journal.left(s, acsauth.EntryCreate, s.ACS.AddIdentity(), time.Hour)
		journal.left(s, acsauth.EntryDelete, s.ACS.AddIdentity(), time.Hour)
		journal.left(s, acsauth.EntryCreate, "", time.Hour) // nobody knows which
		for range 2 {                                       // the second finds nothing to repair
			if _, err := s.service.Reconcile(s.Context(), acsauth.ReconcileOptions{}); err != nil {
				s.Error(err)
			}
		}
	}, "identity_repaired identity_repaired"},
	{"looked at by Reconcile", journaled, func(s *system) {
		s.mapper.(*memoryJournal).left(s, acsauth.EntryCreate, s.ACS.AddIdentity(), time.Hour)
		if _, err := s.service.Reconcile(s.Context(), acsauth.ReconcileOptions{DryRun: true}); err != nil {
			s.Error(err)
		}
	}, ""},
}

func journaled(set *setup) { set.service.Mapper = new(memoryJournal) }

func provisioning(set *setup) {
	withMemory(set)
	set.service.AutoProvision = true
}

func TestEvents(t *testing.T) {
	t.Parallel()
	for _, test := range events {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			recorder := telemetrytest.New()
			s := newSystem(t, observed(recorder), func(set *setup) {
				set.acs.MaxRetries = -1
				if test.configure != nil {
					test.configure(set)
				}
			})
			test.do(s)

			counted, audited := map[string]int64{}, map[string]int64{}
			for key, n := range recorder.Counts(t) {
				if event, ok := strings.CutPrefix(key, "acsauth.identity.events event="); ok {
					counted[event] = n
				}
			}
			for _, line := range s.log.lines("audit") {
				audited[line["event"].(string)]++
			}
			want := map[string]int64{}
			for _, event := range strings.Fields(test.counted) {
				want[event]++
			}
			if diff := cmp.Diff(want, counted); diff != "" {
				t.Errorf("counted: %s", diff)
			}
			// The log has the same, but for what is left unfinished, which it reports.
			for event := range want {
				if strings.HasSuffix(event, "_unfinished") {
					delete(want, event)
					if n := len(s.log.lines("identity report left open")); event == "create_unfinished" && n != 1 {
						t.Errorf("%d reports are left open, want 1", n)
					}
				}
			}
			if diff := cmp.Diff(want, audited); diff != "" {
				t.Errorf("audited: %s", diff)
			}
		})
	}
}
