package graphmap_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

func TestCreateStoresTheMapping(t *testing.T) {
	t.Parallel()
	unsigned := map[string]any{"@odata.type": odata, "extensionName": extName, "id": extName, "acsUserIdentity": acsID(1)}
	signed := maps.Clone(unsigned)
	signed["acsUserIdentitySignature"] = goldenSignature
	for policy, want := range map[string]map[string]any{"refuse": signed, "adopt": signed, "trust": unsigned} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			m := overTLS(t, g, policies[policy])
			if err := m.Create(t.Context(), user(1), acsID(1)); err != nil {
				t.Fatal(err)
			}
			if ops := g.seen(); !slices.Equal(ops, []string{"post"}) {
				t.Errorf("requests %v, want one", ops)
			}
			if diff := cmp.Diff(want, g.stored(user(1))); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			if got, err := m.Lookup(t.Context(), user(1)); got != acsID(1) || err != nil {
				t.Errorf("Lookup = %q, %v", got, err)
			}
			if got, err := m.Lookup(t.Context(), user(2)); !errors.Is(err, acsauth.ErrNotMapped) {
				t.Errorf("Lookup of another user = %q, %v", got, err)
			}
		})
	}
}

// outcome is what a caller of Create can tell.
func outcome(err error) string {
	var parts []string
	for _, is := range []struct {
		err  error
		name string
	}{{acsauth.ErrAlreadyMapped, "already"}, {acsauth.ErrMappingInvalid, "invalid"}, {acsauth.ErrNotStored, "not stored"}} {
		if errors.Is(err, is.err) {
			parts = append(parts, is.name)
		}
	}
	var f acsauth.Failure
	if errors.As(err, &f) {
		parts = append(parts, f.FailureKind())
	}
	switch {
	case err == nil:
		return "stored"
	case len(parts) == 0:
		return "unknown error"
	}
	return strings.Join(parts, ", ")
}

