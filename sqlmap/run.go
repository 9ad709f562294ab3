package sqlmap

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// maxPause bounds the pause before a statement is tried again.
const maxPause = 50 * time.Millisecond

// run calls work, which asks one thing of the database, again and again while it
// fails for reasons that pass at once. It returns an [*Error] if it failed for good.
//
// Such reasons are dead connections in the pool; in SQLite, others' locks, because
// its own way of waiting heeds no contexts; in PostgreSQL, conflicts of transactions
// of the level SERIALIZABLE, which an administrator can make the default.
func (m *Mapper) run(ctx context.Context, operation string, timeout time.Duration, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	for limit := time.Millisecond; ; limit = min(2*limit, maxPause) {
		err := m.calls.Observe(ctx, operation, work, func(err error) string { return m.outcomeOf(ctx, err) })
		if err == nil {
			return nil
		}
		failure := m.failure(operation, err)
		// What is begun too late ends in the middle, and nobody knows how.
		if !failure.again || time.Until(deadline) < 2*maxPause {
			return failure
		}
		select {
		case <-time.After(rand.N(limit)):
		case <-ctx.Done():
			return failure
		}
	}
}

// outcomeOf names the outcome of an attempt in metrics and spans.
func (m *Mapper) outcomeOf(ctx context.Context, err error) string {
	if err == nil {
		return outbound.OK
	}
	switch failure := m.failure("", err); {
	case errors.Is(ctx.Err(), context.Canceled):
		return outbound.Canceled
	case failure.kind == kindTimeout, ctx.Err() != nil:
		return outbound.Timeout
	case failure.kind != kindUnavailable: // the statement, the role or the tables
		return outbound.ClientError
	case failure.Code == "":
		return outbound.Unreachable
	}
	return outbound.ServerError
}

// exec runs a statement that answers nothing.
func (m *Mapper) exec(ctx context.Context, operation, statement string, args ...any) error {
	return m.run(ctx, operation, m.timeout, func(ctx context.Context) error {
		_, err := m.db.ExecContext(ctx, in(m.schema, statement), args...)
		return err
	})
}

// query runs a statement, and returns the rows that it answers.
func query[T any](ctx context.Context, m *Mapper, operation string, scan scanner[T], statement string, args ...any) (rows []T, err error) {
	err = m.run(ctx, operation, m.timeout, func(ctx context.Context) (err error) {
		rows, err = collect(ctx, m.db, scan, in(m.schema, statement), args...)
		return err
	})
	return rows, err
}

// A querier is a database, or one connection to it.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// A scanner reads one row.
type scanner[T any] func(*sql.Rows) (T, error)

// collect runs a statement, and returns the rows that it answers. It reads to the
// end, since until then the database may fail and undo the statement.
func collect[T any](ctx context.Context, q querier, scan scanner[T], statement string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// only scans rows of one column.
func only[T any](rows *sql.Rows) (value T, err error) {
	err = rows.Scan(&value)
	return value, err
}
