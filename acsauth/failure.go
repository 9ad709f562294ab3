package acsauth

import "time"

// A Failure is an error that knows what kind of upstream failure it stands for.
// The errors of the packages obo, graphmap and acsidentity are Failures, and
// those of one's own store can be: [Service] and [Handler] look for them with
// errors.As, so that they need not know the packages.
//
// FailureKind returns one of
//
//	claims_challenge   the user must satisfy a claims challenge (401)
//	consent_required   the user or an admin has not consented (403)
//	invalid_assertion  the caller's token was refused (401)
//	blocked            policy forbids this user, whatever they do (403)
//	limit              a quota that only an operator can mend (409)
//	misconfigured      our own credentials or set-up were refused (500)
//	throttled          too many requests (429)
//	unavailable        down, overloaded or unreachable (503)
//	overloaded         a limit of our own, before anything was sent (503)
//	timeout            no answer in time (504)
//	unusable           an answer that makes no sense (502)
//
// Any other value counts as unusable.
type Failure interface {
	error
	FailureKind() string
}

// claimsFailure is a [Failure] of kind claims_challenge that carries the claims,
// as the JSON text that Microsoft Entra ID or Microsoft Graph sent.
type claimsFailure interface {
	Failure
	ChallengeClaims() string
}

// delayedFailure is a [Failure] that says when to try again. Zero: it does not.
type delayedFailure interface {
	Failure
	RetryDelay() time.Duration
}
