// Package sqlmap remembers which ACS identity belongs to which user in a table of
// PostgreSQL or SQLite, and keeps the journal of what is being created and deleted
// in another. It works with database/sql and brings no driver along.
//
// Start with [New] and [Config]; the [Mapper] that they make is an
// [acsauth.JournalingMapper] and an [acsauth.ListingMapper].
//
//	db, err := sql.Open("pgx", dsn) // github.com/jackc/pgx/v5/stdlib
//	…
//	mapper, err := sqlmap.New(sqlmap.Config{DB: db, Dialect: sqlmap.Postgres, Resource: client.Host()})
//	…
//	err = mapper.Migrate(ctx)
//	…
//	service, err := acsauth.NewService(acsauth.ServiceConfig{Mapper: mapper, …})
//
// The key of a mapping is the host of the ACS endpoint, the tenant id and the
// object id, each compared byte by byte. Every change is one statement, and the
// database decides: of any number of processes that create a mapping for the same
// user one wins, and a mapping is deleted only if it is still the one that was
// meant. What goes wrong is an [*Error].
//
// # PostgreSQL
//
// Tested with pgx and PostgreSQL 15. Another driver should do if its errors have a
// method SQLState() string. Good to have in the data source name:
//
//   - sslmode=verify-full, since the default of pgx accepts any certificate, and
//     no TLS at all;
//   - statement_timeout=5000 (milliseconds, as long as [Config].Timeout): a
//     statement that the Mapper has given up ends in the server, too;
//   - target_session_attrs=read-write, where there are standbys;
//   - connect_timeout=5 (seconds).
//
// Behind a proxy that shares connections between transactions, such as PgBouncer,
// prepared statements can be lost: pgx has default_query_exec_mode=exec for that. It
// also refuses statement_timeout, which then belongs to the role (ALTER ROLE server SET
// statement_timeout = 5000). The server and acsauth set it, unless the address has it
// empty: ?statement_timeout=&default_query_exec_mode=exec.
//
// [Mapper.Migrate] creates the tables acsauth_mappings, acsauth_journal and
// acsauth_schema, for which its role needs CREATE on the schema. An administrator
// can run [Dialect.DDL] instead. Then the server's role needs no more than
//
//	GRANT SELECT, INSERT, UPDATE, DELETE ON acsauth_mappings, acsauth_journal TO server;
//	GRANT SELECT ON acsauth_schema TO server;
//
// # SQLite
//
// For one machine. Tested with modernc.org/sqlite, which is Go throughout; another
// driver should do if its errors have a method Code() int. [SQLiteDSN] makes the
// data source name. Several processes can share the file. A database in memory has
// its tables in one connection only; [acsauth.MemoryMapper] is better at that.
//
// A Mapper waits for locks itself, as long as its Timeout, and needs no
// busy_timeout. Neither contexts nor time-outs can end the waits of SQLite's own.
package sqlmap
