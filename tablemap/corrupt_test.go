package tablemap_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// What somebody else may have written where a mapping should be.
func TestCorruptMappings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		properties map[string]any
	}{
		{"no identity", nil},
		{"empty", map[string]any{"ACSID": ""}},
		{"number", map[string]any{"ACSID": 8}},
		{"boolean", map[string]any{"ACSID": true}},
		{"GUID", map[string]any{"ACSID": "0a1b2c3d-0000-4000-8000-000000000001", "ACSID@odata.type": "Edm.Guid"}},
		{"long number", map[string]any{"ACSID": "8", "ACSID@odata.type": "Edm.Int64"}},
		{"binary", map[string]any{"ACSID": "ODphY3M6", "ACSID@odata.type": "Edm.Binary"}},
		{"time", map[string]any{"ACSID": "2026-01-02T03:04:05Z", "ACSID@odata.type": "Edm.DateTime"}},
		{"blanks", map[string]any{"ACSID": " 8:acs:a"}},
		{"line break", map[string]any{"ACSID": "8:acs:a\n"}},
		{"no ASCII", map[string]any{"ACSID": "8:acs:\u00e9"}},
		{"endless", map[string]any{"ACSID": strings.Repeat("x", 1025)}},
		{"another name", map[string]any{"AcsId": acsID(1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, e engine) {
				w, u := e.newWorld(t), user(1)
				properties := mappingKeys(u)
				maps.Copy(properties, tt.properties)
				w.put(t, properties)
				mustCreate(t, w, user(2), acsID(2))

				if id, err := w.Lookup(t.Context(), u); !errors.Is(err, acsauth.ErrMappingInvalid) || id != "" {
					t.Errorf("Lookup = %q, %v; want ErrMappingInvalid", id, err)
				}
				if err := w.Create(t.Context(), u, acsID(1)); !errors.Is(err, acsauth.ErrAlreadyMapped) || !errors.Is(err, acsauth.ErrMappingInvalid) {
					t.Errorf("Create: %v, want ErrAlreadyMapped and ErrMappingInvalid", err)
				}
				if got := list(t, w); len(got) != 1 || got[0].ACSID != acsID(2) {
					t.Errorf("Mappings = %v, want the valid one alone", got)
				}
				if err := w.Delete(t.Context(), u, acsID(1)); err != nil {
					t.Errorf("Delete: %v", err)
				}
				if _, err := w.Lookup(t.Context(), u); !errors.Is(err, acsauth.ErrMappingInvalid) {
					t.Errorf("Lookup after Delete of a value: %v, want ErrMappingInvalid still", err)
				}
				if err := w.Delete(t.Context(), u, ""); err != nil {
					t.Errorf("Delete: %v", err)
				}
				w.maps(t, u, "")
				mustCreate(t, w, u, acsID(1))
				w.maps(t, u, acsID(1))
				w.maps(t, user(2), acsID(2))
			})
		})
	}
}

// Properties that a mapping need not have, and those that others may have added.
func TestMappingWithOtherProperties(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.newWorld(t)
		for n, more := range []map[string]any{
			{},
			{"Created": "yesterday"},
			{"Created": 7},
			{"Note": "x", "Number": 1, "Since": "2026-01-02T03:04:05Z", "Since@odata.type": "Edm.DateTime"},
		} {
			properties := mappingKeys(user(n))
			maps.Copy(properties, more)
			properties["ACSID"] = acsID(n)
			w.put(t, properties)
			w.maps(t, user(n), acsID(n))
		}
		for _, m := range list(t, w) {
			if !m.Created.IsZero() {
				t.Errorf("%+v was created at a time that nobody knows", m)
			}
		}
	})
}

// Entities that are no mappings at all are neither listed nor in the way.
func TestStrangersInTheTable(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.newWorld(t)
		for _, key := range []string{
			"m_" + resource + "_" + tenantID,       // one id
			"m_" + resource + "_" + tenantID + "_", // an empty one
			"m_" + resource + "__" + tenantID,      // another
			"m_" + resource + "_a_b_c",             // three
			"m_" + resource + "_a_~61",             // an escape of what needs none
			"m_" + resource + "_a_~6",              // half an escape
			"m_" + resource + "_a_%62",             // another kind of escape
			"m_" + resource + "_a_b c",             // no escape where one is needed
			"m_" + resource + "_a_~e9",             // lower case
		} {
			w.put(t, map[string]any{"PartitionKey": key, "RowKey": "mapping", "ACSID": acsID(9)})
		}
		w.put(t, map[string]any{"PartitionKey": mappingKeys(user(1))["PartitionKey"], "RowKey": "other", "ACSID": acsID(9)})
		mustCreate(t, w, user(1), acsID(1))
		if got := list(t, w); len(got) != 1 || got[0].ACSID != acsID(1) {
			t.Errorf("Mappings = %v, want one", got)
		}
		w.maps(t, user(1), acsID(1))
	})
}
