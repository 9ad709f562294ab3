package acsauth_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/movemap"
)

// newJournaled returns a system whose store keeps a journal.
func newJournaled(t *testing.T) (*system, *memoryJournal) {
	t.Helper()
	journal := new(memoryJournal)
	return newSystem(t, func(set *setup) { set.service.Mapper = journal }), journal
}

func (m *memoryJournal) open() (entries []acsauth.JournalEntry) {
	for e := range m.OpenEntries(context.Background(), acsauth.User{}, time.Now().Add(time.Hour)) {
		entries = append(entries, e)
	}
	return entries
}

// left adds an entry that an operation of s.user left open an age ago.
func (m *memoryJournal) left(s *system, kind acsauth.EntryKind, acsID string, age time.Duration) acsauth.JournalEntry {
	e := acsauth.JournalEntry{
		ID: uuid.NewString(), Kind: kind, TenantID: s.user.TenantID, ObjectID: s.user.ObjectID, ACSID: acsID, Opened: time.Now().Add(-age),
	}
	_ = m.OpenEntry(context.Background(), e)
	return e
}

func (s *system) mapTo(acsID string) {
	s.Helper()
	u := acsauth.User{TenantID: s.user.TenantID, ObjectID: s.user.ObjectID}
	if err := s.mapper.Create(s.Context(), u, acsID); err != nil {
		s.Fatal(err)
	}
}

// While an operation is under way its entry says what it is about; afterwards
// there is none.
func TestJournalOfOperations(t *testing.T) {
	t.Parallel()
	s, journal := newJournaled(t)
	var during []acsauth.JournalEntry
	for _, op := range []string{cloud.OpACSCreate, cloud.OpACSDelete} {
		s.Inject(cloud.Fault{Op: op, Do: func() { during = append(during, journal.open()...) }})
	}
	s.want(201, "POST", "/api/user")
	id := s.live()[0]
	s.want(200, "POST", "/api/user")
	s.want(201, "GET", "/api/token")
	s.want(204, "DELETE", "/api/user")
	want := []acsauth.JournalEntry{
		{Kind: acsauth.EntryCreate, TenantID: s.user.TenantID, ObjectID: s.user.ObjectID},
		{Kind: acsauth.EntryDelete, TenantID: s.user.TenantID, ObjectID: s.user.ObjectID, ACSID: id},
	}
	for i, e := range during {
		if uuid.Validate(e.ID) != nil || uuid.Validate(e.RequestID) != nil || time.Since(e.Opened) > time.Minute {
			t.Errorf("entry %+v", e)
		}
		during[i].ID, during[i].RequestID, during[i].Opened = "", "", time.Time{}
	}
	if diff := cmp.Diff(want, during); diff != "" {
		t.Error(diff)
	}
	if open := journal.open(); len(open) != 0 {
		t.Errorf("entries are left: %+v", open)
	}
}

// A mappingJournal writes down the open entries at the time of each Create.
type mappingJournal struct {
	memoryJournal
	during []acsauth.JournalEntry
}

func (m *mappingJournal) Create(ctx context.Context, u acsauth.User, acsID string) error {
	m.during = append(m.during, m.open()...)
	return m.memoryJournal.Create(ctx, u, acsID)
}

// From the moment that an identity has a name, the journal has it too: a process
// that dies before the identity is mapped leaves enough to find it.
func TestJournalNamesIdentities(t *testing.T) {
	t.Parallel()
	journal := new(mappingJournal)
	s := newSystem(t, func(set *setup) { set.service.Mapper = journal })
	s.want(201, "POST", "/api/user")
	if len(journal.during) != 1 || journal.during[0].ACSID != s.live()[0] {
		t.Errorf("entries while %s was being mapped: %+v", s.live()[0], journal.during)
	}
}