// Which answers to the creation lead to which further requests, and to which
// result. Without "not stored" or "already", nobody knows.
func TestCreateOutcomes(t *testing.T) {
	t.Parallel()
	exists := envelope("Request_BadRequest", "An extension already exists with given id.")
	limit := envelope("Request_BadRequest", "Maximum number of extensions values supported per application is 2.")
	absent := fault{op: "get", status: 404, body: envelope("ResourceNotFound", "Extension with given id not found.")}
	signed := func() map[string]any {
		return map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature}
	}
	other := func(g *fakeGraph, t *testing.T) {
		if err := overTLS(t, g, nil).Create(t.Context(), user(1), acsID(2)); err != nil {
			t.Fatal(err)
		}
		g.ops = nil
	}
	tests := []struct {
		name   string
		before func(g *fakeGraph, t *testing.T)
		stored map[string]any // beforehand
		faults []fault
		want   string
		ops    string
	}{
		{name: "accepted without a body", faults: []fault{{op: "post", after: true, status: 202}}, want: "stored", ops: "post get"},
		{name: "accepted with 200", faults: []fault{{op: "post", after: true, status: 200, body: "{}"}}, want: "stored", ops: "post get"},
		{name: "a proxy answers with a page", faults: []fault{{op: "post", status: 200, body: "<html>"}}, want: "unusable", ops: "post get"},
		{name: "a proxy answers with a page, another is there", before: other, faults: []fault{{op: "post", status: 200, body: "<html>"}}, want: "already", ops: "post get"},

		{name: "ours is there", stored: signed(), want: "stored", ops: "post get"},
		{name: "ours is there, 409", stored: signed(), faults: []fault{{op: "post", status: 409, body: exists}}, want: "stored", ops: "post get"},
		{name: "ours is there, reworded", stored: signed(), faults: []fault{{op: "post", status: 400, body: envelope("Bad", "Nope")}}, want: "stored", ops: "post get"},
		{name: "ours is there, and so is the limit", stored: signed(), faults: []fault{{op: "post", status: 403, body: limit}}, want: "stored", ops: "post get"},
		{name: "another is there", before: other, want: "already", ops: "post get"},
		{name: "ours is there, unsigned", stored: map[string]any{"acsUserIdentity": acsID(1)}, want: "already, invalid", ops: "post get"},
		{name: "another is there, unsigned", stored: map[string]any{"acsUserIdentity": acsID(2)}, want: "already, invalid", ops: "post get"},
		{name: "forged signature", stored: map[string]any{"acsUserIdentity": acsID(2), "acsUserIdentitySignature": goldenSignature}, want: "already, invalid", ops: "post get"},

		{name: "limit of two", faults: []fault{{op: "post", status: 400, body: limit}}, want: "not stored, limit", ops: "post get"},
		{name: "limit of two, 409", faults: []fault{{op: "post", status: 409, body: limit}}, want: "not stored, limit", ops: "post get"},
		{name: "bad request", faults: []fault{{op: "post", status: 400, body: envelope("BadRequest", "POST on non - master workload is not allowed.")}}, want: "not stored, unusable", ops: "post get"},
		{name: "forbidden", faults: []fault{{op: "post", status: 403, body: envelope("Authorization_RequestDenied", "x")}}, want: "not stored, misconfigured", ops: "post"},
		{name: "unauthorized", faults: []fault{{op: "post", status: 401, body: envelope("InvalidAuthenticationToken", "x")}}, want: "not stored, unusable", ops: "post post"},
		{name: "no such user", faults: []fault{{op: "post", status: 404, body: envelope("ResourceNotFound", "Parent Object Not Found")}}, want: "not stored, unusable", ops: "post"},
		{name: "throttled", faults: []fault{{op: "post", status: 429, header: soon}}, want: "not stored, throttled", ops: "post post post"},
		{name: "throttled for long", faults: []fault{{op: "post", status: 429, header: wait}}, want: "not stored, throttled", ops: "post"},
		{name: "throttled once", faults: []fault{{op: "post", times: 1, status: 429, header: soon}}, want: "stored", ops: "post post"},

		{name: "gateway time-out before", faults: []fault{{op: "post", times: 1, status: 504, header: soon}}, want: "stored", ops: "post post"},
		{name: "gateway time-out after", faults: []fault{{op: "post", after: true, times: 1, status: 504, header: soon}}, want: "stored", ops: "post post get"},
		{name: "cut before", faults: []fault{{op: "post", times: 1, act: cut}}, want: "stored", ops: "post post"},
		{name: "cut after", faults: []fault{{op: "post", after: true, times: 1, act: cut}}, want: "stored", ops: "post post get"},
		{name: "down before", faults: []fault{{op: "post", status: 503, header: soon}}, want: "unavailable", ops: "post post post get"},
		{name: "down after", faults: []fault{{op: "post", after: true, status: 503, header: soon}}, want: "stored", ops: "post post post get"},
		{name: "down, another is there", before: other, faults: []fault{{op: "post", status: 503, header: soon}}, want: "already", ops: "post post post get"},
		{name: "not implemented", faults: []fault{{op: "post", status: 501}}, want: "unavailable", ops: "post get"},
		{name: "time-out after, then forbidden, then late", faults: []fault{
			{op: "post", after: true, times: 1, status: 504, header: soon},
			{op: "post", status: 403, body: envelope("AccessDenied", "x")}, absent,
		}, want: "misconfigured", ops: "post post get"},
		{name: "time-out after, then forbidden", faults: []fault{
			{op: "post", after: true, times: 1, status: 504, header: soon},
			{op: "post", status: 403, body: envelope("AccessDenied", "x")},
		}, want: "stored", ops: "post post get"},
		{name: "time-out, then a disagreement, then forbidden", faults: []fault{
			{op: "post", times: 1, status: 504, header: soon},
			{op: "post", times: 1, status: 409, body: exists},
			{op: "post", status: 403, body: envelope("AccessDenied", "x")},
		}, want: "misconfigured", ops: "post post get post get"},
		{name: "conflict, and reading fails", stored: signed(), faults: []fault{{op: "get", status: 403}}, want: "misconfigured", ops: "post get"},
		{name: "conflict, and the user is gone", stored: signed(), faults: []fault{{op: "get", status: 404, body: envelope("ResourceNotFound", "Parent Object Not Found")}}, want: "unusable", ops: "post get"},
		{name: "conflict, and nonsense", stored: signed(), faults: []fault{{op: "get", status: 200, body: `{}`}}, want: "unusable", ops: "post get"},
		{name: "conflict, and another extension", stored: signed(), faults: []fault{{op: "get", status: 200, body: `{"id":"com.other"}`}}, want: "unusable", ops: "post get"},

		// Replicas that disagree.
		{name: "late read", stored: signed(), faults: []fault{{op: "get", times: 2, status: 404, body: absent.body}}, want: "stored", ops: "post get post get post get"},
		{name: "late creation after a deletion", faults: []fault{{op: "post", times: 1, status: 409, body: exists}}, want: "stored", ops: "post get post"},
		{name: "lasting disagreement", stored: signed(), faults: []fault{absent}, want: "unavailable", ops: "post get post get post get post get"},

		// Extensions without an identity, which are in the way.
		{name: "corrupt", stored: map[string]any{"acsUserIdentity": 7, "foreign": "x"}, want: "stored", ops: "post get patch get"},
		{name: "corrupt, late read afterwards", stored: map[string]any{}, faults: []fault{{op: "get", status: 200, body: `{"id":"` + extName + `"}`}}, want: "stored", ops: "post get patch get"},
		{name: "corrupt, and somebody was faster", stored: map[string]any{}, faults: []fault{
			{op: "get", times: 1, status: 200, body: `{"id":"` + extName + `"}`},
			{op: "get", times: 1, status: 200, body: `{"id":"` + extName + `","acsUserIdentity":"` + acsID(2) + `"}`},
		}, want: "already", ops: "post get patch get"},
		{name: "corrupt, then gone", stored: map[string]any{}, faults: []fault{{op: "patch", times: 1, status: 404, body: absent.body}}, want: "stored", ops: "post get patch post get patch get"},
		{name: "corrupt, and forbidden", stored: map[string]any{}, faults: []fault{{op: "patch", status: 403}}, want: "not stored, misconfigured", ops: "post get patch"},
		{name: "corrupt, and a proxy answers with a page", stored: map[string]any{}, faults: []fault{{op: "patch", status: 200, body: "<html>"}}, want: "unusable", ops: "post get patch"},
		{name: "corrupt, and down", stored: map[string]any{}, faults: []fault{{op: "patch", status: 503, header: soon}}, want: "unavailable", ops: "post get patch patch patch"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			if tt.stored != nil {
				g.put(user(1), maps.Clone(tt.stored))
			}
			if tt.before != nil {
				tt.before(g, t)
			}
			for _, f := range tt.faults {
				g.fault(f)
			}
			err := overTLS(t, g, nil).Create(t.Context(), user(1), acsID(1))
			if got := outcome(err); got != tt.want {
				t.Errorf("Create: %s (%v), want %s", got, err, tt.want)
			}
			if got := strings.Join(g.seen(), " "); got != tt.ops {
				t.Errorf("requests %s, want %s", got, tt.ops)
			}
			if stored := g.stored(user(1)); err == nil && (stored["acsUserIdentity"] != acsID(1) || stored["acsUserIdentitySignature"] != goldenSignature || stored["foreign"] != nil) {
				t.Errorf("stored %v", stored)
			}
		})
	}
}

