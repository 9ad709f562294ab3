package graphmap

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/microsoftgraph/msgraph-sdk-go/models/odataerrors"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// An Error is a request that Microsoft Graph refused, or left without a usable
// answer. Find it with errors.As. It holds no token and none of the text that
// Graph sent, whose codes are documented at
// https://learn.microsoft.com/graph/errors.
type Error struct {
	// Operation is the Mapper's method: Lookup, LookupRenew, Create or Delete.
	Operation string
	// StatusCode is the HTTP status of the answer, 0 if there was none.
	StatusCode int
	// Code is Graph's code for the error, such as Authorization_RequestDenied.
	// It may be empty.
	Code string
	// RequestID is Graph's name for the request, to quote to Microsoft's support.
	// It may be empty.
	RequestID string
	// ClientRequestID is our name for it, the same for all requests of one call
	// of the Mapper. It is what was sent, unless a Config.Adapter sends its own.
	ClientRequestID string
	// Claims is the JSON text of the claims challenge that the user must satisfy,
	// where Graph sent one.
	Claims string
	// RetryAfter is how long Graph asked to wait; 0 if it did not.
	RetryAfter time.Duration
	// Err is the cause, where it is not the answer itself: why there was no
	// answer, or why it is of no use. It may be nil.
	Err error

	verdict
}

// A verdict is what an answer, or the lack of one, means for what to do next.
type verdict struct {
	kind      string
	absent    bool // there is no such extension, and nothing else is wrong
	exists    bool // there is an extension of this name already
	transient bool // the next attempt may fare better
	unsettled bool // the request may have taken effect nevertheless
}

// Error names the operation, the answer, what to do about it where that is
// known, and the ids of the request.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "graphmap: %s: ", e.Operation)
	switch {
	case e.StatusCode == 0:
		b.WriteString("no answer from Microsoft Graph")
	case e.Code == "":
		fmt.Fprintf(&b, "Microsoft Graph answered %d", e.StatusCode)
	default:
		fmt.Fprintf(&b, "Microsoft Graph answered %d %s", e.StatusCode, e.Code)
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
	if e.ClientRequestID != "" {
		b.WriteString("; client-request-id " + e.ClientRequestID)
	}
	return b.String()
}

func (e *Error) advice() string {
	switch e.kind {
	case httpx.KindClaimsChallenge:
		return "the user must sign in again and satisfy a claims challenge"
	case httpx.KindMisconfigured:
		return "grant the app the delegated Graph permission User.ReadWrite, and consent to it"
	case httpx.KindLimit:
		return "the app has two other open extensions on this user, which is Graph's limit: delete one of them"
	default:
		return ""
	}
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// FailureKind implements acsauth.Failure: claims_challenge, limit, misconfigured,
// throttled, unavailable, overloaded, timeout or unusable.
func (e *Error) FailureKind() string {
	if e.kind == "" {
		return httpx.KindUnusable
	}
	return e.kind
}

// ChallengeClaims returns Claims.
func (e *Error) ChallengeClaims() string { return e.Claims }

// RetryDelay returns RetryAfter.
func (e *Error) RetryDelay() time.Duration { return e.RetryAfter }

// judgeAnswer returns what a refusal means. Statuses and codes decide; messages,
// which Microsoft may reword at any time, only where two meanings share a code.
func judgeAnswer(status int, code, message, claims string) verdict {
	message = strings.ToLower(message)
	v := verdict{
		kind:   httpx.KindUnusable,
		absent: status == http.StatusNotFound && strings.EqualFold(code, "ResourceNotFound") && !strings.Contains(message, "parent object"),
		exists: status == http.StatusConflict || status == http.StatusBadRequest && strings.Contains(message, "already exists"),
	}
	refused := status >= 400 && status < 500
	switch {
	case claims != "":
		v.kind = httpx.KindClaimsChallenge
	case refused && strings.Contains(message, "maximum number of extensions"):
		v.kind, v.exists = httpx.KindLimit, false
	case status == http.StatusForbidden:
		v.kind = httpx.KindMisconfigured
	case status == http.StatusTooManyRequests:
		v.kind = httpx.KindThrottled
	case status >= 500, status == http.StatusRequestTimeout:
		v.kind = httpx.KindUnavailable
	}
	switch status {
	case http.StatusTooManyRequests:
		v.transient = true
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		v.transient, v.unsettled = true, true
	default:
		v.unsettled = !refused
	}
	return v
}

// judgeSilence returns what it means that a request was not answered because of
// err, and what may be told of err.
func judgeSilence(err error) (verdict, error) {
	if errors.Is(err, errSDK) {
		return verdict{kind: httpx.KindUnusable, unsettled: true}, err
	}
	s := httpx.JudgeSilence(err)
	if s.Cause == nil {
		s.Cause = httpx.ConnectionCause(err)
	}
	return verdict{kind: s.Kind, transient: s.Transient, unsettled: s.Unsettled}, s.Cause
}

// refusal returns the Error that an answer other than success stands for.
func (op *operation) refusal(r response) *Error {
	e := &Error{
		Operation:       op.name,
		StatusCode:      r.status,
		RequestID:       syntax.Code(r.header.Get("request-id")),
		ClientRequestID: op.requestID,
		Claims:          r.claims(),
	}
	if r.status == http.StatusUnauthorized && e.Claims == "" {
		e.Claims = op.challenge // which the new token evidently did not satisfy
	}
	var message string
	if answer, err := decode[*odataerrors.ODataError](r.body, odataerrors.CreateODataErrorFromDiscriminatorValue); err == nil {
		// Never answer.Error(): it dereferences a message that need not be there.
		if main := answer.GetErrorEscaped(); main != nil {
			e.Code, message = syntax.Code(value(main.GetCode())), value(main.GetMessage())
			if inner := main.GetInnerError(); inner != nil && e.RequestID == "" {
				e.RequestID = syntax.Code(value(inner.GetRequestId()))
			}
		}
	}
	e.RetryAfter, _ = httpx.RetryAfter(r.header, op.m.graph.now())
	e.verdict = judgeAnswer(r.status, e.Code, message, e.Claims)
	return e
}

// silence returns the Error for a request that was not answered because of err.
func (op *operation) silence(err error) *Error {
	e := &Error{Operation: op.name, ClientRequestID: op.requestID}
	e.verdict, e.Err = judgeSilence(err)
	return e
}

// nonsense returns the Error for an answer that was a success, but of no use.
func (op *operation) nonsense(r response, err error) *Error {
	return &Error{
		Operation:       op.name,
		StatusCode:      r.status,
		RequestID:       syntax.Code(r.header.Get("request-id")),
		ClientRequestID: op.requestID,
		Err:             err,
		verdict:         verdict{kind: httpx.KindUnusable},
	}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
