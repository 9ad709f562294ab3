package sqlmap_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// Any number of processes may start at once on an empty database.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for _, d := range variants(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			mappers := make([]*sqlmap.Mapper, 16)
			for i := range mappers {
				mappers[i] = d.mapper(t, d.open(t))
			}
			atOnce(len(mappers), func(i int) {
				if err := mappers[i].Migrate(t.Context()); err != nil {
					t.Errorf("Migrate: %v", err)
				}
			})
			u, id := newUser(), newID()
			create(t, mappers[0], u, id)
			maps(t, mappers[1], u, id)
			if n := count(t, d.open(t), "SELECT count(*) FROM acsauth_schema"); n != 1 {
				t.Errorf("%d versions are recorded, want 1", n)
			}
		})
	}
}

// Migrate may be called at every start, and touches nothing that is there.
func TestMigrateAgain(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		d = d.migrated(t)
		m := d.mapper(t, d.open(t))
		u, id := newUser(), newID()
		create(t, m, u, id)
		migrate(t, m)
		maps(t, m, u, id)
	}
}

// What an administrator did by hand, Migrate finds done.
func TestDDLByHand(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		db := d.open(t)
		for range 2 {
			do(t, db, d.dialect.DDL())
		}
		m := d.mapper(t, db)
		u, id := newUser(), newID()
		create(t, m, u, id)
		migrate(t, m)
		maps(t, m, u, id)
	}
	if text := sqlmap.Dialect(0).DDL(); text != "" {
		t.Errorf("the DDL of no dialect is %q", text)
	}
}

// A program that is too old for the tables does not start.
func TestMigrateRefusesLaterVersion(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		d = d.migrated(t)
		db := d.open(t)
		do(t, db, "INSERT INTO acsauth_schema (version) VALUES (99)")
		err := d.mapper(t, db).Migrate(t.Context())
		fails(t, err, "misconfigured", "")
		if err != nil && !strings.Contains(err.Error(), "version 99") {
			t.Errorf("%v; want the version to be mentioned", err)
		}
	}
}

// A migration happens as a whole or not at all, and its connection is fit for use
// afterwards.
func TestMigrateFailsAsAWhole(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			db := d.open(t)
			db.SetMaxOpenConns(1)
			do(t, db, "CREATE TABLE acsauth_journal (something_else integer)")
			m := d.mapper(t, db)
			fails(t, m.Migrate(t.Context()), "misconfigured", map[sqlmap.Dialect]string{sqlmap.Postgres: "42703", sqlmap.SQLite: "1"}[d.dialect])
			if _, err := db.ExecContext(t.Context(), "SELECT * FROM acsauth_mappings"); err == nil {
				t.Error("a part of the tables is there")
			}
			do(t, db, "DROP TABLE acsauth_journal")
			migrate(t, m)
		})
	}
}

// Without its tables a Mapper says what to do.
func TestNotMigrated(t *testing.T) {
	t.Parallel()
	for _, d := range databases(t) {
		m := d.mapper(t, d.open(t))
		code := map[sqlmap.Dialect]string{sqlmap.Postgres: "42P01", sqlmap.SQLite: "1"}[d.dialect]
		_, err := m.Lookup(t.Context(), newUser())
		fails(t, err, "misconfigured", code)
		if err != nil && !strings.Contains(err.Error(), "Migrate") {
			t.Errorf("%v; want Migrate to be mentioned", err)
		}
		err = m.Create(t.Context(), newUser(), newID())
		fails(t, err, "misconfigured", code)
		isNotStored(t, err, true)
	}
}

// The tables can be in a schema that no search path leads to.
func TestSchema(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t)
	if config == nil {
		return
	}
	d := postgresDatabase(t, config)
	schema := newSchema(t, config)
	db := d.open(t)
	m := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Schema = schema })
	migrate(t, m)
	migrate(t, m)
	u, id := newUser(), newID()
	create(t, m, u, id)
	maps(t, m, u, id)
	e := open(t, m, u)
	listsEntries(t, m, u, e)
	listsEntries(t, m, acsauth.User{}, e)
	if n := count(t, db, "SELECT count(*) FROM "+schema+".acsauth_mappings"); n != 1 {
		t.Errorf("%d mappings are in the schema, want 1", n)
	}
	_, err := d.mapper(t, db).Lookup(t.Context(), u)
	fails(t, err, "misconfigured", "42P01")

	missing := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Schema = "nowhere" })
	fails(t, missing.Migrate(t.Context()), "misconfigured", "3F000")
}

// The role of a server needs no right to create tables, nor any other than those
// that the documentation lists.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t)
	if config == nil {
		return
	}
	admin := openPostgres(t, config)
	schema := newSchema(t, config)
	role := schema + "_server"
	do(t, admin, "CREATE ROLE "+role)
	t.Cleanup(func() { admin.Exec("DROP OWNED BY " + role + "; DROP ROLE " + role) })
	do(t, admin, "GRANT USAGE ON SCHEMA "+schema+" TO "+role)

	server := inSchema(config, schema)
	server.RuntimeParams["role"] = role
	d := database{"PostgreSQL", sqlmap.Postgres, func(t testing.TB) *sql.DB { return openPostgres(t, server) }}
	m := d.mapper(t, d.open(t))
	fails(t, m.Migrate(t.Context()), "misconfigured", "42501")

	migrate(t, d.mapper(t, admin, func(cfg *sqlmap.Config) { cfg.Schema = schema }))
	fails(t, m.Migrate(t.Context()), "misconfigured", "42501")
	_, err := m.Lookup(t.Context(), newUser())
	fails(t, err, "misconfigured", "42501")
	err = m.Create(t.Context(), newUser(), newID())
	fails(t, err, "misconfigured", "42501")
	isNotStored(t, err, true)

	grants := documentedGrants(t)
	for _, table := range []string{"acsauth_mappings", "acsauth_journal", "acsauth_schema"} {
		grants = strings.ReplaceAll(grants, table, schema+"."+table)
	}
	do(t, admin, strings.ReplaceAll(grants, "TO server", "TO "+role))
	migrate(t, m)
	u, id := newUser(), newID()
	create(t, m, u, id)
	create(t, m, u, id)
	maps(t, m, u, id)
	e := open(t, m, u)
	e.ACSID = id
	if err := m.IdentifyEntry(t.Context(), e); err != nil {
		t.Error(err)
	}
	listsEntries(t, m, u, e)
	if err := m.CloseEntry(t.Context(), e); err != nil {
		t.Error(err)
	}
	if err := m.Delete(t.Context(), u, id); err != nil {
		t.Error(err)
	}
	lists(t, m)
}

// documentedGrants returns the GRANT statements in the package's documentation.
func documentedGrants(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var grants []string
	for line := range strings.Lines(string(doc)) {
		if _, statement, ok := strings.Cut(line, "//\tGRANT "); ok {
			grants = append(grants, "GRANT "+statement)
		}
	}
	return strings.Join(grants, "")
}

// SQLiteDSN names the file that it was given, whatever its name is, with settings
// that take effect.
func TestSQLiteDSN(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "a b.db", "what?.db", "100%.db", "a%20b.db", "#1.db", "ä&b=c;d'e.db"} {
		file := filepath.Join(t.TempDir(), name)
		db := openSQLite(t, sqlmap.SQLiteDSN(file))
		do(t, db, sqlmap.SQLite.DDL())
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
			var got string
			if err := db.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
				t.Errorf("%s: %s is %q, %v; want %q", name, pragma, got, err, want)
			}
		}
	}
}

func count(t testing.TB, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}
