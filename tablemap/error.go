package tablemap

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// An Error is a request that the Table service refused, or left without a usable
// answer. Find it with errors.As. It holds no key, signature or token, no address,
// and none of the text that the service sent, whose codes are documented at
// https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes.
type Error struct {
	// Operation is the Mapper's method, such as Lookup.
	Operation string
	// StatusCode is the HTTP status of the answer, 0 if there was none.
	StatusCode int
	// Code is the service's code for the error, such as TableNotFound. It may be
	// empty.
	Code string
	// RequestID is the service's name for the request, to quote to Microsoft's
	// support. It may be empty.
	RequestID string
	// RetryAfter is how long the service asked to wait; 0 if it did not.
	RetryAfter time.Duration
	// Err is the cause, where it is not the answer itself: why there was no
	// answer, or why it is of no use. It may be nil.
	Err error

	verdict
}

// A verdict is what an answer, or the lack of one, means for what to do next.
type verdict struct {
	kind      string
	transient bool // the next attempt may fare better
	unsettled bool // the request may have taken effect nevertheless
}

// Error names the operation, the answer, what to do about it where that is known,
// and the id of the request.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tablemap: %s: ", e.Operation)
	switch {
	case e.StatusCode == 0:
		b.WriteString("no answer from the Table service")
	case e.Code == "":
		fmt.Fprintf(&b, "the Table service answered %d", e.StatusCode)
	default:
		fmt.Fprintf(&b, "the Table service answered %d %s", e.StatusCode, e.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if advice := e.advice(); advice != "" {
		b.WriteString(": " + advice)
	}
	if e.RequestID != "" {
		b.WriteString("; request-id " + e.RequestID)
	}
	return b.String()
}

func (e *Error) advice() string {
	switch {
	case e.StatusCode == http.StatusNotFound && e.Code != "":
		return "create the table, or check its name"
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden:
		return "check the account's key or signature, or give the identity a role such as Storage Table Data Contributor"
	default:
		return ""
	}
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// RetryDelay returns RetryAfter.
func (e *Error) RetryDelay() time.Duration { return e.RetryAfter }

// FailureKind implements acsauth.Failure: misconfigured, throttled, unavailable,
// overloaded, timeout or unusable.
func (e *Error) FailureKind() string {
	if e.kind == "" {
		return httpx.KindUnusable
	}
	return e.kind
}

// failure returns the Error that an error of the SDK stands for, and the header of
// the answer, nil if there was none.
func (m *Mapper) failure(operation string, err error) (*Error, http.Header) {
	e := &Error{Operation: operation}
	var (
		answer *azcore.ResponseError
		final  interface {
			error
			NonRetriable()
		}
	)
	// What the SDK calls not retriable can be about another answer: that of the
	// service which a token was requested from.
	if errors.As(err, &final) || !errors.As(err, &answer) || answer.RawResponse == nil {
		e.verdict, e.Err = judgeSilence(err)
		return e, nil
	}
	header := answer.RawResponse.Header
	e.StatusCode, e.Code = answer.StatusCode, syntax.Code(answer.ErrorCode)
	e.RequestID = syntax.Code(header.Get("x-ms-request-id"))
	e.RetryAfter, _ = httpx.RetryAfter(header, m.now())
	e.verdict = judgeAnswer(e.StatusCode, e.Code)
	return e, header
}

// judgeAnswer returns what a refusal means.
func judgeAnswer(status int, code string) verdict {
	refused := status >= 400 && status < 500 && status != http.StatusRequestTimeout
	v := verdict{kind: httpx.KindUnusable, unsettled: !refused}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound && code != "":
		v.kind = httpx.KindMisconfigured
	case status == http.StatusTooManyRequests:
		v.kind = httpx.KindThrottled
	case status >= 500, status == http.StatusRequestTimeout, code == string(aztables.TableBeingDeleted):
		v.kind = httpx.KindUnavailable
	}
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		v.transient = true
	}
	return v
}

// judgeSilence returns what it means that there was no answer because of err, and
// what may be told of err, which can quote addresses with signatures in them.
func judgeSilence(err error) (verdict, error) {
	var token *tokenError
	if errors.As(err, &token) { // nothing was sent
		return verdict{kind: token.kind()}, token
	}
	s := httpx.JudgeSilence(err)
	var broken *url.Error
	switch {
	case s.Cause != nil:
	case errors.As(err, &broken), errors.Is(err, io.ErrUnexpectedEOF):
		s.Cause = httpx.ConnectionCause(err)
	default:
		s.Kind, s.Cause = httpx.KindUnusable, errors.New("what answered is not the Table service, or has not said what was asked")
	}
	return verdict{kind: s.Kind, transient: s.Transient, unsettled: s.Unsettled}, s.Cause
}

// answers reports whether err is an answer with this status and, if there are
// codes, one of them.
func answers(err error, status int, codes ...aztables.TableErrorCode) bool {
	var e *Error
	return errors.As(err, &e) && e.StatusCode == status &&
		(len(codes) == 0 || slices.Contains(codes, aztables.TableErrorCode(e.Code)))
}

// isAbsent reports whether err says that there is no such entity. That there is no
// such table is another matter, and a proxy's 404 says nothing.
func isAbsent(err error) bool {
	return answers(err, http.StatusNotFound, aztables.ResourceNotFound, aztables.EntityNotFound)
}

// isConflict reports whether err says that there is such an entity already. The
// table may be on its way out instead, which shows when the entity is read.
func isConflict(err error) bool {
	return answers(err, http.StatusConflict) && !answers(err, http.StatusConflict, aztables.TableBeingDeleted)
}
