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
//	limit              Microsoft Graph keeps no more open extensions on the user (409)
//	misconfigured      our own credentials or set-up were refused (500)
//	throttled          too many requests (429)
//	unavailable        down, overloaded or unreachable (503)
//	overloaded         a limit of our own, before anything was sent (503)
//	timeout            no answer in time (504)
//	unusable           an answer that makes no sense (502)
//
// Any other value counts as unusable.
//
// An error can have two more methods, which are looked for too:
//
//	ChallengeClaims() string    the claims that the user must satisfy: JSON, an
//	                            object of at most 8 KiB. They are passed on, whatever
//	                            the kind; claims_challenge without them is unusable.
//	RetryDelay() time.Duration  when to try again, for kinds that are answered with
//	                            429 or 503. Zero: nobody knows.
type Failure interface {
	error
	FailureKind() string
}

// claimsFailure is a [Failure] with claims, as the JSON text that Microsoft Entra ID
// or Microsoft Graph sent.
type claimsFailure interface {
	Failure
	ChallengeClaims() string
}

// delayedFailure is a [Failure] that says when to try again.
type delayedFailure interface {
	Failure
	RetryDelay() time.Duration
}
