package sqlmap_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// The contract of stores holds on every engine, in each of the ways that it may be
// set up.
func TestContract(t *testing.T) {
	t.Parallel()
	for _, d := range variants(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			m := d.mapper(t, d.open(t))
			acsauthtest.TestMapper(t, func(*testing.T) acsauth.IdentityMapper { return m }, nil)
		})
	}
}

// variants returns empty databases, and handles to them that are set up in ways that
// could make a difference.
func variants(t *testing.T) []database {
	t.Helper()
	all := databases(t)
	for _, d := range all {
		all = append(all, database{d.name + ", one connection", d.dialect, func(t testing.TB) *sql.DB {
			db := d.open(t)
			db.SetMaxOpenConns(1)
			return db
		}})
	}
	all = append(all, database{"SQLite, no settings", sqlmap.SQLite, withDSN("file:" + t.TempDir() + "/rollback.db")})
	config := postgresConfig(t)
	if config == nil {
		return all
	}
	serializable := config.Copy()
	serializable.RuntimeParams["default_transaction_isolation"] = "serializable"
	unprepared := config.Copy()
	unprepared.DefaultQueryExecMode = pgx.QueryExecModeExec
	simple := config.Copy()
	simple.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for name, config := range map[string]*pgx.ConnConfig{"serializable": serializable, "unprepared": unprepared, "simple protocol": simple} {
		d := postgresDatabase(t, config)
		d.name += ", " + name
		all = append(all, d)
	}
	return all
}

func withDSN(dsn string) func(testing.TB) *sql.DB {
	return func(t testing.TB) *sql.DB { return openSQLite(t, dsn) }
}

// What one handle stored the others see, and of those that create at the same
// moment one wins.
func TestHandles(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			handles := make([]*sqlmap.Mapper, 4)
			for i := range handles {
				handles[i] = d.mapper(t, d.open(t))
			}
			for range 25 {
				u := newUser()
				ids, errs := make([]string, len(handles)), make([]error, len(handles))
				atOnce(len(handles), func(i int) {
					ids[i] = newID()
					errs[i] = handles[i].Create(t.Context(), u, ids[i])
				})
				var winners []string
				for i, err := range errs {
					if err == nil {
						winners = append(winners, ids[i])
					} else if !errors.Is(err, acsauth.ErrAlreadyMapped) {
						t.Errorf("Create: %v; want nil or ErrAlreadyMapped", err)
					}
				}
				if len(winners) != 1 {
					t.Fatalf("%d handles won", len(winners))
				}
				for _, m := range handles {
					maps(t, m, u, winners[0])
				}
			}
		})
	}
}

// ACS resources that share a database have nothing to do with each other.
func TestResourcesApart(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			d = d.migrated(t)
			db := d.open(t)
			ours := d.mapper(t, db)
			theirs := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Resource = "fabrikam.communication.azure.com" })
			u, id := newUser(), newID()
			create(t, ours, u, id)
			e := open(t, ours, u)

			maps(t, theirs, u, "")
			listsEntries(t, theirs, acsauth.User{})
			lists(t, theirs)
			if err := errors.Join(theirs.Delete(t.Context(), u, id), theirs.CloseEntry(t.Context(), e)); err != nil {
				t.Error(err)
			}
			create(t, theirs, u, newID())

			maps(t, ours, u, id)
			listsEntries(t, ours, acsauth.User{}, e)

			for _, spelling := range []string{"Contoso.Communication.Azure.com", host + ":443"} {
				same := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Resource = spelling })
				maps(t, same, u, id)
			}
		})
	}
}

// Whatever a database would refuse, cut short or change never gets there.
func TestTexts(t *testing.T) {
	t.Parallel()
	ok := acsauth.User{TenantID: "t", ObjectID: "o"}
	tests := []struct {
		name string
		u    acsauth.User
		id   string
		kept bool
	}{
		{"short", ok, "8", true},
		{"as long as can be", acsauth.User{TenantID: long(255), ObjectID: long(255)}, long(1024), true},
		{"no tenant id", acsauth.User{ObjectID: "o"}, "8", false},
		{"no object id", acsauth.User{TenantID: "t"}, "8", false},
		{"no identity", ok, "", false},
		{"tenant id too long", acsauth.User{TenantID: long(256), ObjectID: "o"}, "8", false},
		{"object id too long", acsauth.User{TenantID: "t", ObjectID: long(256)}, "8", false},
		{"identity too long", ok, long(1025), false},
		{"NUL in the tenant id", acsauth.User{TenantID: "t\x00", ObjectID: "o"}, "8", false},
		{"NUL in the object id", acsauth.User{TenantID: "t", ObjectID: "\x00"}, "8", false},
		{"NUL in the identity", ok, "8\x00", false},
		{"not UTF-8", acsauth.User{TenantID: "t", ObjectID: "\xff"}, "8", false},
		{"identity not UTF-8", ok, "\xc3", false},
	}
	for _, d := range databases(t) {
		d = d.migrated(t)
		m := d.mapper(t, d.open(t))
		for _, tt := range tests {
			t.Run(d.name+"/"+tt.name, func(t *testing.T) {
				err := m.Create(t.Context(), tt.u, tt.id)
				if tt.kept {
					if err != nil {
						t.Fatalf("Create: %v", err)
					}
					maps(t, m, tt.u, tt.id)
				} else if !errors.Is(err, acsauth.ErrNotStored) {
					t.Errorf("Create: %v; want ErrNotStored", err)
				}
				if err := m.Delete(t.Context(), tt.u, tt.id); err != nil {
					t.Errorf("Delete: %v", err)
				}
				maps(t, m, tt.u, "")
			})
		}
	}
}
