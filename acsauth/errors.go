package acsauth

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// An Error is a refusal in the vocabulary of the HTTP API. Whatever [Authenticator],
// [Service] and [Handler] cannot do for a user, they say with one: test for it with
// errors.As and decide by Name. It wraps its cause, so that errors.Is finds
// [ErrNotMapped], and errors.As what the store or ACS said.
type Error struct {
	// Name is the stable name of the refusal: invalid_request, invalid_teams_token,
	// missing_token, invalid_token, insufficient_claims, insufficient_scope,
	// user_token_required, client_not_allowed, consent_required, access_blocked,
	// teams_user_mismatch, identity_not_mapped, not_found, method_not_allowed,
	// extension_limit, mapping_invalid, rate_limited, internal, server_misconfigured,
	// upstream_error, keys_unavailable, upstream_unavailable, overloaded or
	// upstream_timeout. docs/endpoints.md in the module explains them.
	Name string
	// Message is for a person. It never holds a token or a secret. In the answer of
	// a [Handler] the endpoint that helps may follow it.
	Message string
	// RetryAfter says when to try again. Zero: nothing is known.
	RetryAfter time.Duration
	// Err is the cause, for logs. Answers say nothing of it, unless DebugErrors of
	// [AuthenticatorConfig] is set.
	Err error

	claims string // of a claims challenge: JSON
	advice string // what a Handler adds to the message; %s is the path of its users
	user   *User  // who was refused, if a genuine token says so; without the token
}

// Error returns the name, the message and the cause.
func (e *Error) Error() string {
	text := e.Name + ": " + e.Message
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Status returns the HTTP status that belongs to the name.
func (e *Error) Status() int {
	if answer, ok := answers[e.Name]; ok {
		return answer.status
	}
	return http.StatusInternalServerError
}

// answers is the one table from the name of an error to its HTTP answer. The
// message is used where whoever refuses has nothing better to say. It does not name
// endpoints, which only a Handler has.
var answers = map[string]struct {
	status     int
	retryAfter bool // the answer says when to try again
	message    string
}{
	"invalid_request":      {400, false, "The request is malformed."},
	"invalid_teams_token":  {400, false, "The Teams user's token was refused. It must be a current token for " + teamsAudience + " with the scopes Teams.ManageCalls and Teams.ManageChats."},
	"missing_token":        {401, false, "This endpoint needs an access token: Authorization: Bearer <token>."},
	"invalid_token":        {401, false, "The access token was refused."},
	"insufficient_claims":  {401, false, "Microsoft Entra ID demands more of this sign-in. Acquire a new token with the claims in the WWW-Authenticate header."},
	"insufficient_scope":   {403, false, "The access token lacks the required scope."},
	"user_token_required":  {403, false, "This endpoint serves signed-in users, and the access token is an application's own."},
	"client_not_allowed":   {403, false, "The application that sent the access token may not call this API."},
	"consent_required":     {403, false, "The user or an administrator has not consented to what this API needs. Ask for the scope in the WWW-Authenticate header interactively."},
	"access_blocked":       {403, false, "A policy of the directory blocks this user, application or device."},
	"teams_user_mismatch":  {403, false, "The Teams user's token belongs to another user or application."},
	"identity_not_mapped":  {404, false, "No ACS identity is mapped to this user."},
	"not_found":            {404, false, "There is nothing at this path."},
	"method_not_allowed":   {405, false, "The method is not allowed here. The Allow header lists those that are."},
	"extension_limit":      {409, false, "Microsoft Graph keeps at most two open extensions for one application on one user. Remove one that is not needed any more."},
	"mapping_invalid":      {409, false, "The stored mapping of this user cannot be trusted or belongs to another ACS resource."},
	"rate_limited":         {429, true, "Too many requests. Try again later."},
	"internal":             {500, false, "Something went wrong in this server. Its log has the details under the request id."},
	"server_misconfigured": {500, false, "This server's own credentials or set-up were refused. Its log has the details under the request id."},
	"upstream_error":       {502, false, "A service that this server depends on gave an unusable answer."},
	"keys_unavailable":     {503, true, "Access tokens cannot be checked at the moment, because the signing keys could not be loaded."},
	"upstream_unavailable": {503, true, "A service that this server depends on is not available at the moment."},
	"overloaded":           {503, true, "This server is overloaded at the moment."},
	"upstream_timeout":     {504, false, "A service that this server depends on did not answer in time."},
}

// advice is what a [Handler] adds to messages of that table: which of its endpoints
// helps. %s stands for the path of its users.
var advice = map[string]string{
	"identity_not_mapped": "Create one with POST %s.",
	"mapping_invalid":     "DELETE %s removes it.",
}

// failures is the table from the kind of a [Failure] to the name of an error.
var failures = map[string]string{
	"claims_challenge":  "insufficient_claims",
	"consent_required":  "consent_required",
	"invalid_assertion": "invalid_token",
	"blocked":           "access_blocked",
	"limit":             "extension_limit",
	"misconfigured":     "server_misconfigured",
	"throttled":         "rate_limited",
	"unavailable":       "upstream_unavailable",
	"overloaded":        "overloaded",
	"timeout":           "upstream_timeout",
	"unusable":          "upstream_error",
}

func refuse(name, message string) *Error { return &Error{Name: name, Message: message} }

// standard refuses with the message of the table. cause may be nil.
func standard(name string, cause error) *Error {
	return &Error{Name: name, Message: answers[name].message, Err: cause}
}

// internal refuses for a mistake in this program.
func internal(cause error) *Error { return standard("internal", cause) }

// inWords returns err in the vocabulary of the HTTP API, or nil if there is none.
func inWords(err error) error {
	if err == nil {
		return nil
	}
	own := *refusal(err) // others get the same refusal, and it has fields that can be set
	return &own
}

// refusal returns err in the vocabulary of the HTTP API. None at all, or one without
// a name, is a mistake of whoever asks.
func refusal(err error) *Error {
	if err == nil {
		return internal(errors.New("there is no error to answer with"))
	}
	e := &Error{Err: err}
	var known *Error
	var failure Failure
	var delayed delayedFailure
	claims := findClaims(err)
	switch {
	case claims != "" && errors.As(err, &known) && known.claims == claims:
		return known
	// Claims win over every other reading: they are what the user can act on.
	case claims != "":
		e.Name, e.claims = "insufficient_claims", claims
	case errors.As(err, &known) && known.Name == "":
		return internal(err)
	// One that demands claims and has none would send the user to sign in for nothing.
	case known != nil && known.Name != "insufficient_claims":
		return known
	case errors.Is(err, ErrMappingInvalid):
		e.Name = "mapping_invalid"
	case errors.Is(err, ErrNotMapped):
		e.Name = "identity_not_mapped"
	case errors.As(err, &failure):
		e.Name = failures[failure.FailureKind()]
		if errors.As(err, &delayed) {
			e.RetryAfter = delayed.RetryDelay()
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		e.Name = "upstream_timeout"
	}
	if e.Name == "" || e.Name == "insufficient_claims" && claims == "" {
		e.Name = "upstream_error"
	}
	e.Message, e.advice = answers[e.Name].message, advice[e.Name]
	return e
}

// findClaims returns the claims of the first claims challenge in err's tree that can
// be passed on. errors.As would stop at the first error that could carry one.
func findClaims(err error) string {
	for cause := range tree(err) {
		if challenge, ok := cause.(claimsFailure); ok {
			if claims, ok := httpx.CompactClaims(challenge.ChallengeClaims()); ok {
				return claims
			}
		}
	}
	return ""
}
