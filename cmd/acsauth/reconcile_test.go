package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

const (
	tenant = "aaaaaaaa-1111-4222-8333-444444444444"
	alice  = "a0000000-1111-4222-8333-444444444444"
	bob    = "b0000000-1111-4222-8333-444444444444"
	carol  = "c0000000-1111-4222-8333-444444444444"
	dave   = "d0000000-1111-4222-8333-444444444444"
)

var longAgo = time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)

// left adds an entry that an operation left open. Its id is that of the user.
func (w *world) left(kind acsauth.EntryKind, objectID, acsID string, opened time.Time) {
	w.Helper()
	e := acsauth.JournalEntry{
		ID: objectID, Kind: kind, TenantID: tenant, ObjectID: objectID, ACSID: acsID, RequestID: "request-of-" + objectID[:1], Opened: opened,
	}
	if err := w.store().OpenEntry(w.Context(), e); err != nil {
		w.Fatal(err)
	}
}

// leftovers returns a world in which four operations did not come to their end:
// Alice's creation did all but close its entry, Bob's did not map his identity,
// Carol's deletion did nothing, and nobody knows what Dave's creation did. The
// identities are those of Alice, Bob and Carol.
func leftovers(t *testing.T) (w *world, ids [3]string) {
	t.Helper()
	w = newWorld(t)
	for i := range ids {
		ids[i] = w.cloud.ACS.AddIdentity()
	}
	w.mapTo(acsauth.User{TenantID: tenant, ObjectID: alice}, ids[0])
	w.mapTo(acsauth.User{TenantID: tenant, ObjectID: carol}, ids[2])
	w.left(acsauth.EntryCreate, alice, ids[0], longAgo)
	w.left(acsauth.EntryCreate, bob, ids[1], longAgo.Add(time.Second))
	w.left(acsauth.EntryDelete, carol, ids[2], longAgo.Add(2*time.Second))
	w.left(acsauth.EntryCreate, dave, "", longAgo.Add(3*time.Second))
	w.cloud.ResetCalls()
	return w, ids
}

// A state is what reconciling changes.
type state struct {
	Mapped map[acsauth.Mapping]string
	Open   []string
	Live   []string
}

func (w *world) state() state {
	w.Helper()
	s := state{Mapped: w.mapped(), Open: w.open()}
	for _, identity := range w.cloud.ACS.Identities() {
		if identity.Live {
			s.Live = append(s.Live, identity.ID)
		}
	}
	return s
}

func human(ids [3]string) string {
	return fmt.Sprintf(`2024-02-03T04:05:06Z  create  %[1]s/%[2]s  mapped  %[3]s
2024-02-03T04:05:07Z  create  %[1]s/%[4]s  deleted  %[5]s
2024-02-03T04:05:08Z  delete  %[1]s/%[6]s  deleted  %[7]s
2024-02-03T04:05:09Z  create  %[1]s/%[8]s  unknown
1 mapped, 2 deleted, 1 unknown, 0 failed
`, tenant, alice, ids[0], bob, ids[1], carol, ids[2], dave)
}

