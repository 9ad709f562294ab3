package httpx

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
	KindTimeout          = "timeout"           // no answer in time
	KindLimit            = "limit"             // a quota that only an operator can mend
	KindUnusable         = "unusable"          // an answer that makes no sense
)
