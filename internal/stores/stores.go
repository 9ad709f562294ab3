// Package stores opens the database stores that the value of MAPPING_STORE names,
// for the server and for the operator's tool. It is what links their drivers.
package stores

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

// How many connections a process opens to a database, and for how long it keeps
// them: long enough to be worth it, short enough to follow a failover.
const (
	maxConnections     = 16
	connectionLifetime = 30 * time.Minute
)

// The prefixes that tell the kinds of stores apart.
const (
	prefixSQLite = "sqlite:"
	prefixTables = "tables:"
)

// A Mapper is a store with a journal, which can list what it holds.
type Mapper interface {
	acsauth.JournalingMapper
	acsauth.ListingMapper
}

// A Store is an open store.
type Store struct {
	Mapper
	prepare func(context.Context) error
	close   func() error
}

// Options are what a store needs besides its address.
type Options struct {
	Resource   string        // host of the ACS endpoint, part of every key
	HTTPClient *http.Client  // for stores behind HTTP; nil: the package's default
	Existing   bool          // do not create SQLite's file
	Timeout    time.Duration // of a statement, or of an attempt at a request; 0: the package's default
	// Current returns the address as it is now, with the password or key to use, where
	// that may be replaced while the store is open. It must follow the first address
	// (see [Follows]), and returns at once. Nil: the address does not change.
	Current func() string

	MeterProvider  metric.MeterProvider // nil: OpenTelemetry's global one
	TracerProvider trace.TracerProvider // nil: OpenTelemetry's global one
}

// Kind returns the kind of store that an address names: "sqlite", "postgres" or
// "tables"; "" if it is none of them.
func Kind(address string) string {
	switch {
	case strings.HasPrefix(address, prefixSQLite):
		return "sqlite"
	case strings.HasPrefix(address, "postgres://"), strings.HasPrefix(address, "postgresql://"):
		return "postgres"
	case strings.HasPrefix(address, prefixTables):
		return "tables"
	}
	return ""
}

// ErrUnknown reports an address of no kind that there is.
var ErrUnknown = errors.New("must be sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or tables:CONNECTION_STRING")

// ErrNoFile reports that there is no file for SQLite, and that none may be created.
var ErrNoFile = errors.New("names a file that does not exist: acsauth prepare creates it, and so does the server")

// Open opens the store at an address. It does no I/O, but to see whether a file
// exists that must. Its errors go on after the name of the setting, and do not repeat
// the address, which may hold a password.
func Open(address string, o Options) (*Store, error) {
	switch Kind(address) {
	case "sqlite":
		file := strings.TrimPrefix(address, prefixSQLite)
		switch {
		case file == "":
			return nil, errors.New("names no file: it must be sqlite:FILE")
		case inMemory.MatchString(file):
			return nil, errors.New("names a database in memory, of which each connection would have another: it must be sqlite:FILE, or memory for trials of the server")
		}
		return openSQLite(file, o)
	case "postgres":
		return openPostgres(address, o)
	case "tables":
		return openTables(strings.TrimPrefix(address, prefixTables), o)
	}
	return nil, ErrUnknown
}

// inMemory is how SQLite names databases that are no files.
var inMemory = regexp.MustCompile(`(?i):memory:|\bmode=memory\b`)

func openSQLite(file string, o Options) (*Store, error) {
	dsn := sqlmap.SQLiteDSN(file)
	if o.Existing {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNoFile
		}
		dsn += "&mode=rw"
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, errors.New("names a file that SQLite's driver does not take")
	}
	return useSQL(db, sqlmap.SQLite, o)
}

