package sqlmap_test

import (
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

const host = "contoso.communication.azure.com"

// A database is an empty one of a real engine, which is gone after the test.
type database struct {
	name    string
	dialect sqlmap.Dialect
	// open returns one more handle, as another process would have it.
	open func(t testing.TB) *sql.DB
}

// databases returns an empty database of each engine that is at hand.
func databases(t testing.TB) []database {
	t.Helper()
	all := []database{sqliteDatabase(t)}
	if config := postgresConfig(t); config != nil {
		all = append(all, postgresDatabase(t, config))
	}
	return all
}

func sqliteDatabase(t testing.TB) database {
	t.Helper()
	dsn := sqlmap.SQLiteDSN(filepath.Join(t.TempDir(), "mappings.db"))
	return database{"SQLite", sqlmap.SQLite, func(t testing.TB) *sql.DB { return openSQLite(t, dsn) }}
}

func openSQLite(t testing.TB, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		t.Fatal(err)
	}
	return bounded(t, db)
}

// postgresConfig returns how to reach the PostgreSQL that tests may use. nil: none.
func postgresConfig(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	dsn := os.Getenv("ACSAUTH_TEST_POSTGRES")
	if dsn == "" {
		t.Log("PostgreSQL is left out: set ACSAUTH_TEST_POSTGRES to a DSN")
		return nil
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// postgresDatabase returns a schema of its own.
func postgresDatabase(t testing.TB, config *pgx.ConnConfig) database {
	t.Helper()
	config = inSchema(config, newSchema(t, config))
	return database{"PostgreSQL", sqlmap.Postgres, func(t testing.TB) *sql.DB { return openPostgres(t, config) }}
}

// inSchema returns config for connections that find their tables in a schema.
func inSchema(config *pgx.ConnConfig, schema string) *pgx.ConnConfig {
	config = config.Copy()
	config.RuntimeParams["search_path"] = schema
	return config
}

func openPostgres(t testing.TB, config *pgx.ConnConfig) *sql.DB {
	t.Helper()
	return bounded(t, stdlib.OpenDB(*config))
}

func newSchema(t testing.TB, config *pgx.ConnConfig) string {
	t.Helper()
	db := openPostgres(t, config)
	name := "test_" + strings.ToLower(rand.Text())
	do(t, db, "CREATE SCHEMA "+name)
	t.Cleanup(func() { db.Exec("DROP SCHEMA " + name + " CASCADE") })
	return name
}

// bounded keeps a handle from taking more than its share of the connections.
func bounded(t testing.TB, db *sql.DB) *sql.DB {
	t.Helper()
	db.SetMaxOpenConns(4)
	t.Cleanup(func() { db.Close() })
	return db
}

// migrated returns a database that has its tables.
func (d database) migrated(t testing.TB) database {
	t.Helper()
	migrate(t, d.mapper(t, d.open(t)))
	return d
}

// mapper returns a Mapper with a handle.
func (d database) mapper(t testing.TB, db *sql.DB, change ...func(*sqlmap.Config)) *sqlmap.Mapper {
	t.Helper()
	cfg := sqlmap.Config{DB: db, Dialect: d.dialect, Resource: host}
	for _, change := range change {
		change(&cfg)
	}
	m, err := sqlmap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func migrate(t testing.TB, m *sqlmap.Mapper) {
	t.Helper()
	if err := m.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
}

// do runs statements behind the Mapper's back.
func do(t testing.TB, db *sql.DB, statements string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatalf("%s: %v", statements, err)
	}
}

func newUser() acsauth.User {
	return acsauth.User{TenantID: uuid.NewString(), ObjectID: uuid.NewString()}
}

func newID() string {
	return "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_" + uuid.NewString()
}

func create(t testing.TB, m acsauth.IdentityMapper, u acsauth.User, id string) {
	t.Helper()
	if err := m.Create(t.Context(), u, id); err != nil {
		t.Fatalf("Create: %v", err)
	}
}