// What an operation leaves in the journal if one of its calls fails.
func TestJournalOfFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		fault  cloud.Fault
		method string
		status int
		left   []acsauth.EntryKind
		named  bool // the entry names the identity
	}{
		{"creation refused", cloud.Fault{Op: cloud.OpACSCreate, Status: 403}, "POST", 500, nil, false},
		{"answer to the creation lost", cloud.Fault{Op: cloud.OpACSCreate, Drop: true, When: cloud.AfterEffect}, "POST", 503, []acsauth.EntryKind{acsauth.EntryCreate}, false},
		{"deletion refused", cloud.Fault{Op: cloud.OpACSDelete, Status: 403, Times: 9}, "DELETE", 500, nil, false},
		{"deletion fails", cloud.Fault{Op: cloud.OpACSDelete, Status: 500, Times: 9}, "DELETE", 502, []acsauth.EntryKind{acsauth.EntryDelete}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, journal := newJournaled(t)
			if test.method == "DELETE" {
				s.want(201, "POST", "/api/user")
			}
			s.Inject(test.fault)
			if a := s.call(test.method, "/api/user"); a.status/100 != 5 {
				t.Errorf("%d %s", a.status, a.body)
			}
			var left []acsauth.EntryKind
			for _, e := range journal.open() {
				left = append(left, e.Kind)
				if (e.ACSID != "") != test.named {
					t.Errorf("the entry names %q", e.ACSID)
				}
			}
			if diff := cmp.Diff(test.left, left); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Without an entry in the journal nothing is created and nothing deleted.
func TestJournalFails(t *testing.T) {
	t.Parallel()
	journal := &closedJournal{}
	s := newSystem(t, func(set *setup) { set.service.Mapper = journal })
	s.want(502, "POST", "/api/user")
	if n := len(s.ACS.Identities()); n != 0 {
		t.Errorf("%d identities were created", n)
	}
	s.mapTo("8:acs:" + s.ACS.ResourceID() + "_1")
	before := len(s.Calls())
	s.want(502, "DELETE", "/api/user")
	if calls := s.Calls()[before:]; len(calls) != 0 {
		t.Errorf("calls %+v", calls)
	}
}

// A closedJournal takes no entries.
type closedJournal struct{ memoryJournal }

func (*closedJournal) OpenEntry(context.Context, acsauth.JournalEntry) error {
	return errors.New("no space left")
}

// A user's next call repairs what a process left that died.
func TestRepairByTheNextCall(t *testing.T) {
	t.Parallel()
	for _, call := range []struct {
		name, method, path string
		status             int // without a mapping
	}{
		{"create", "POST", "/api/user", 201},
		{"delete", "DELETE", "/api/user", 204},
		{"token", "GET", "/api/token", 404},
	} {
		t.Run(call.name, func(t *testing.T) {
			t.Parallel()
			s, journal := newJournaled(t)

			stray := s.ACS.AddIdentity() // created, recorded, never mapped
			journal.left(s, acsauth.EntryCreate, stray, time.Hour)
			young := journal.left(s, acsauth.EntryCreate, s.ACS.AddIdentity(), 10*time.Second)
			unknown := journal.left(s, acsauth.EntryCreate, "", time.Hour)
			doomed := s.ACS.AddIdentity() // its deletion had begun
			journal.left(s, acsauth.EntryDelete, doomed, time.Hour)
			s.mapTo(doomed)

			s.want(call.status, call.method, call.path)
			for _, id := range s.live() {
				if id == stray || id == doomed {
					t.Errorf("%s is still alive", id)
				}
			}
			var open []string
			for _, e := range journal.open() {
				open = append(open, e.ID)
			}
			if diff := cmp.Diff([]string{unknown.ID, young.ID}, open); diff != "" {
				t.Errorf("open entries: %s", diff)
			}
		})
	}
}

// What was left while mappings move out of Graph is repaired with the caller's own
// token, which Graph demands.
func TestRepairWhileMovingOutOfGraph(t *testing.T) {
	t.Parallel()
	s, journal := newSystem(t), new(memoryJournal)
	s.want(201, "POST", "/api/user")
	s.configure = append(s.configure, func(set *setup) {
		set.service.Mapper = must(t, movemap.New, movemap.Config{From: s.mapper, To: journal})
	})
	moving := s.replica()
	moving.want(200, "POST", "/api/user")
	mend := s.Inject(cloud.Fault{Op: cloud.OpGraphDelete, Status: 503, Header: http.Header{"Retry-After": {"60"}}})
	moving.want(503, "DELETE", "/api/user")
	if n := len(journal.open()); n != 1 {
		t.Errorf("%d open entries, want that of the deletion", n)
	}
	mend()
	moving.want(204, "DELETE", "/api/user")
	if left := journal.open(); len(left) > 0 {
		t.Errorf("open entries: %+v", left)
	}
	s.wantConsistent(0)
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	s, journal := newJournaled(t)
	s.want(201, "POST", "/api/user")
	mapped := s.live()[0]
	add := func() string { return s.ACS.AddIdentity() }
	stray, gone := add(), "8:acs:"+s.ACS.ResourceID()+"_"+uuid.NewString()
	want := map[string]acsauth.Outcome{
		journal.left(s, acsauth.EntryCreate, mapped, time.Hour).ID: acsauth.OutcomeMapped,
		journal.left(s, acsauth.EntryCreate, stray, time.Hour).ID:  acsauth.OutcomeDeleted,
		journal.left(s, acsauth.EntryDelete, gone, time.Hour).ID:   acsauth.OutcomeDeleted,
		journal.left(s, acsauth.EntryCreate, "", time.Hour).ID:     acsauth.OutcomeUnknown,
	}
	young := journal.left(s, acsauth.EntryCreate, add(), time.Second)
	reconcile := func(o acsauth.ReconcileOptions, want map[string]acsauth.Outcome, open int) {
		t.Helper()
		got := map[string]acsauth.Outcome{}
		o.Progress = func(e acsauth.JournalEntry, outcome acsauth.Outcome, err error) {
			got[e.ID] = outcome
			if err != nil {
				t.Error(err)
			}
		}
		counts := map[acsauth.Outcome]int{}
		for _, outcome := range want {
			counts[outcome]++
		}
		outcomes, err := s.service.Reconcile(t.Context(), o)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got) + cmp.Diff(counts, outcomes); diff != "" {
			t.Error(diff)
		}
		if n := len(journal.open()); n != open {
			t.Errorf("%d entries are open, want %d", n, open)
		}
	}
	before := len(s.Calls())
	reconcile(acsauth.ReconcileOptions{DryRun: true}, want, 5)
	if calls := s.Calls()[before:]; len(calls) != 0 {
		t.Errorf("a dry run made calls: %+v", calls)
	}
	reconcile(acsauth.ReconcileOptions{}, want, 2)
	unknown := map[string]acsauth.Outcome{}
	for id, outcome := range want {
		if outcome == acsauth.OutcomeUnknown {
			unknown[id] = outcome
		}
	}
	reconcile(acsauth.ReconcileOptions{}, unknown, 2) // it can be repeated
	reconcile(acsauth.ReconcileOptions{DropUnknown: true}, unknown, 1)
	reconcile(acsauth.ReconcileOptions{MinAge: time.Nanosecond}, map[string]acsauth.Outcome{young.ID: acsauth.OutcomeDeleted}, 0)
	if live := s.live(); len(live) != 1 || live[0] != mapped {
		t.Errorf("live are %v, want only %s", live, mapped)
	}
}

// What cannot be repaired stays, and does not keep others from being repaired.
func TestReconcileFails(t *testing.T) {
	t.Parallel()
	s, journal := newJournaled(t)
	journal.left(s, acsauth.EntryCreate, s.ACS.AddIdentity(), 2*time.Hour)
	journal.left(s, acsauth.EntryCreate, s.ACS.AddIdentity(), time.Hour)
	s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 403, Times: 1})
	outcomes, err := s.service.Reconcile(t.Context(), acsauth.ReconcileOptions{})
	if diff := cmp.Diff(map[acsauth.Outcome]int{acsauth.OutcomeFailed: 1, acsauth.OutcomeDeleted: 1}, outcomes); diff != "" || err == nil {
		t.Error(diff, err)
	}
	if n := len(journal.open()); n != 1 {
		t.Errorf("%d entries are open, want 1", n)
	}
	without := newSystem(t, withMemory)
	if _, err := without.service.Reconcile(t.Context(), acsauth.ReconcileOptions{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without a journal: %v", err)
	}
}
