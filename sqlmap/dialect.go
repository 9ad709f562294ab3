package sqlmap

import (
	_ "embed"
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// A Dialect is the SQL of one kind of database.
type Dialect int

// The dialects.
const (
	// Postgres is PostgreSQL.
	Postgres Dialect = iota + 1
	// SQLite is SQLite, 3.37 or later, which knows strict tables.
	SQLite
)

// String returns the name of the database.
func (d Dialect) String() string {
	if known, ok := dialects[d]; ok {
		return known.name
	}
	return "unknown"
}

// DDL returns the statements with which [Mapper.Migrate] creates the tables, for
// those who let nobody but an administrator do that. They can be repeated. In
// PostgreSQL, the tables go where the search_path says, and the statements belong
// in one transaction: psql --single-transaction.
func (d Dialect) DDL() string {
	known, ok := dialects[d]
	if !ok {
		return ""
	}
	return strings.Join(known.steps, "\n")
}

// SQLiteDSN returns the data source name of a database file for the driver
// modernc.org/sqlite, with the settings that a [Mapper] wants: a write-ahead log, so
// that nobody who reads waits for one who writes, and every commit on the disk
// before it counts. There is no busy_timeout among them, see the package's comment.
//
// Any number of processes on one machine can share the file, which is created if
// need be. Network file systems do not work: the log needs shared memory. The
// directory must be writable, for two files next to the database.
func SQLiteDSN(file string) string {
	path := (&url.URL{Path: filepath.ToSlash(filepath.Clean(file))}).EscapedPath()
	return "file:" + path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}

// A dialect is what sets one kind of database apart.
type dialect struct {
	name   string
	steps  []string // steps[n] takes the tables from version n to n+1
	exists string   // tells whether there is a table that knows the version
	begin  string   // begins a transaction that other processes' Migrate waits for
	time   func(time.Time) any

	answers []answer                               // what its codes mean
	code    func(error) (code string, cause error) // what it answered; "" if it did not
	fits    func(code, pattern string) bool        // compares a code to one in answers

	upstream string // its name in metrics and spans
}

var dialects = map[Dialect]dialect{
	Postgres: {
		name:   "PostgreSQL",
		steps:  []string{postgres1},
		exists: `SELECT to_regclass('acsauth_schema') IS NOT NULL`,
		// The number means nothing, except to those who use it, too. Whoever waits for
		// them may take longer than a statement usually may.
		begin: `BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = 60000; SELECT pg_advisory_xact_lock(7017846573424665700)`,
		time:  func(t time.Time) any { return t },

		answers: postgresAnswers,
		code:    postgresCode,
		fits:    strings.HasPrefix,

		upstream: "postgres",
	},
	SQLite: {
		name:   "SQLite",
		steps:  []string{sqlite1},
		exists: `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'acsauth_schema'`,
		begin:  `BEGIN IMMEDIATE`,
		time:   func(t time.Time) any { return t.UnixMicro() },

		answers: sqliteAnswers,
		code:    sqliteCode,
		fits:    fitsPrimary,

		upstream: "sqlite",
	},
}

var (
	//go:embed schema/postgres_1.sql
	postgres1 string
	//go:embed schema/sqlite_1.sql
	sqlite1 string
)
