package sqlmap_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

const secret = "h0rse-b4ttery"

// Where there is no connection, nothing can have been stored, and no error tells
// the password that it was tried with.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	listener.Close()
	tests := map[string]string{
		"nobody listens": "postgres://server:" + secret + "@" + nobody + "/mappings?sslmode=disable",
		"no such host":   "postgres://server:" + secret + "@host.invalid/mappings",
		"bad port":       "postgres://server:" + secret + "@localhost:port/mappings",
		"bad parameter":  "postgres://server:" + secret + "@localhost/mappings?sslmode=" + secret,
		"words":          "host=localhost user=server password='" + secret + " sslmode=disable",
	}
	for name, dsn := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, err := sql.Open("pgx", dsn)
			if err != nil {
				t.Fatal(err)
			}
			refuses(t, bounded(t, db), "unavailable", "")
		})
	}
}

// refuses fails the test unless every call fails in the same way.
func refuses(t *testing.T, db *sql.DB, kind, code string) {
	t.Helper()
	m := database{dialect: sqlmap.Postgres}.mapper(t, db)
	u, e := newUser(), newEntry(newUser())
	err := m.Create(t.Context(), u, newID())
	isNotStored(t, err, true)
	_, lookup := m.Lookup(t.Context(), u)
	var mappings, entries error
	for _, mappings = range m.Mappings(t.Context()) {
	}
	for _, entries = range m.OpenEntries(t.Context(), u, late) {
	}
	for _, err := range []error{
		err, lookup, mappings, entries, m.Delete(t.Context(), u, newID()), m.Migrate(t.Context()),
		m.OpenEntry(t.Context(), e), m.CloseEntry(t.Context(), e),
	} {
		fails(t, err, kind, code)
		keepsSecret(t, err)
	}
}

// keepsSecret fails the test if anything in err's tree tells the secret.
func keepsSecret(t *testing.T, err error) {
	t.Helper()
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, secret) {
		t.Errorf("the password is in %s", text)
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		if cause := err.Unwrap(); cause != nil {
			keepsSecret(t, cause)
		}
	case interface{ Unwrap() []error }:
		for _, cause := range err.Unwrap() {
			keepsSecret(t, cause)
		}
	}
}

// PostgreSQL's refusals, by what they mean.
func TestPostgresRefusals(t *testing.T) {
	t.Parallel()
	config := postgresConfig(t)
	if config == nil {
		return
	}
	standby := func(c *pgx.ConnConfig) { c.RuntimeParams["default_transaction_read_only"] = "on" }
	tests := []struct {
		name   string
		change func(c *pgx.ConnConfig)
		kind   string
		code   string
	}{
		{"no such database", func(c *pgx.ConnConfig) { c.Database = "nowhere" }, "misconfigured", "3D000"},
		{"no such role", func(c *pgx.ConnConfig) { c.User, c.Password = "nobody", secret }, "misconfigured", "28P01"},
		{"read only", standby, "unavailable", "25006"},
	}
	own := inSchema(config, newSchema(t, config))
	d := database{"PostgreSQL", sqlmap.Postgres, func(t testing.TB) *sql.DB { return openPostgres(t, own) }}.migrated(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := own.Copy()
			tt.change(changed)
			err := d.mapper(t, openPostgres(t, changed)).Create(t.Context(), newUser(), newID())
			fails(t, err, tt.kind, tt.code)
			isNotStored(t, err, true)
			keepsSecret(t, err)
		})
	}
}

// SQLite's refusals, by what they mean.
func TestSQLiteRefusals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return sqlmap.SQLiteDSN(path)
	}
	readOnly := filepath.Join(dir, "read only.db")
	do(t, openSQLite(t, "file:"+filepath.ToSlash(dir)+"/read%20only.db"), sqlmap.SQLite.DDL())
	tests := []struct {
		name, dsn, kind, code string
	}{
		{"no such directory", sqlmap.SQLiteDSN(filepath.Join(dir, "nowhere", "x.db")), "misconfigured", "14"},
		{"a directory", sqlmap.SQLiteDSN(dir), "misconfigured", "14"},
		{"not a database", file("text", strings.Repeat("not a database ", 100)), "misconfigured", "26"},
		{"no tables", file("empty", ""), "misconfigured", "1"},
		{"read only", strings.Replace(sqlmap.SQLiteDSN(readOnly), "?_pragma=journal_mode(WAL)&", "?mode=ro&", 1), "misconfigured", "8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := database{dialect: sqlmap.SQLite}.mapper(t, openSQLite(t, tt.dsn))
			err := m.Create(t.Context(), newUser(), newID())
			fails(t, err, tt.kind, tt.code)
			isNotStored(t, err, true)
		})
	}
}

