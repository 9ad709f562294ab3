package sqlmap

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// An Error is a statement that the database refused, or did not answer. Find it
// with errors.As. Its text has none of the database's or the driver's, which can
// quote the data source name and what was stored.
type Error struct {
	// Operation is the Mapper's method: Lookup, Create, …
	Operation string
	// Database is its kind: PostgreSQL or SQLite.
	Database string
	// Code is what the database answered: PostgreSQL's SQLSTATE, such as 42P01, or
	// SQLite's result code, such as 5. It is empty if there was no answer.
	Code string
	// Err is the cause: the driver's error that carries Code or, without an
	// answer, what kept it from coming.
	Err error

	answer
}

// An answer is what a failure means for what to do next.
type answer struct {
	codes  string // whose meaning it is: prefixes of a SQLSTATE, or result codes
	kind   string // see [acsauth.Failure]
	advice string
	undone bool // the statement has had no effect, and will have none
	again  bool // it is worth another try at once
}

// Error names the operation, the answer and what to do about it, where that is
// known.
func (e *Error) Error() string {
	text := "sqlmap: " + e.Operation + ": "
	switch {
	case e.Code == "":
		return text + e.Err.Error()
	case e.advice == "":
		return text + e.Database + " answered " + e.Code
	}
	return text + e.Database + " answered " + e.Code + ": " + e.advice
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// FailureKind implements [acsauth.Failure]: misconfigured, timeout, unavailable or
// unusable.
func (e *Error) FailureKind() string { return e.kind }

// The kinds of failure that there are, as [acsauth.Failure] names them.
const (
	kindMisconfigured = "misconfigured"
	kindTimeout       = "timeout"
	kindUnavailable   = "unavailable"
	kindUnusable      = "unusable"
)

const (
	adviceSchema    = "the tables are missing, or not those that this program knows: call Migrate"
	advicePrivilege = "the role lacks a privilege: grant it what the documentation of package sqlmap lists"
)

// postgresAnswers are the meanings of SQLSTATEs; the first that fits counts. What
// PostgreSQL answers with an error has had no effect, except where the connection
// or the server itself ended.
var postgresAnswers = []answer{
	{"40003 08 57P01 57P02 57P04 57P05", kindUnavailable, "", false, false},
	{"40", kindUnavailable, "others changed the same at the same moment", true, true},
	{"57014", kindTimeout, "it was cancelled: by statement_timeout, or by an administrator", true, false},
	{"55P03", kindTimeout, "a lock was not to be had within lock_timeout", true, false},
	{"25006", kindUnavailable, "the server takes no changes: it may be a standby", true, false},
	{"42501", kindMisconfigured, advicePrivilege, true, false},
	{"42", kindMisconfigured, adviceSchema, true, false},
	{"3F", kindMisconfigured, "there is no such schema: create it, or mend the search_path", true, false},
	{"28", kindMisconfigured, "it refused the role or its password", true, false},
	{"3D", kindMisconfigured, "there is no such database", true, false},
	{"22 23", kindUnusable, "", true, false},
	{"", kindUnavailable, "", true, false},
}

// sqliteAnswers are the meanings of SQLite's primary result codes; the first that
// fits counts. After a failure of the disk nobody knows what is on it.
var sqliteAnswers = []answer{
	{"5 6 15", kindUnavailable, "others held their locks for too long", true, true},
	{"1", kindMisconfigured, adviceSchema, true, false},
	{"3 8 23", kindMisconfigured, "the file, or its directory, cannot be written", true, false},
	{"14", kindMisconfigured, "the file cannot be opened: its directory must exist and be writable", true, false},
	{"26", kindMisconfigured, "the file is not a database", true, false},
	{"13", kindUnavailable, "the disk is full", true, false},
	{"18 19 20", kindUnusable, "", true, false},
	{"11", kindUnusable, "the file is damaged", false, false},
	{"", kindUnavailable, "", false, false},
}

// failure returns the Error for what went wrong in an operation.
func (m *Mapper) failure(operation string, err error) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	e := &Error{Operation: operation, Database: m.dialect.name}
	if e.Code, e.Err = m.dialect.code(err); e.Code == "" {
		e.kind, e.Err = judgeSilence(err)
		// A pooled connection turned out to be dead. The next one may be alive.
		e.again = errors.Is(err, driver.ErrBadConn)
		return e
	}
	fits := func(pattern string) bool { return m.dialect.fits(e.Code, pattern) }
	for _, e.answer = range m.dialect.answers {
		if e.codes == "" || slices.ContainsFunc(strings.Fields(e.codes), fits) {
			break
		}
	}
	return e
}

// judgeSilence returns what it means that a statement was not answered because of
// err, and what may be told of err.
func judgeSilence(err error) (kind string, cause error) {
	var (
		network *net.OpError
		name    *net.DNSError
		trust   *tls.CertificateVerificationError
	)
	kind = kindUnavailable
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		kind, cause = kindTimeout, context.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		cause = context.Canceled
	case errors.As(err, &trust):
		cause = trust
	case errors.As(err, &network):
		cause = network
	case errors.As(err, &name):
		cause = name
	default:
		// Such errors can quote the data source name.
		cause = errors.New("the connection failed, or there was none to be had")
	}
	return kind, fmt.Errorf("the database did not answer: %w", cause)
}

// postgresCode finds the SQLSTATE in the error of a driver that offers it as pgx does.
func postgresCode(err error) (code string, cause error) {
	var answered interface {
		error
		SQLState() string
	}
	if errors.As(err, &answered) {
		return answered.SQLState(), answered
	}
	return "", nil
}

// sqliteCode finds the result code in the error of a driver that offers it as
// modernc.org/sqlite does.
func sqliteCode(err error) (code string, cause error) {
	var answered interface {
		error
		Code() int
	}
	if errors.As(err, &answered) {
		return strconv.Itoa(answered.Code()), answered
	}
	return "", nil
}

// fitsPrimary reports whether a result code of SQLite's, which may be an extended
// one, is of a primary one.
func fitsPrimary(code, primary string) bool {
	extended, err := strconv.Atoi(code)
	return err == nil && strconv.Itoa(extended&0xff) == primary
}
