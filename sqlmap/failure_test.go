package sqlmap_test

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

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
		synctest.Test(t, func(t *testing.T) { // so that retries take no time
			db := sql.OpenDB(&failing{statement: always(tt.err)})
			defer db.Close()
			m := d.mapper(t, db)
			err := m.Create(t.Context(), newUser(), newID())
			var failure acsauth.Failure
			if !errors.As(err, &failure) || failure.FailureKind() != tt.kind {
				t.Errorf("%v: %v; want kind %s", tt.err, err, tt.kind)
			}
			isNotStored(t, err, tt.notStored)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%v quotes the database", err)
			}
		})
	}
}

// What failed for a reason that passes is done again, whichever way it is called.
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
		{driver.ErrBadConn, sqlmap.Postgres},
	} {
		for name, connector := range map[string]*failing{
			"statement":  {statement: times(5, tt.err)},
			"connection": {connection: times(5, tt.err)},
		} {
			m := database{dialect: tt.dialect}.mapper(t, sql.OpenDB(connector))
			u, id := newUser(), newID()
			if err := m.Create(t.Context(), u, id); err != nil {
				t.Errorf("%v, %s: Create: %v", tt.err, name, err)
			}
			if err := m.Delete(t.Context(), u, id); err != nil {
				t.Errorf("%v, %s: Delete: %v", tt.err, name, err)
			}
		}
	}
}

// What became of one attempt, the next one's failure does not tell.
func TestUnknownStaysUnknown(t *testing.T) {
	t.Parallel()
	m := database{dialect: sqlmap.Postgres}.mapper(t, sql.OpenDB(&failing{
		statement: times(1, driver.ErrBadConn),
		connection: func() func() error {
			first := true
			return func() error {
				if first {
					first = false
					return nil
				}
				return sqlState("57P03")
			}
		}(),
	}))
	err := m.Create(t.Context(), newUser(), newID())
	fails(t, err, "unavailable", "57P03")
	isNotStored(t, err, false)
}

type sqlState string

func (s sqlState) Error() string    { return secret + string(s) }
func (s sqlState) SQLState() string { return string(s) }

type resultCode int

func (c resultCode) Error() string { return fmt.Sprint(secret, int(c)) }
func (c resultCode) Code() int     { return int(c) }

// failing is a driver whose connections and statements can fail. A statement that
// does not is an INSERT that answers what was stored, or has no answer.
type failing struct {
	connection, statement func() error
	hangs                 bool // statements do, until their time is up
}

func always(err error) func() error { return func() error { return err } }

func times(n int, err error) func() error {
	return func() error {
		if n--; n >= 0 {
			return err
		}
		return nil
	}
}

func (f *failing) Driver() driver.Driver { return nil }

func (f *failing) Connect(context.Context) (driver.Conn, error) {
	if f.connection != nil {
		if err := f.connection(); err != nil {
			return nil, err
		}
	}
	return failingConn{f}, nil
}

type failingConn struct{ *failing }

func (failingConn) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (failingConn) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }
func (failingConn) Close() error                        { return nil }

func (c failingConn) fail() error {
	if c.statement == nil {
		return nil
	}
	return c.statement()
}

func (c failingConn) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	return driver.ResultNoRows, c.fail()
}

func (c failingConn) QueryContext(ctx context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	if c.hangs {
		<-ctx.Done()
	}
	if err := cmp.Or(c.fail(), ctx.Err()); err != nil {
		return nil, err
	}
	return &oneRow{acsID: args[3].Value}, nil
}

type oneRow struct {
	acsID driver.Value
	read  bool
}

func (*oneRow) Columns() []string { return []string{"acs_id"} }
func (*oneRow) Close() error      { return nil }

func (r *oneRow) Next(row []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read, row[0] = true, r.acsID
	return nil
}
