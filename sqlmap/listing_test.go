package sqlmap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// A list of several pages has everything once, in order, with the time at which it
// was stored. Sorting is by bytes, whatever the collation of the database.
func TestMappings(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			at := noon
			m := d.mapper(t, d.open(t), func(cfg *sqlmap.Config) { cfg.Now = func() time.Time { return at } })
			var want []acsauth.Mapping
			for i := range 600 {
				// One tenant fills a page, and more. Letter case and accents
				// would be sorted in another way by most collations.
				tenant := []string{"A", "a", "Ä", "b"}[i%4]
				if i < 300 {
					tenant = "B"
				}
				at = at.Add(time.Microsecond)
				mapping := acsauth.Mapping{TenantID: tenant, ObjectID: fmt.Sprint([]string{"u", "U", "ü"}[i%3], i), ACSID: newID(), Created: at}
				create(t, m, acsauth.User{TenantID: mapping.TenantID, ObjectID: mapping.ObjectID}, mapping.ACSID)
				want = append(want, mapping)
			}
			slices.SortFunc(want, func(a, b acsauth.Mapping) int {
				return strings.Compare(a.TenantID+"\x00"+a.ObjectID, b.TenantID+"\x00"+b.ObjectID)
			})
			lists(t, m, want...)

			// What is stored again keeps its time.
			at = late
			create(t, m, acsauth.User{TenantID: want[0].TenantID, ObjectID: want[0].ObjectID}, want[0].ACSID)
			lists(t, m, want...)
		})
	}
}

// Whoever reads a list may use the store meanwhile, even if there is only one
// connection, and may change what is listed.
func TestListsHoldNothing(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			db := d.open(t)
			db.SetMaxOpenConns(1)
			m := d.mapper(t, db)
			const n = 300
			for range n {
				u := newUser()
				create(t, m, u, newID())
				open(t, m, u) // all at the same time
			}
			deleted, closed := 0, 0
			for mapping, err := range m.Mappings(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				if err := m.Delete(t.Context(), acsauth.User{TenantID: mapping.TenantID, ObjectID: mapping.ObjectID}, mapping.ACSID); err != nil {
					t.Fatal(err)
				}
				deleted++
			}
			for e, err := range m.OpenEntries(t.Context(), acsauth.User{}, late) {
				if err != nil {
					t.Fatal(err)
				}
				if err := m.CloseEntry(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				closed++
			}
			if deleted != n || closed != n {
				t.Errorf("%d mappings and %d entries were listed, want %d of each", deleted, closed, n)
			}
			lists(t, m)
			listsEntries(t, m, acsauth.User{})
		})
	}
}

// The journal lists what was opened before a moment, by age, for everybody and for
// one user alike.
func TestOpenEntries(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			m := d.mapper(t, d.open(t))
			u := newUser()
			other := acsauth.User{TenantID: u.TenantID, ObjectID: newUser().ObjectID}
			var all, own []acsauth.JournalEntry
			for i := range 600 {
				e := newEntry([]acsauth.User{u, other}[i%2])
				e.ID = fmt.Sprintf("%04d", i)
				e.Kind = []acsauth.EntryKind{acsauth.EntryCreate, acsauth.EntryDelete}[i%3%2]
				e.Opened = noon.Add(time.Duration(i/200) * time.Microsecond) // many at the same time
				if err := m.OpenEntry(t.Context(), e); err != nil {
					t.Fatal(err)
				}
				if all = append(all, e); i%2 == 0 {
					own = append(own, e)
				}
			}
			listsEntries(t, m, acsauth.User{}, all...)
			listsEntries(t, m, u, own...)
			listsEntries(t, m, acsauth.User{TenantID: newUser().TenantID, ObjectID: u.ObjectID})
			listsEntries(t, m, acsauth.User{TenantID: u.TenantID})
			listsEntries(t, m, acsauth.User{ObjectID: u.ObjectID})

			before := func(u acsauth.User, before time.Time) (n int) {
				for _, err := range m.OpenEntries(t.Context(), u, before) {
					if err != nil {
						t.Fatal(err)
					}
					n++
				}
				return n
			}
			if n := before(acsauth.User{}, noon.Add(time.Microsecond)); n != 200 {
				t.Errorf("%d entries are from before the second moment, want 200", n)
			}
			if n := before(u, noon.Add(time.Microsecond)); n != 100 {
				t.Errorf("%d entries of a user are from before the second moment, want 100", n)
			}
			if n := before(acsauth.User{}, noon); n != 0 {
				t.Errorf("%d entries are from before the first moment, want none", n)
			}
		})
	}
}

// The journal refuses what it could not keep as it is.
func TestJournalTexts(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		d = d.migrated(t)
		m := d.mapper(t, d.open(t))
		for name, change := range map[string]func(e *acsauth.JournalEntry){
			"no id":                func(e *acsauth.JournalEntry) { e.ID = "" },
			"id too long":          func(e *acsauth.JournalEntry) { e.ID = long(256) },
			"no tenant id":         func(e *acsauth.JournalEntry) { e.TenantID = "" },
			"no object id":         func(e *acsauth.JournalEntry) { e.ObjectID = "" },
			"kind not UTF-8":       func(e *acsauth.JournalEntry) { e.Kind = "\xff" },
			"request id too long":  func(e *acsauth.JournalEntry) { e.RequestID = long(256) },
			"NUL in the identity":  func(e *acsauth.JournalEntry) { e.ACSID = "\x00" },
			"identity too long":    func(e *acsauth.JournalEntry) { e.ACSID = long(1025) },
			"NUL in the object id": func(e *acsauth.JournalEntry) { e.ObjectID = "\x00" },
		} {
			e := newEntry(newUser())
			change(&e)
			if err := m.OpenEntry(t.Context(), e); err == nil {
				t.Errorf("%s: OpenEntry kept an entry with %s", d.name, name)
			}
			if err := m.CloseEntry(t.Context(), e); err != nil {
				t.Errorf("%s: CloseEntry of an entry with %s: %v", d.name, name, err)
			}
		}
		e := open(t, m, newUser())
		for _, id := range []string{"", "\xff", long(1025)} {
			changed := e
			changed.ACSID = id
			if err := m.IdentifyEntry(t.Context(), changed); err == nil {
				t.Errorf("%s: IdentifyEntry took %.10q", d.name, id)
			}
		}
		listsEntries(t, m, acsauth.User{}, e)
	}
}

// The table takes no mapping without an identity, whoever writes it: Delete leaves it
// to the table that there are no invalid ones.
func TestNoEmptyIdentityInTheTable(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		d = d.migrated(t)
		db := d.open(t)
		create(t, d.mapper(t, db), newUser(), newID())
		_, err := db.ExecContext(t.Context(), "INSERT INTO acsauth_mappings SELECT 'elsewhere', tenant_id, object_id, '', created FROM acsauth_mappings")
		if err == nil || !strings.Contains(err.Error(), "acs_id") {
			t.Errorf("%s: %v; want a refusal of acs_id", d.name, err)
		}
	}
}
