package tablemap_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func newEntry(u acsauth.User, kind acsauth.EntryKind, id string) acsauth.JournalEntry {
	return acsauth.JournalEntry{
		ID: uuid.NewString(), Kind: kind, TenantID: u.TenantID, ObjectID: u.ObjectID, ACSID: id,
		RequestID: "request-7", Opened: time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.UTC),
	}
}

// open returns the open entries of u, or of everybody.
func open(t testing.TB, m acsauth.JournalingMapper, u acsauth.User) (all []acsauth.JournalEntry) {
	t.Helper()
	for e, err := range m.OpenEntries(context.Background(), u, endOfTime) {
		if err != nil {
			t.Fatalf("OpenEntries: %v", err)
		}
		all = append(all, e)
	}
	return all
}

// An entry survives as it was written, to the nanosecond.
func TestEntriesAreExact(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.newWorld(t)
		entry := newEntry(user(1), acsauth.EntryDelete, acsID(1))
		entry.ID, entry.RequestID = "an id/with #odd? \\characters'", "Ü'\"%27"
		if err := w.OpenEntry(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
		for _, u := range []acsauth.User{{}, user(1)} {
			if diff := cmp.Diff([]acsauth.JournalEntry{entry}, open(t, w, u)); diff != "" {
				t.Errorf("open entries (-want +got):\n%s", diff)
			}
		}
		if err := w.CloseEntry(t.Context(), entry); err != nil || open(t, w, acsauth.User{}) != nil {
			t.Errorf("CloseEntry: %v; left: %v", err, open(t, w, acsauth.User{}))
		}
	})
}

// Each call is repeated after a failure that may pass, and comes to the same end.
func TestJournalDisturbed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		fault          fault
		kind           string // of the failure; "" is success
		opens, changes string // requests
	}{
		{"undisturbed", fault{method: "HEAD"}, "", "POST", "PUT DELETE"},
		{"answers lost", fault{times: 1, lost: true}, "", "POST POST", "PUT PUT DELETE DELETE"},
		{"connections cut", fault{times: 1, cut: true}, "", "POST POST", "PUT PUT DELETE DELETE"},
		{"throttled", fault{times: 1, status: 429, header: soon}, "", "POST POST", "PUT PUT DELETE DELETE"},
		{"throttled for long", fault{status: 429, header: wait}, "throttled", "POST", "PUT DELETE"},
		{"down", fault{status: 503, header: soon}, "unavailable", "POST POST POST", "PUT PUT PUT DELETE DELETE DELETE"},
		{"refused", fault{status: 403}, "misconfigured", "POST", "PUT DELETE"},
		{"no table", fault{status: 404, body: refusal("TableNotFound")}, "misconfigured", "POST", "PUT DELETE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, e engine) {
				w, entry := e.newWorld(t), newEntry(user(1), acsauth.EntryCreate, "")
				check := func(call string, err error) {
					t.Helper()
					if tt.kind == "" && err != nil {
						t.Errorf("%s: %v", call, err)
					} else if tt.kind != "" {
						if e := wantFailure(t, err, tt.kind); e.Operation != call {
							t.Errorf("%s: %v", call, err)
						}
					}
				}
				w.fault(tt.fault)
				check("OpenEntry", w.OpenEntry(t.Context(), entry))
				if w.requests() != tt.opens {
					t.Errorf("requests %s, want %s", w.requests(), tt.opens)
				}
				w.clear()
				if tt.kind != "" {
					if err := w.OpenEntry(t.Context(), entry); err != nil {
						t.Fatal(err)
					}
					w.clear()
				}

				entry.ACSID = acsID(1)
				for _, method := range []string{"PUT", "DELETE"} {
					f := tt.fault
					f.method = method
					w.fault(f)
				}
				check("IdentifyEntry", w.IdentifyEntry(t.Context(), entry))
				if got := open(t, w.other(t), user(1)); len(got) != 1 || (got[0].ACSID == acsID(1)) != (tt.kind == "") {
					t.Errorf("after IdentifyEntry: %+v", got)
				}
				check("CloseEntry", w.CloseEntry(t.Context(), entry))
				if got := open(t, w.other(t), user(1)); (len(got) == 0) != (tt.kind == "") {
					t.Errorf("after CloseEntry: %+v", got)
				}
				if w.requests() != tt.changes {
					t.Errorf("requests %s, want %s", w.requests(), tt.changes)
				}
			})
		})
	}
}

