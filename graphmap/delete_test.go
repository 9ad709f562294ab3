package graphmap_test

import (
	"maps"
	"strings"
	"testing"
)

// What Delete removes, by what is stored and what is asked for.
func TestDelete(t *testing.T) {
	t.Parallel()
	signed := map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature}
	unsigned := map[string]any{"acsUserIdentity": acsID(1)}
	forged := map[string]any{"acsUserIdentity": acsID(2), "acsUserIdentitySignature": goldenSignature}
	corrupt := map[string]any{"acsUserIdentity": 7}
	const ours, invalid = "ours", ""
	tests := []struct {
		name    string
		policy  string
		stored  map[string]any
		ask     string
		removed bool
	}{
		{"ours", "refuse", signed, ours, true},
		{"valid, though invalid was asked for", "refuse", signed, invalid, false},
		{"valid, though another was asked for", "refuse", signed, acsID(3), false},
		{"unsigned", "refuse", unsigned, ours, false},
		{"unsigned, as invalid", "refuse", unsigned, invalid, true},
		{"unsigned, trusted", "trust", unsigned, ours, true},
		{"unsigned, trusted, as invalid", "trust", unsigned, invalid, false},
		{"unsigned, adopted", "adopt", unsigned, ours, true},
		{"unsigned, adopted, as invalid", "adopt", unsigned, invalid, false},
		{"unsigned, too late", "adopt, late", unsigned, ours, false},
		{"unsigned, too late, as invalid", "adopt, late", unsigned, invalid, true},
		{"forged", "refuse", forged, acsID(2), false},
		{"forged, as invalid", "refuse", forged, invalid, true},
		{"corrupt", "refuse", corrupt, ours, false},
		{"corrupt, as invalid", "refuse", corrupt, invalid, true},
		{"corrupt, trusted, as invalid", "trust", corrupt, invalid, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			g.put(user(1), maps.Clone(tt.stored))
			g.put(user(1), map[string]any{"extensionName": "com.other"})
			if tt.ask == ours {
				tt.ask = acsID(1)
			}
			m := overTLS(t, g, policies[tt.policy])
			for range 2 { // safe to repeat
				if err := m.Delete(t.Context(), user(1), tt.ask); err != nil {
					t.Fatalf("Delete: %v", err)
				}
			}
			if removed := g.stored(user(1)) == nil; removed != tt.removed {
				t.Errorf("removed: %t, want %t", removed, tt.removed)
			}
			if g.find(user(1).ObjectID, "com.other") == nil {
				t.Error("an extension of somebody else's is gone")
			}
		})
	}
}

// How Delete copes with Graph's answers.
func TestDeleteOutcomes(t *testing.T) {
	t.Parallel()
	absent := envelope("ResourceNotFound", "Extension with given id not found.")
	orphan := envelope("ResourceNotFound", "Parent Object Not Found")
	tests := []struct {
		name   string
		faults []fault
		kind   string // "" for success
		ops    string
	}{
		{"plain", nil, "", "get delete"},
		{"answered with 200", []fault{{op: "delete", after: true, status: 200}}, "", "get delete get"},
		{"a proxy answers with a page", []fault{{op: "delete", status: 200, body: "<html>"}}, "unusable", "get delete get"},
		{"absent", []fault{{op: "get", status: 404, body: absent}}, "", "get"},
		{"gone meanwhile", []fault{{op: "delete", status: 404, body: absent}}, "", "get delete"},
		{"removed, answer lost", []fault{{op: "delete", after: true, times: 1, act: cut}}, "", "get delete delete"},
		{"removed, gateway time-out", []fault{{op: "delete", after: true, times: 1, status: 504, header: soon}}, "", "get delete delete"},
		{"no such user", []fault{{op: "get", status: 404, body: orphan}}, "unusable", "get"},
		{"user gone meanwhile", []fault{{op: "delete", status: 404, body: orphan}}, "unusable", "get delete"},
		{"not found, says a gateway", []fault{{op: "get", status: 404, header: html, body: "<html>"}}, "unusable", "get"},
		{"forbidden", []fault{{op: "delete", status: 403}}, "misconfigured", "get delete"},
		{"down", []fault{{op: "delete", status: 503, header: soon}}, "unavailable", "get delete delete delete"},
		{"reading fails", []fault{{op: "get", status: 429, header: wait}}, "throttled", "get"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t)
			g.put(user(1), map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature})
			for _, f := range tt.faults {
				g.fault(f)
			}
			err := overTLS(t, g, nil).Delete(t.Context(), user(1), acsID(1))
			if tt.kind == "" && err != nil {
				t.Errorf("Delete: %v", err)
			} else if tt.kind != "" {
				wantFailure(t, err, tt.kind)
			}
			if got := strings.Join(g.seen(), " "); got != tt.ops {
				t.Errorf("requests %s, want %s", got, tt.ops)
			}
		})
	}
}