func openPostgres(address string, o Options) (*Store, error) {
	u, err := url.Parse(address)
	named := err == nil && (u.Host != "" || u.Query().Get("host") != "") // else it is the default, which nobody meant
	config, err := pgx.ParseConfig(address)
	if err != nil || !named { // err may repeat the password
		return nil, errors.New("is not a URL that PostgreSQL's driver understands, such as postgres://USER:PASSWORD@HOST/DATABASE (write special characters in the password as %XX)")
	}
	// A statement whose caller has given up must not take effect much later, after
	// the caller has undone what it might have done.
	switch value, set := config.RuntimeParams["statement_timeout"]; {
	case set && value == "": // PgBouncer refuses it, so that the role has to have one
		delete(config.RuntimeParams, "statement_timeout")
	case !set:
		timeout := cmp.Or(o.Timeout, sqlmap.DefaultTimeout)
		config.RuntimeParams["statement_timeout"] = strconv.FormatInt(timeout.Milliseconds(), 10)
	}
	return useSQL(stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(o.identify)), sqlmap.Postgres, o)
}

// identify lets a new connection sign in as the address says now.
func (o Options) identify(_ context.Context, config *pgx.ConnConfig) error {
	if o.Current == nil {
		return nil
	}
	now, err := pgx.ParseConfig(o.Current())
	if err != nil {
		return errors.New("the address of the store is no URL any more")
	}
	config.User, config.Password = now.User, now.Password
	return nil
}

func useSQL(db *sql.DB, dialect sqlmap.Dialect, o Options) (*Store, error) {
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	db.SetConnMaxLifetime(connectionLifetime)
	m, err := sqlmap.New(sqlmap.Config{
		DB: db, Dialect: dialect, Resource: o.Resource, Timeout: o.Timeout,
		MeterProvider: o.MeterProvider, TracerProvider: o.TracerProvider,
	})
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Store{Mapper: m, prepare: m.Migrate, close: db.Close}, nil
}

func openTables(connectionString string, o Options) (*Store, error) {
	account := tablemap.ConnectionString(connectionString)
	if o.Current != nil {
		account = tablemap.ChangingConnectionString(connectionString, func() string { return strings.TrimPrefix(o.Current(), prefixTables) })
	}
	m, err := tablemap.New(tablemap.Config{
		Account: account, Resource: o.Resource, HTTPClient: o.HTTPClient, AttemptTimeout: o.Timeout,
		MeterProvider: o.MeterProvider, TracerProvider: o.TracerProvider,
	})
	if err != nil { // in the words of a Config
		return nil, errors.New("is of no use: " + strings.NewReplacer("tablemap: Config.Account: ", "", "\n", "; ").Replace(err.Error()))
	}
	return &Store{Mapper: m, prepare: m.CreateTable, close: func() error { return nil }}, nil
}

// Prepare creates the tables, or brings them up to date. It can be repeated, by
// any number of processes at once.
func (s *Store) Prepare(ctx context.Context) error { return s.prepare(ctx) }

// ErrNotPrepared reports that the tables are missing, or are not those that this
// program knows.
var ErrNotPrepared = errors.New("the store's tables are missing, or not those that this program knows: run acsauth prepare")

// Check asks for a mapping that nobody has, to see whether the tables are there. The
// error is [ErrNotPrepared] if they are not.
func (s *Store) Check(ctx context.Context) error {
	const nobody = "00000000-0000-0000-0000-000000000000"
	_, err := s.Lookup(ctx, acsauth.User{TenantID: nobody, ObjectID: nobody})
	var (
		inSQL   *sqlmap.Error
		inTable *tablemap.Error
	)
	switch {
	case err == nil || errors.Is(err, acsauth.ErrNotMapped):
		return nil
	case errors.As(err, &inSQL) && slices.Contains([]string{"SQLite 1", "PostgreSQL 42P01", "PostgreSQL 42703"}, inSQL.Database+" "+inSQL.Code),
		errors.As(err, &inTable) && inTable.Code == "TableNotFound":
		return ErrNotPrepared
	}
	return err
}

// Close ends the connections to the store, which nobody may be using any more.
func (s *Store) Close() error { return s.close() }