// Every answer has its meaning, as a driver would bring it.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const misconfigured, timeout, unavailable, unusable = "misconfigured", "timeout", "unavailable", "unusable"
	tests := []struct {
		err       error
		kind      string
		notStored bool
	}{
		{sqlState("08006"), unavailable, false},
		{sqlState("08P01"), unavailable, false},
		{sqlState("22P05"), unusable, true},
		{sqlState("23514"), unusable, true},
		{sqlState("28000"), misconfigured, true},
		{sqlState("3D000"), misconfigured, true},
		{sqlState("3F000"), misconfigured, true},
		{sqlState("40003"), unavailable, false},
		{sqlState("42501"), misconfigured, true},
		{sqlState("42703"), misconfigured, true},
		{sqlState("53100"), unavailable, true},
		{sqlState("53300"), unavailable, true},
		{sqlState("55P03"), timeout, true},
		{sqlState("57014"), timeout, true},
		{sqlState("57P01"), unavailable, false},
		{sqlState("57P02"), unavailable, false},
		{sqlState("57P03"), unavailable, true},
		{sqlState("XX000"), unavailable, true},
		{sqlState("40001"), unavailable, true},
		{sqlState("40P01"), unavailable, true},
		{resultCode(1), misconfigured, true},
		{resultCode(5), unavailable, true},
		{resultCode(262), unavailable, true}, // SQLITE_LOCKED_SHAREDCACHE
		{resultCode(8), misconfigured, true},
		{resultCode(10), unavailable, false},
		{resultCode(1034), unavailable, false}, // SQLITE_IOERR_FSYNC
		{resultCode(11), unusable, false},
		{resultCode(13), unavailable, true},
		{resultCode(14), misconfigured, true},
		{resultCode(26), misconfigured, true},
		{resultCode(275), unusable, true}, // SQLITE_CONSTRAINT_CHECK
		{errors.New("gone"), unavailable, false},
		{driver.ErrBadConn, unavailable, false},
		{context.DeadlineExceeded, timeout, false},
	}
	for _, tt := range tests {
		d := database{dialect: sqlmap.Postgres}
		if _, ok := tt.err.(resultCode); ok {
			d.dialect = sqlmap.SQLite
		}
		db := sql.OpenDB(&failing{answer: tt.err})
		m := d.mapper(t, db, func(cfg *sqlmap.Config) { cfg.Timeout = 200 * time.Millisecond })
		err := m.Create(t.Context(), newUser(), newID())
		var failure acsauth.Failure
		if !errors.As(err, &failure) || failure.FailureKind() != tt.kind {
			t.Errorf("%v: %v; want kind %s", tt.err, err, tt.kind)
		}
		isNotStored(t, err, tt.notStored)
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%v quotes the database", err)
		}
		db.Close()
	}
}

// What was undone because of others is done again, whichever way it is called.
func TestTriedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err     error
		dialect sqlmap.Dialect
	}{
		{sqlState("40001"), sqlmap.Postgres},
		{sqlState("40P01"), sqlmap.Postgres},
		{resultCode(5), sqlmap.SQLite},
		{resultCode(517), sqlmap.SQLite}, // SQLITE_BUSY_SNAPSHOT
		{resultCode(6), sqlmap.SQLite},
		{resultCode(262), sqlmap.SQLite}, // SQLITE_LOCKED_SHAREDCACHE
		{resultCode(15), sqlmap.SQLite},
	} {
		for _, connecting := range []bool{false, true} {
			connector := &failing{answer: tt.err, times: 3, connecting: connecting}
			m := database{dialect: tt.dialect}.mapper(t, sql.OpenDB(connector))
			if err := m.CloseEntry(t.Context(), newEntry(newUser())); err != nil || connector.times != 0 {
				t.Errorf("%v: %v, with %d failures to go", tt.err, err, connector.times)
			}
		}
	}
}

type sqlState string

func (s sqlState) Error() string    { return secret + string(s) }
func (s sqlState) SQLState() string { return string(s) }

type resultCode int

func (c resultCode) Error() string { return fmt.Sprint(secret, int(c)) }
func (c resultCode) Code() int     { return int(c) }

// failing is a driver whose statements, or connections, fail: always, or some times.
type failing struct {
	answer     error
	times      int // 0: always
	connecting bool
	healed     bool
}

func (f *failing) fail() error {
	if f.healed {
		return nil
	}
	if f.times > 0 {
		f.times--
		f.healed = f.times == 0
	}
	return f.answer
}

func (f *failing) Driver() driver.Driver { return nil }

func (f *failing) Connect(context.Context) (driver.Conn, error) {
	if f.connecting {
		if err := f.fail(); err != nil {
			return nil, err
		}
	}
	return failingConn{f}, nil
}

type failingConn struct{ *failing }

func (failingConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (failingConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (failingConn) Close() error                        { return nil }

func (c failingConn) statement() error {
	if c.connecting {
		return nil
	}
	return c.fail()
}

func (c failingConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, c.statement()
}

func (c failingConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return nil, c.statement()
}
