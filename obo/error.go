package obo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/lru"
)

// An Error is why [Client.Token] returned no token; find it with errors.As. It
// holds no token, secret or description from the server. It may be shared by
// callers who waited for the same exchange, so it must not be changed.
type Error struct {
	// Kind says what the failure means, and so what to do about it:
	//
	//	claims_challenge   the user must satisfy the claims challenge in Claims,
	//	                   which the caller has to be sent
	//	consent_required   neither the user nor an administrator has consented
	//	invalid_assertion  the assertion was refused; the caller needs a new one
	//	blocked            a policy keeps the user out, or demands an interaction
	//	                   without saying which, so that there is no challenge
	//	misconfigured      the application's credential or registration was refused
	//	throttled          too many requests, see RetryAfter
	//	unavailable        down, overloaded or unreachable, after a retry
	//	overloaded         a limit of Config.HTTPClient's own kept the request from
	//	                   being sent
	//	timeout            no answer in time, or the caller's context ended
	//	unusable           an answer, or an argument, that makes no sense
	Kind string

	// StatusCode is the HTTP status of the answer; 0 if there was none.
	StatusCode int

	// Code is the OAuth 2.0 error code (RFC 6749 section 5.2), such as
	// "invalid_grant", and Suberror the finer reason that Microsoft Entra ID
	// may add, such as "consent_required". Empty if there was none.
	Code, Suberror string

	// ErrorCodes are the numbers of Microsoft Entra ID's own codes: 65001 is
	// AADSTS65001. They are for diagnosis, and may change.
	// See https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
	ErrorCodes []int

	// Claims is the claims challenge, a JSON object without white space of at
	// most 8 KiB. It is set if and only if Kind is claims_challenge.
	// See https://learn.microsoft.com/entra/identity-platform/claims-challenge.
	Claims string

	// CorrelationID and TraceID identify the request in the sign-in logs of
	// Microsoft Entra ID. Empty if no request was sent.
	CorrelationID, TraceID string

	// RetryAfter is how long to wait before the next try; 0 if unknown.
	RetryAfter time.Duration

	// Err is a cause outside Microsoft Entra ID's answer, such as a context's
	// error or that of a connection. It may be nil.
	Err error

	// transient failures are worth an immediate retry.
	transient bool
}

var summaries = map[string]string{
	httpx.KindClaimsChallenge:  "the user must satisfy a claims challenge",
	httpx.KindConsentRequired:  "consent is missing; an administrator can grant it in the app's registration",
	httpx.KindInvalidAssertion: "the caller's token was refused; the caller needs a new one",
	httpx.KindBlocked:          "a policy keeps the user out or demands an interaction; see the sign-in logs",
	httpx.KindMisconfigured:    "the app's credential or registration was refused; check client id, credential, scopes and App ID URI",
	httpx.KindThrottled:        "too many requests",
	httpx.KindUnavailable:      "Microsoft Entra ID is unavailable",
	httpx.KindOverloaded:       "a limit of our own kept the request from being sent",
	httpx.KindTimeout:          "no answer in time",
	httpx.KindUnusable:         "the exchange makes no sense",
}

// Error says what failed, with codes and ids, but not in the server's words.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("obo: ")
	if summary, ok := summaries[e.Kind]; ok {
		text.WriteString(summary)
	} else {
		text.WriteString("the exchange failed")
	}
	var details []string
	if e.StatusCode != 0 {
		details = append(details, fmt.Sprintf("HTTP %d", e.StatusCode))
	}
	if e.Code != "" {
		details = append(details, e.Code)
	}
	if e.Suberror != "" {
		details = append(details, "suberror "+e.Suberror)
	}
	for _, code := range e.ErrorCodes {
		details = append(details, fmt.Sprintf("AADSTS%d", code))
	}
	if e.RetryAfter > 0 {
		details = append(details, "retry after "+e.RetryAfter.String())
	}
	if e.CorrelationID != "" {
		details = append(details, "correlation id "+e.CorrelationID)
	}
	if len(details) > 0 {
		text.WriteString(" (" + strings.Join(details, ", ") + ")")
	}
	if e.Err != nil {
		text.WriteString(": " + e.Err.Error())
	}
	return text.String()
}

// Unwrap returns Err, so that errors.Is(err, context.Canceled) works.
func (e *Error) Unwrap() error { return e.Err }

// FailureKind returns Kind.
func (e *Error) FailureKind() string { return e.Kind }

// ChallengeClaims returns Claims.
func (e *Error) ChallengeClaims() string { return e.Claims }

// RetryDelay returns RetryAfter.
func (e *Error) RetryDelay() time.Duration { return e.RetryAfter }

// lasting reports whether only the user or an administrator can change it.
func (e *Error) lasting() bool {
	switch e.Kind {
	case httpx.KindClaimsChallenge, httpx.KindConsentRequired, httpx.KindBlocked:
		return true
	}
	return false
}

// refusesCredential reports whether another credential could change it.
func (e *Error) refusesCredential() bool {
	return e.Code == "invalid_client" || e.Kind == httpx.KindMisconfigured && slices.Contains(e.ErrorCodes, malformedToken)
}

// size is about what a remembered failure takes in memory.
func (e *Error) size() int64 { return int64(lru.Overhead + len(e.Claims)) }

// unreachable stands for a request that was not answered, because of err.
func unreachable(ctx context.Context, err error) *Error {
	if httpx.IsOverloaded(err) {
		return &Error{Kind: httpx.KindOverloaded}
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: httpx.KindTimeout, Err: context.DeadlineExceeded, transient: true}
	}
	return &Error{Kind: httpx.KindUnavailable, Err: httpx.ConnectionCause(err), transient: true}
}