// Everything that can be repaired is, with an audit event for each deletion, and
// what is left is left alone by the next run.
func TestReconcile(t *testing.T) {
	t.Parallel()
	w, ids := leftovers(t)
	r := w.run("", "reconcile")
	if diff := cmp.Diff(human(ids), r.Stdout); diff != "" || r.Status != exitOK {
		t.Errorf("status %d, %s\n%s", r.Status, r.Stderr, diff)
	}
	var audited []string
	for line := range strings.Lines(r.Stderr) {
		var event struct {
			Log   string `json:"log"`
			Event string `json:"event"`
			ACSID string `json:"acs_id"`
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		audited = append(audited, event.Log+" "+event.Event+" "+event.ACSID)
	}
	if diff := cmp.Diff([]string{"audit identity_repaired " + ids[1], "audit identity_repaired " + ids[2]}, audited); diff != "" {
		t.Error(diff)
	}
	after := state{Mapped: map[acsauth.Mapping]string{{TenantID: tenant, ObjectID: alice}: ids[0]}, Open: []string{dave}, Live: ids[:1]}
	if diff := cmp.Diff(after, w.state()); diff != "" {
		t.Error(diff)
	}

	again := w.succeed("reconcile")
	if !strings.HasSuffix(again, "\n0 mapped, 0 deleted, 1 unknown, 0 failed\n") {
		t.Error(again)
	}
	dropped := w.succeed("reconcile", "--drop-unknown")
	if !strings.HasSuffix(dropped, "\n0 mapped, 0 deleted, 1 unknown, 0 failed\n") {
		t.Error(dropped)
	}
	if nothing := w.succeed("reconcile"); nothing != "0 mapped, 0 deleted, 0 unknown, 0 failed\n" {
		t.Error(nothing)
	}
	after.Open = nil
	if diff := cmp.Diff(after, w.state()); diff != "" {
		t.Error(diff)
	}
}

// A dry run tells what would be done, and touches neither the store nor ACS.
func TestReconcileDryRun(t *testing.T) {
	t.Parallel()
	w, ids := leftovers(t)
	before := w.state()
	for range 2 {
		if diff := cmp.Diff(result{Stdout: human(ids)}, w.run("", "reconcile", "--dry-run", "--drop-unknown")); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(before, w.state()); diff != "" {
		t.Error(diff)
	}
	if n := w.cloud.CallCount(); n != 0 {
		t.Errorf("ACS was called %d times", n)
	}
}

// For programs there is an object for each entry, and one with the counts.
func TestReconcileJSON(t *testing.T) {
	t.Parallel()
	w, ids := leftovers(t)
	entry := func(objectID, kind, acsID, opened, outcome string) map[string]any {
		e := map[string]any{
			"id": objectID, "kind": kind, "tenantId": tenant, "objectId": objectID, "acsUserIdentity": acsID,
			"requestId": "request-of-" + objectID[:1], "opened": opened, "outcome": outcome,
		}
		if acsID == "" {
			delete(e, "acsUserIdentity")
		}
		return e
	}
	for _, dryRun := range []bool{true, false} {
		want := []map[string]any{
			entry(alice, "create", ids[0], "2024-02-03T04:05:06Z", "mapped"),
			entry(bob, "create", ids[1], "2024-02-03T04:05:07Z", "deleted"),
			entry(carol, "delete", ids[2], "2024-02-03T04:05:08Z", "deleted"),
			entry(dave, "create", "", "2024-02-03T04:05:09Z", "unknown"),
			{"outcomes": map[string]any{"mapped": 1.0, "deleted": 2.0, "unknown": 1.0}, "dryRun": dryRun},
		}
		out := w.succeed("reconcile", "--json", fmt.Sprintf("--dry-run=%t", dryRun))
		if diff := cmp.Diff(want, objects(t, out)); diff != "" {
			t.Errorf("dry run %t:\n%s", dryRun, diff)
		}
	}
}

// objects reads a JSON object a line.
func objects(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, object)
	}
	return all
}

// Young entries are spared, since their operations may be under way.
func TestReconcileMinAge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"by default":   {nil, "0 mapped, 1 deleted, 0 unknown, 0 failed"},
		"two hours":    {[]string{"--min-age", "2h"}, "0 mapped, 0 deleted, 0 unknown, 0 failed"},
		"hardly any":   {[]string{"--min-age", "1ns"}, "0 mapped, 2 deleted, 0 unknown, 0 failed"},
		"half an hour": {[]string{"--min-age=30m"}, "0 mapped, 0 deleted, 0 unknown, 0 failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.left(acsauth.EntryCreate, alice, w.cloud.ACS.AddIdentity(), time.Now().Add(-54*time.Second))
			w.left(acsauth.EntryCreate, bob, w.cloud.ACS.AddIdentity(), time.Now())
			out := w.succeed(append([]string{"reconcile"}, test.args...)...)
			if !strings.HasSuffix("\n"+out, "\n"+test.want+"\n") {
				t.Errorf("%s; want %s", out, test.want)
			}
		})
	}
}

// What fails is told, keeps its entry, and makes the exit status 1; the others are
// repaired all the same, and so is this one by a later run.
func TestReconcileFailure(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		w, ids := leftovers(t)
		restore := w.cloud.Inject(cloud.Fault{Op: cloud.OpACSDelete, Times: 1, Status: 400})
		r := w.run("", "reconcile", fmt.Sprintf("--json=%t", asJSON))
		restore()
		if r.Status != exitFailure || !strings.HasSuffix(r.Stderr, "\nacsauth: 1 journal entries could not be repaired and stay open\n") {
			t.Errorf("%+v", r)
		}
		if asJSON {
			lines := objects(t, r.Stdout)
			if lines[1]["outcome"] != "failed" || lines[1]["error"] == nil || lines[2]["error"] != nil {
				t.Error(lines)
			}
			if diff := cmp.Diff(map[string]any{"mapped": 1.0, "deleted": 1.0, "unknown": 1.0, "failed": 1.0}, lines[4]["outcomes"]); diff != "" {
				t.Error(diff)
			}
		} else if !strings.Contains(r.Stdout, "  failed  "+ids[1]+"  acsidentity: ") || !strings.HasSuffix(r.Stdout, "\n1 mapped, 1 deleted, 1 unknown, 1 failed\n") {
			t.Error(r.Stdout)
		}
		if diff := cmp.Diff([]string{bob, dave}, w.open()); diff != "" {
			t.Error(diff)
		}
		w.succeed("reconcile")
		if diff := cmp.Diff([]string{dave}, w.open()); diff != "" {
			t.Error(diff)
		}
	}
}