// An entity that cannot be read as an entry ends the sequence, after those that can
// and come with it: it may stand for an identity that somebody has to look for.
func TestCorruptEntries(t *testing.T) {
	t.Parallel()
	entity := map[string]any{"Kind": "create", "ACSID": "", "RequestID": "", "Opened": "2026-05-06T07:08:09.5Z"}
	tests := []struct {
		name    string
		changes map[string]any // nil: removed
		ok      bool
	}{
		{"as it should be", map[string]any{}, true},
		{"more than there should be", map[string]any{"Note": 7}, true},
		{"no request", map[string]any{"RequestID": nil}, true},
		{"no kind", map[string]any{"Kind": nil}, false},
		{"kind of another type", map[string]any{"Kind": 1}, false},
		{"no identity", map[string]any{"ACSID": nil}, false},
		{"identity of another type", map[string]any{"ACSID": 1}, false},
		{"identity that is none", map[string]any{"ACSID": "8:acs:a b"}, false},
		{"no time", map[string]any{"Opened": nil}, false},
		{"time in another format", map[string]any{"Opened": "6.5.2026"}, false},
		{"time of another type", map[string]any{"Opened": "2026-05-06T07:08:09Z", "Opened@odata.type": "Edm.DateTime"}, false},
		{"no such user", map[string]any{"PartitionKey": "j_" + resource + "_a_b_c"}, false},
		{"no such id", map[string]any{"RowKey": "~zz"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, e engine) {
				w := e.newWorld(t)
				good := newEntry(user(1), acsauth.EntryCreate, "")
				if err := w.OpenEntry(t.Context(), good); err != nil {
					t.Fatal(err)
				}
				properties := map[string]any{"PartitionKey": "j_" + resource + "_" + tenantID + "_" + user(1).ObjectID, "RowKey": "another"}
				maps.Copy(properties, entity)
				for name, value := range tt.changes {
					if properties[name] = value; value == nil {
						delete(properties, name)
					}
				}
				w.put(t, properties)
				var got []string
				for entry, err := range w.OpenEntries(t.Context(), acsauth.User{}, endOfTime) {
					switch {
					case err != nil:
						if e := wantFailure(t, err, "unusable"); !strings.Contains(e.Error(), fmt.Sprintf("%q", properties["RowKey"])) {
							t.Errorf("%v does not say which entry", e)
						}
						got = append(got, "error")
					case entry == good:
						got = append(got, "good")
					default:
						got = append(got, entry.ID)
					}
				}
				want := "good error"
				if tt.ok {
					want = "good another"
				}
				if strings.Join(got, " ") != want {
					t.Errorf("entries: %s, want %s", strings.Join(got, " "), want)
				}
			})
		})
	}
}

// Reading the entries of everybody passes over neither mappings nor a second page,
// and may be left at any time.
func TestEntriesOfEverybody(t *testing.T) {
	t.Parallel()
	w, service := newFake(t)
	want := map[string]int{}
	for n := range 5 {
		mustCreate(t, w, user(n), acsID(n))
		e := newEntry(user(n), acsauth.EntryCreate, "")
		if err := w.OpenEntry(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		want[e.ID]++
	}
	w.clear()
	service.page = 2
	got := map[string]int{}
	for _, e := range open(t, w, acsauth.User{}) {
		got[e.ID]++
	}
	if diff := cmp.Diff(want, got); diff != "" || w.requests() != "GET GET GET" {
		t.Errorf("with %s (-want +got):\n%s", w.requests(), diff)
	}
	w.clear()
	for range w.OpenEntries(t.Context(), acsauth.User{}, endOfTime) {
		break
	}
	if w.requests() != "GET" {
		t.Errorf("requests after the end: %s", w.requests())
	}
	w.clear()
	w.fault(fault{skip: 1, status: 403})
	var last error
	count := 0
	for _, err := range w.OpenEntries(t.Context(), acsauth.User{}, endOfTime) {
		count, last = count+1, err
	}
	wantFailure(t, last, "misconfigured")
	if count != 3 {
		t.Errorf("%d turns, want two entries and the error", count)
	}
}

func TestEntriesThatCannotBeStored(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	for name, change := range map[string]func(*acsauth.JournalEntry){
		"no id":             func(e *acsauth.JournalEntry) { e.ID = "" },
		"long id":           func(e *acsauth.JournalEntry) { e.ID = strings.Repeat("x", 256) },
		"long request":      func(e *acsauth.JournalEntry) { e.RequestID = strings.Repeat("x", 257) },
		"identity no ASCII": func(e *acsauth.JournalEntry) { e.ACSID = "8:acs:\u00e9" },
		"long user":         func(e *acsauth.JournalEntry) { e.ObjectID = strings.Repeat("x", 512) },
	} {
		e := newEntry(user(1), acsauth.EntryCreate, "")
		change(&e)
		for call, err := range map[string]error{
			"OpenEntry":     w.OpenEntry(t.Context(), e),
			"IdentifyEntry": w.IdentifyEntry(t.Context(), e),
			"CloseEntry":    w.CloseEntry(t.Context(), e),
		} {
			if got := wantFailure(t, err, "unusable"); got.Operation != call {
				t.Errorf("%s, %s: %v", name, call, err)
			}
		}
	}
	for _, u := range []acsauth.User{{TenantID: tenantID}, {ObjectID: tenantID}, {TenantID: tenantID, ObjectID: strings.Repeat("x", 512)}} {
		var last error
		for _, err := range w.OpenEntries(t.Context(), u, endOfTime) {
			last = err
		}
		wantFailure(t, last, "unusable")
	}
	if w.requests() != "" {
		t.Errorf("requests were sent: %s", w.requests())
	}
}
