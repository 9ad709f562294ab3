package obo

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

const (
	// maxErrorCodes bounds what an Error repeats; real answers hold one to three.
	maxErrorCodes = 8
	// malformedToken is the number of a JWT that cannot be read: the caller's, or our
	// own client assertion.
	malformedToken = 50027
	// maxRetryAfter bounds how long an answer can keep a tenant from asking again.
	maxRetryAfter = 10 * time.Minute
)

// A refusal is the token endpoint's error answer: RFC 6749 section 5.2, with
// what Microsoft Entra ID adds.
type refusal struct {
	Code          string `json:"error"`
	Suberror      string `json:"suberror"`
	ErrorCodes    []int  `json:"error_codes"`
	Claims        string `json:"claims"`
	CorrelationID string `json:"correlation_id"`
	TraceID       string `json:"trace_id"`
}

// parseRefusal reads what it can: gateways answer with HTML, or with nothing.
func parseRefusal(body []byte) refusal {
	var r refusal
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(body, &r); err != nil && !errors.As(err, &mistyped) {
		return refusal{}
	}
	r.ErrorCodes = slices.DeleteFunc(r.ErrorCodes, func(n int) bool { return n <= 0 })
	return r
}

// failure returns the Error that an answer stands for. Only what cannot hold a
// token or a secret is taken over.
func (r refusal) failure(status int, header http.Header, now time.Time) *Error {
	e := &Error{
		StatusCode:    status,
		Code:          errorName(r.Code),
		Suberror:      errorName(r.Suberror),
		ErrorCodes:    slices.Clip(r.ErrorCodes[:min(len(r.ErrorCodes), maxErrorCodes)]),
		CorrelationID: guidOrNothing(r.CorrelationID),
		TraceID:       guidOrNothing(r.TraceID),
	}
	if e.TraceID == "" {
		e.TraceID = guidOrNothing(header.Get("x-ms-request-id"))
	}
	if wait, ok := httpx.RetryAfter(header, now); ok {
		e.RetryAfter = wait
	}

	// A challenge wins over every other reading. One that cannot be relayed
	// leaves nothing that would help the user.
	if r.Claims != "" {
		if claims, ok := httpx.CompactClaims(r.Claims); ok {
			e.Kind, e.Claims = httpx.KindClaimsChallenge, claims
		} else {
			e.Kind = httpx.KindUnusable
		}
		return e
	}
	e.Kind = kindOf(status, e.Code, e.Suberror, r.ErrorCodes)
	switch e.Kind {
	case httpx.KindUnavailable:
		e.transient = true
	case httpx.KindThrottled:
		e.transient = e.RetryAfter > 0 // told when to come back; else leave it alone
	}
	return e
}

// kindOf reads an answer without claims. Names decide before numbers, which
// Microsoft reserves the right to change; numbers tell apart what one name,
// "invalid_grant" above all, stands for.
func kindOf(status int, code, suberror string, numbers []int) string {
	if status == http.StatusTooManyRequests || slices.ContainsFunc(numbers, isThrottling) {
		return httpx.KindThrottled
	}
	if kind, ok := kindOfSuberror[suberror]; ok {
		return kind
	}
	if kind, ok := kindOfCode[code]; ok {
		return kind
	}
	for _, number := range numbers {
		if number == malformedToken && code != "invalid_grant" {
			return httpx.KindMisconfigured // our client assertion; the caller's is the grant
		}
		if kind, ok := kindOfNumber[number]; ok {
			return kind
		}
	}
	if status >= http.StatusInternalServerError || status == http.StatusRequestTimeout {
		return httpx.KindUnavailable
	}
	if kind, ok := kindOfVagueCode[code]; ok {
		return kind
	}
	return httpx.KindUnusable
}

var (
	kindOfSuberror = map[string]string{
		"consent_required":           httpx.KindConsentRequired,
		"message_only":               httpx.KindBlocked,
		"basic_action":               httpx.KindBlocked,
		"additional_action":          httpx.KindBlocked,
		"protection_policy_required": httpx.KindBlocked,
		"bad_token":                  httpx.KindInvalidAssertion,
		"token_expired":              httpx.KindInvalidAssertion,
	}

	// kindOfCode holds the codes that mean one thing only.
	kindOfCode = map[string]string{
		"consent_required":        httpx.KindConsentRequired,
		"temporarily_unavailable": httpx.KindUnavailable,
		"server_error":            httpx.KindUnavailable,
		"invalid_client":          httpx.KindMisconfigured,
		"invalid_scope":           httpx.KindMisconfigured,
		"invalid_resource":        httpx.KindMisconfigured,
		"invalid_tenant":          httpx.KindMisconfigured,
		"unsupported_grant_type":  httpx.KindMisconfigured,
	}

	// kindOfVagueCode is for answers with a number that is not known here.
	kindOfVagueCode = map[string]string{
		"invalid_grant":        httpx.KindInvalidAssertion,
		"interaction_required": httpx.KindBlocked, // which interaction, nobody says
		"login_required":       httpx.KindInvalidAssertion,
		"access_denied":        httpx.KindBlocked,
		"unauthorized_client":  httpx.KindMisconfigured,
		"invalid_request":      httpx.KindMisconfigured,
	}

	// See https://learn.microsoft.com/entra/identity-platform/reference-error-codes.
	kindOfNumber = numbered(map[string][]int{
		httpx.KindConsentRequired: {65001},
		httpx.KindBlocked: {
			53000, 53001, 53002, 53003, // conditional access: device, or plainly blocked
			50105,                                    // user not assigned to the app
			50072, 50074, 50076, 50078, 50079, 50158, // more authentication, but no claims to ask for it
		},
		httpx.KindInvalidAssertion: {
			50013, 500133, malformedToken, // signature, expiry or form
			50173, 50132, 50133, 700082, 70043, // session revoked or expired
			240002, // an id token is no access token
		},
		httpx.KindMisconfigured: {
			500131,           // assertion meant for another app, or App ID URI in upper case
			7000215, 7000222, // secret
			700027, 700024, 7000214, 7000274, 7000277, 1000502, // certificate
			700222, 700229, // federated credential
			700016, 7000112, 7000114, // app unknown, disabled, or not allowed to
			70011, 700022, // scopes
			9001023, 90124, 90130, 50049, // tenant or authority
		},
		httpx.KindUnavailable: {90006, 90024, 90033, 50033},
	})
)

// isThrottling knows the numbers that come with names which say less: too many
// requests of a tenant, and the same request over and over (a loop).
func isThrottling(number int) bool { return number == 90055 || number == requestLoop }

// requestLoop is the number of the answer to one request that comes over and over.
const requestLoop = 50196

// isLoop reports whether a throttling is about the assertion and not the tenant.
func (e *Error) isLoop() bool { return slices.Contains(e.ErrorCodes, requestLoop) }

func numbered(byKind map[string][]int) map[int]string {
	byNumber := make(map[int]string)
	for kind, numbers := range byKind {
		for _, number := range numbers {
			byNumber[number] = kind
		}
	}
	return byNumber
}

// errorName returns s if it has the form of an OAuth error code. Tokens and
// secrets, which a confused server might repeat, do not.
func errorName(s string) string {
	if len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return s
}

func guidOrNothing(s string) string {
	if syntax.IsGUID(s) {
		return s
	}
	return ""
}