// Graph's own limit, not a canned answer.
func TestCreateMeetsTheLimit(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	g.put(user(1), map[string]any{"extensionName": "com.contoso.one"})
	g.put(user(1), map[string]any{"extensionName": "com.contoso.two"})
	err := overTLS(t, g, nil).Create(t.Context(), user(1), acsID(1))
	wantFailure(t, err, "limit")
	if !errors.Is(err, acsauth.ErrNotStored) || !strings.Contains(err.Error(), "delete one of them") {
		t.Errorf("Create: %v", err)
	}
}

func TestCreateRefusesWhatIsNoIdentity(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := overTLS(t, g, nil)
	for _, id := range []string{"", "8:acs:", "8:orgid:x", "8:acs:a\nb", "8:acs:ä", " " + acsID(1)} {
		if err := m.Create(t.Context(), user(1), id); !errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create(%q): %v, want ErrNotStored", id, err)
		}
	}
	for n, id := range []string{acsID(1), "8:dod-acs:x_y", "8:gcch-acs:x_y"} {
		if err := m.Create(t.Context(), user(n), id); err != nil {
			t.Errorf("Create(%q): %v", id, err)
		}
	}
}

// Of many who create a mapping for one user, one wins, and all agree who.
func TestCreateHasOneWinner(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := overTLS(t, g, nil)
	results := make([]string, 20)
	var wg sync.WaitGroup
	for i := range results {
		wg.Go(func() { results[i] = outcome(m.Create(t.Context(), user(1), acsID(i))) })
	}
	wg.Wait()
	winner, err := m.Lookup(t.Context(), user(1))
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range results {
		want := "already"
		if acsID(i) == winner {
			want = "stored"
		}
		if got != want {
			t.Errorf("creation %d: %s, want %s", i, got, want)
		}
	}
}

