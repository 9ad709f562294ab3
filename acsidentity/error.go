package acsidentity

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// Codes that the service answers, see Error.Code. There are more.
const (
	// CodeIdentityNotOwned: the identity belongs to another resource, or its id
	// is malformed. It may also be the answer for a deleted identity, for which
	// none is documented. Status 401.
	CodeIdentityNotOwned = "IdentityNotOwned"
	// CodeDenied: the service refused the client's own credentials. Status 401.
	CodeDenied = "Denied"
	// CodeInvalidAccessToken: the token in a [TeamsExchange] is malformed or
	// expired, or not meant for ACS. Status 401.
	CodeInvalidAccessToken = "InvalidAccessToken"
	// CodeValidationError: the service refused an argument, which Error.Target
	// names: for example "appId" or "userId", if a Teams token was issued to
	// another application or user. Status 400.
	CodeValidationError = "ValidationError"
)

// ErrOutcomeUnknown is matched, with errors.Is, by an error of an operation that
// may have taken effect nevertheless: an answer was lost, late, malformed, or a
// server error. After a create there may then be an identity whose id nobody
// knows. An error of a create that does not match means that there is none. The
// other operations can simply be called again.
var ErrOutcomeUnknown = errors.New("the request may have taken effect")

// An Error is why an operation failed; get it with errors.As. Its text holds the
// operation, status, code, request ids and cause, but no identity id, no token
// and nothing of the answer besides the code.
type Error struct {
	// Operation is the name of the [Client] method.
	Operation string
	// StatusCode is the HTTP status of the last answer; 0: no attempt was made,
	// or the last one got no complete answer.
	StatusCode int
	// Code, Message and Target are what the service said, as far as it did:
	// Code is for programs, Message for people who read logs, Target the name
	// of a refused argument. Message is cut off after 1024 bytes.
	Code, Message, Target string
	// ClientRequestID and ServiceRequestID (the MS-CV header) let Microsoft's
	// support find the call. The former is the same for all attempts, and empty
	// if the arguments were refused here.
	ClientRequestID, ServiceRequestID string
	// RetryAfter is how long the service asked to wait; 0: it did not.
	RetryAfter time.Duration
	// Err is the cause, if there is one besides the answer: no connection, no
	// answer in time, an answer that makes no sense, an unusable argument. It
	// matches context.Canceled or context.DeadlineExceeded if the caller's
	// context ended, and ErrOutcomeUnknown where that applies.
	Err error

	genuine    bool // Code and Message are in the service's own form
	incomplete bool // the answer broke off before it said what the status alone does not
}

// Error returns one line for logs.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "acsidentity: %s", e.Operation)
	if e.StatusCode != 0 {
		fmt.Fprintf(&b, ": status %d", e.StatusCode)
		if e.Code != "" {
			fmt.Fprintf(&b, " %s", e.Code)
		}
	}
	var ids []string
	if e.ClientRequestID != "" {
		ids = append(ids, "client request "+e.ClientRequestID)
	}
	if e.ServiceRequestID != "" {
		ids = append(ids, "service request "+e.ServiceRequestID)
	}
	if len(ids) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(ids, ", "))
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// RetryDelay returns RetryAfter. If no answer came because there was no credential,
// it returns what the cause says, if that has a RetryDelay method itself.
func (e *Error) RetryDelay() time.Duration {
	var known interface{ RetryDelay() time.Duration }
	if e.StatusCode == 0 && e.RetryAfter == 0 && errors.As(e.Err, &known) {
		return known.RetryDelay()
	}
	return e.RetryAfter
}

// RefusesIdentity reports whether the service refused the identity itself, which was
// deleted or belongs to another resource; it does not say which. What it answers for
// a deleted one is not documented: [CodeIdentityNotOwned] counts, and so does a
// status of 404 whose body is an error in the service's own form. Any proxy on the
// way may answer 404 too, which says nothing about the identity.
func (e *Error) RefusesIdentity() bool {
	return e.Code == CodeIdentityNotOwned || e.StatusCode == http.StatusNotFound && e.genuine
}

// refusesCredential reports whether another credential could change it.
func (e *Error) refusesCredential() bool {
	return e.StatusCode == http.StatusUnauthorized && e.FailureKind() == httpx.KindMisconfigured
}

// FailureKind says in one word what kind of failure this is:
//
//	misconfigured  the resource refuses our credentials, options or API version
//	throttled      too many requests
//	unavailable    ACS, or the source of our credentials, is down or unreachable
//	overloaded     a limit of Config.HTTPClient's own kept the request from being sent
//	timeout        no answer in time, or the caller stopped waiting
//	unusable       anything else: look at Code
//
// An Err of StatusCode 0 that has a FailureKind method itself decides.
func (e *Error) FailureKind() string {
	switch {
	case e.StatusCode == 0, e.incomplete:
		return kindOfCause(e.Err)
	case e.Code == CodeIdentityNotOwned, e.Code == CodeInvalidAccessToken:
		return httpx.KindUnusable
	case e.StatusCode == http.StatusUnauthorized, e.StatusCode == http.StatusForbidden:
		return httpx.KindMisconfigured
	case e.StatusCode == http.StatusBadRequest && (e.Code == CodeValidationError || e.Code == "UnsupportedApiVersion"):
		return httpx.KindMisconfigured
	case e.StatusCode == http.StatusTooManyRequests:
		return httpx.KindThrottled
	case e.StatusCode == http.StatusRequestTimeout, e.StatusCode >= http.StatusInternalServerError:
		return httpx.KindUnavailable
	}
	return httpx.KindUnusable
}

func kindOfCause(err error) string {
	var known interface{ FailureKind() string }
	switch {
	case errors.As(err, &known):
		return known.FailureKind()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return httpx.KindTimeout
	}
	return httpx.KindUnavailable
}

// A failure is a cause of a known kind that is no answer of the service.
type failure struct{ kind, text string }

func (f failure) Error() string       { return f.text }
func (f failure) FailureKind() string { return f.kind }
