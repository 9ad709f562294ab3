package tablemap_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// Whatever a user's ids are, the mapping is theirs, and is listed with these ids;
// or it is refused.
func FuzzKeys(f *testing.F) {
	for _, ids := range [][2]string{
		{tenantID, user(1).ObjectID}, {"a", "b_c"}, {"a_b", "c"}, {"a~5Fb", "c"}, {"~", "~~"}, {"/", `\`}, {"#", "?"},
		{"%", "%25"}, {"'", "''"}, {"\x00", "\x7f"}, {"\xff", "\u00e9"}, {"a", ""}, {"mapping", "MAPPING"},
		{strings.Repeat("x", 400), "y"}, {strings.Repeat("/", 170), "y"},
	} {
		f.Add(ids[0], ids[1])
	}
	f.Fuzz(func(t *testing.T, tenant, object string) {
		w, _ := newFake(t)
		u := acsauth.User{TenantID: tenant, ObjectID: object}
		if err := w.Create(t.Context(), u, acsID(1)); err != nil {
			if !errors.Is(err, acsauth.ErrNotStored) || w.requests() != "" {
				t.Errorf("Create: %v after %q", err, w.requests())
			}
			return
		}
		w.maps(t, u, acsID(1))
		if got := list(t, w); len(got) != 1 || got[0].TenantID != tenant || got[0].ObjectID != object {
			t.Errorf("Mappings = %+v", got)
		}
		e := newEntry(u, acsauth.EntryCreate, "")
		if err := w.OpenEntry(t.Context(), e); err != nil {
			t.Errorf("OpenEntry: %v", err)
		}
		if got := open(t, w, u); len(got) != 1 || got[0] != e {
			t.Errorf("open entries %+v, want %+v", got, e)
		}
	})
}

// Whatever answers, nothing but an identity comes out.
func FuzzAnswers(f *testing.F) {
	partition := mappingKeys(user(1))["PartitionKey"].(string)
	for _, body := range []string{
		`{"PartitionKey":"` + partition + `","RowKey":"mapping","ACSID":"8:acs:a"}`,
		`{"PartitionKey":"` + partition + `","ACSID":"8:acs:a","ACSID@odata.type":"Edm.Guid"}`,
		`{"PartitionKey":"` + partition + `","ACSID":{"x":[1]},"ACSID@odata.type":7}`,
		`{"value":[{"PartitionKey":"` + partition + `","RowKey":"mapping","ACSID":"8:acs:a"},{},null,1]}`,
		`{"value":[{"PartitionKey":"j_` + resource + `_a_b","RowKey":"x","Kind":"create","ACSID":"","Opened":"2026-01-01T00:00:00Z"}]}`,
		`{"value":null}`, `{"value":{}}`, `null`, `[]`, `"x"`, ``, `<html>`,
		refusal("ResourceNotFound"), refusal("TableNotFound"), `{"odata.error":[]}`,
	} {
		for _, status := range []int{200, 201, 204, 302, 400, 404, 409, 412, 500} {
			f.Add(status, body)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			w, _ := newFake(t)
			w.fault(fault{status: status, header: http.Header{"Etag": {"x"}, "Retry-After": {"99"}}, body: body})
			check := func(id string) {
				if id == "" || strings.ContainsAny(id, " \n") {
					t.Errorf("%q is no identity", id)
				}
			}
			if id, err := w.Lookup(t.Context(), user(1)); err == nil {
				check(id)
			}
			for m, err := range w.Mappings(t.Context()) {
				if err == nil {
					check(m.ACSID)
				}
			}
			for e, err := range w.OpenEntries(t.Context(), acsauth.User{}, endOfTime) {
				if err == nil && e.ACSID != "" {
					check(e.ACSID)
				}
			}
			if err := w.Create(t.Context(), user(1), acsID(1)); errors.Is(err, acsauth.ErrNotStored) && (status < 400 || status >= 500) {
				t.Errorf("Create: %v after status %d", err, status)
			}
			_ = w.Delete(t.Context(), user(1), acsID(1))
		})
	})
}