// One Mapper serves everybody, and nobody gets another's token.
func TestFiftyUsersAtOnce(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	m := overTLS(t, g, nil)
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			for range 3 {
				if err := m.Create(t.Context(), user(n), acsID(n)); err != nil {
					t.Errorf("user %d: Create: %v", n, err)
				}
				if got, err := m.Lookup(t.Context(), user(n)); got != acsID(n) || err != nil {
					t.Errorf("user %d: Lookup = %q, %v", n, got, err)
				}
				if err := m.Delete(t.Context(), user(n), acsID(n)); err != nil {
					t.Errorf("user %d: Delete: %v", n, err)
				}
				if got, err := m.Lookup(t.Context(), user(n)); !errors.Is(err, acsauth.ErrNotMapped) {
					t.Errorf("user %d: Lookup after Delete = %q, %v", n, got, err)
				}
			}
		})
	}
	wg.Wait()
}

// A disagreement of replicas is waited out for less than two seconds.
func TestLagPauses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGraph(t)
		g.fault(fault{op: "post", status: 409})
		start := time.Now()
		err := inMemory(t, g, nil).Create(t.Context(), user(1), acsID(1))
		if got := outcome(err); got != "unavailable" {
			t.Errorf("Create: %s (%v), want unavailable", got, err)
		}
		if took := time.Since(start); took != 1700*time.Millisecond {
			t.Errorf("took %v, want 0.2 s + 0.5 s + 1 s", took)
		}
	})
}

// A creation of which no answer comes is not called refused.
func TestCreateTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGraph(t)
		g.fault(fault{op: "post", after: true, times: 1, act: hang})
		g.fault(fault{op: "", act: hang})
		m := inMemory(t, g, func(cfg *graphmap.Config) { cfg.AttemptTimeout = time.Second })
		if got := outcome(m.Create(t.Context(), user(1), acsID(1))); got != "timeout" {
			t.Errorf("Create: %s, want timeout", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := newGraph(t)
		g.fault(fault{op: "post", after: true, times: 1, act: hang})
		m := inMemory(t, g, nil)
		if got := outcome(m.Create(t.Context(), user(1), acsID(1))); got != "stored" {
			t.Errorf("Create: %s, want stored, as the second attempt found out", got)
		}
	})
}
