package graphmap_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

// LookupRenew signs with the first key what another signed, or nobody.
func TestLookupRenew(t *testing.T) {
	t.Parallel()
	const signature2 = "v1.e3e16780.T1HiifEdk5aV7KJFcutO7rIzx0o7NRj01WZ5Km4_71c" // by key2, computed as goldenSignature
	signed := map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature}
	unsigned := map[string]any{"acsUserIdentity": acsID(1)}
	rotated := func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key2, key1} }
	renewed := map[string]any{"@odata.type": odata, "extensionName": extName, "id": extName, "acsUserIdentity": acsID(1), "acsUserIdentitySignature": signature2}
	adopted := maps.Clone(renewed)
	adopted["acsUserIdentitySignature"] = goldenSignature
	tests := []struct {
		name   string
		change func(*graphmap.Config)
		stored map[string]any
		faults []fault
		err    error
		want   map[string]any // nil if nothing changes
		ops    string
	}{
		{"signed with the first key", nil, signed, nil, nil, nil, "lookup"},
		{"signed with an old key", rotated, signed, nil, nil, renewed, "lookup patch"},
		{"the old key has gone", func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key2} }, signed, nil, acsauth.ErrMappingInvalid, nil, "lookup"},
		{"adopted", policies["adopt"], unsigned, nil, nil, adopted, "lookup patch"},
		{"too late", policies["adopt, late"], unsigned, nil, acsauth.ErrMappingInvalid, nil, "lookup"},
		{"trusted", policies["trust"], unsigned, nil, nil, nil, "lookup"},
		{"refused", nil, unsigned, nil, acsauth.ErrMappingInvalid, nil, "lookup"},
		{"no mapping", rotated, map[string]any{}, nil, acsauth.ErrNotMapped, nil, "lookup"},
		{"update forbidden", rotated, signed, []fault{{op: "patch", status: 403}}, nil, nil, "lookup patch"},
		{"update fails", rotated, signed, []fault{{op: "patch", status: 503, header: soon}}, nil, nil, "lookup patch"},
		{"deleted meanwhile", rotated, signed, []fault{{op: "patch", status: 404, body: envelope("ResourceNotFound", "Extension with given id not found.")}}, nil, nil, "lookup patch"},
	}
	for _, tt := range tests {
		for _, patch200 := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				g := newGraph(t)
				g.patch200 = patch200
				g.put(user(1), maps.Clone(tt.stored))
				before := g.stored(user(1))
				for _, f := range tt.faults {
					g.fault(f)
				}
				m := overTLS(t, g, tt.change)
				got, err := m.LookupRenew(t.Context(), user(1))
				if !errors.Is(err, tt.err) || (err == nil) != (got == acsID(1)) {
					t.Errorf("LookupRenew = %q, %v; want error %v", got, err, tt.err)
				}
				want := tt.want
				if want == nil {
					want = before
				}
				if diff := cmp.Diff(want, g.stored(user(1))); diff != "" {
					t.Errorf("stored (-want +got):\n%s", diff)
				}
				if ops := strings.Join(g.seen(), " "); ops != tt.ops {
					t.Errorf("requests %s, want %s", ops, tt.ops)
				}
				if tt.want != nil {
					if _, err := m.LookupRenew(t.Context(), user(1)); err != nil || len(g.seen()) != 3 {
						t.Errorf("a second LookupRenew: %v, %v", err, g.seen())
					}
				}
			})
		}
	}
}

// Lookup never writes, whatever LookupRenew would do.
func TestLookupDoesNotRenew(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	g.put(user(1), map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature})
	m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key2, key1} })
	if got, err := m.Lookup(t.Context(), user(1)); got != acsID(1) || err != nil || len(g.seen()) != 1 {
		t.Errorf("Lookup = %q, %v with requests %v", got, err, g.seen())
	}
}

// The end of an adoption is looked at for every request, not at construction.
func TestAdoptionEnds(t *testing.T) {
	t.Parallel()
	now := noon.Add(-time.Hour)
	g := newGraph(t)
	g.put(user(1), map[string]any{"acsUserIdentity": acsID(1)})
	m := overTLS(t, g, func(cfg *graphmap.Config) {
		cfg.Unsigned, cfg.AdoptUntil, cfg.Now = graphmap.AdoptUnsigned, noon, func() time.Time { return now }
	})
	if _, err := m.Lookup(t.Context(), user(1)); err != nil {
		t.Errorf("an hour before: %v", err)
	}
	now = noon
	if _, err := m.Lookup(t.Context(), user(1)); !errors.Is(err, acsauth.ErrMappingInvalid) {
		t.Errorf("at the end: %v, want ErrMappingInvalid", err)
	}
}
