package httpx

import "errors"

// The kinds of upstream failure. The errors of the packages obo, graphmap and
// acsidentity name one of them in their FailureKind method; the package acsauth
// turns it into an HTTP answer. They are plain strings so that none of these
// packages has to import another.
const (
	KindClaimsChallenge  = "claims_challenge"  // the user must satisfy a claims challenge
	KindConsentRequired  = "consent_required"  // the user or an admin has not consented
	KindInvalidAssertion = "invalid_assertion" // the caller's token was refused upstream
	KindBlocked          = "blocked"           // policy forbids this user, whatever they do
	KindMisconfigured    = "misconfigured"     // our own credentials or set-up were refused
	KindThrottled        = "throttled"         // too many requests
	KindUnavailable      = "unavailable"       // down, overloaded or unreachable
	KindOverloaded       = "overloaded"        // a limit of our own, before anything was sent
	KindTimeout          = "timeout"           // no answer in time
	KindLimit            = "limit"             // a quota that only an operator can mend
	KindUnusable         = "unusable"          // an answer that makes no sense
)

// IsOverloaded reports whether a call failed because of a limit of our own, which
// an [http.RoundTripper] says with an error whose FailureKind is [KindOverloaded].
// Then nothing was sent, for certain, and to try again at once would only make the
// crowd larger.
func IsOverloaded(err error) bool {
	var known interface{ FailureKind() string }
	return errors.As(err, &known) && known.FailureKind() == KindOverloaded
}
