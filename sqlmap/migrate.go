package sqlmap

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"
)

// migrationTimeout bounds Migrate, which may have to wait for another process's.
const migrationTimeout = time.Minute

// Migrate brings the tables to the version that this package knows, or creates
// them. Call it before a Mapper is used; any number of processes may do so at the
// same time, of which one at a time works. If there is nothing to do, nothing but
// reading is needed, so that a role without the right to create tables can call
// it, too. It fails if the tables are of a later version: an earlier program must
// not work with what it does not know.
//
// It can be repeated after a failure, and takes a minute at most.
func (m *Mapper) Migrate(ctx context.Context) error {
	return m.run(ctx, "Migrate", migrationTimeout, func(ctx context.Context) error {
		conn, err := m.db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if version, err := m.version(ctx, conn); err != nil || version == len(m.dialect.steps) {
			return err
		}
		err = m.migrate(ctx, conn)
		if err != nil {
			// The pool must not get back a connection in a transaction. Closing
			// one ends both, whatever state they are in.
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		return err
	})
}

// migrate takes all the missing steps in one transaction.
func (m *Mapper) migrate(ctx context.Context, conn *sql.Conn) error {
	statements := []string{m.dialect.begin}
	if m.schema != "" {
		statements = append(statements, `SET LOCAL search_path TO "`+m.schema+`"`)
	}
	for _, statement := range statements {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	version, err := m.version(ctx, conn) // now that nobody else can change it
	if err != nil {
		return err
	}
	for _, step := range m.dialect.steps[version:] {
		if _, err := conn.ExecContext(ctx, step); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return err
}

// version returns the version of the tables, 0 if there are none.
func (m *Mapper) version(ctx context.Context, conn *sql.Conn) (int, error) {
	exists, err := collect(ctx, conn, only[bool], in(m.schema, m.dialect.exists))
	if err != nil || !exists[0] {
		return 0, err
	}
	version, err := collect(ctx, conn, only[int], in(m.schema, selectVersion))
	if err != nil {
		return 0, err
	}
	if known := len(m.dialect.steps); version[0] > known {
		return 0, &Error{
			Operation: "Migrate",
			Database:  m.dialect.name,
			Err:       fmt.Errorf("the tables have version %d, and this program knows none later than %d: use a later program", version[0], known),
			answer:    answer{kind: kindMisconfigured},
		}
	}
	return version[0], nil
}
