package cloud

import (
	"fmt"
	"net/http"

	"github.com/google/uuid"
)

// Numbers of Entra errors that only this package answers; see also the exported
// ones, at [Refusal].
const (
	codeUnknownTenant     = 90002
	codeMissingParameter  = 900144
	codeBadRequest        = 9000411
	codeGrantType         = 70003
	codeCommonEndpoint    = 9001023
	codeUnknownClient     = 700016
	codeNoCredential      = 7000218
	codeAssertionKey      = 700027
	codeAssertionTime     = 700024
	codeAssertionAudience = 700023
	codeAssertionSubject  = 7000214
	codeFederationIssuer  = 700211
	codeFederationSubject = 700213
	codeFederationTarget  = 700212
	codeFederationUser    = 700229
	codeMalformedToken    = 50027
	codeWrongAudience     = 500131
	codeExpired           = 500133
	codeIDToken           = 240002
	codeAppOnlyAssertion  = 7000114
	codeUnknownUser       = 50034
	codeScope             = 70011
	codeManyResources     = 700022
	codeUnknownResource   = 500011
	codeClientScope       = 1002012
)

// codeMalformedClient stands for the number of codeMalformedToken where the
// client's own assertion is meant, with another name beside it.
const codeMalformedClient = -codeMalformedToken

// aadsts is how Entra answers by number. The texts are abridged; clients must
// not read them. Status and suberror of the rarer errors are a guess.
var aadsts = map[int]struct {
	status             int
	code, sub, message string
}{
	50012:                 {400, "invalid_grant", "", "Authentication failed."},
	50049:                 {400, "invalid_instance", "", "Unknown or invalid instance."},
	50072:                 {400, "interaction_required", "basic_action", "The user needs to enroll for second factor authentication (interactive)."},
	50074:                 {400, "interaction_required", "basic_action", "Strong authentication is required and the user did not pass the MFA challenge."},
	MFARequired:           {400, "interaction_required", "basic_action", "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication."},
	50078:                 {400, "interaction_required", "basic_action", "Presented multi-factor authentication has expired due to policies configured by your administrator."},
	MFAEnrollment:         {400, "interaction_required", "basic_action", "You must enroll in multi-factor authentication."},
	50158:                 {400, "interaction_required", "", "External security challenge was not satisfied."},
	50033:                 {503, "temporarily_unavailable", "", "A transient error occurred."},
	UserNotAssigned:       {400, "invalid_grant", "", "The signed in user is not assigned to a role for the application."},
	50132:                 {400, "invalid_grant", "bad_token", "The session is not valid due to password expiration or recent password change."},
	50133:                 {400, "invalid_grant", "bad_token", "The session is not valid due to password expiration or recent password change."},
	SessionRevoked:        {400, "invalid_grant", "bad_token", "The provided grant has expired due to it being revoked."},
	50196:                 {400, "invalid_grant", "", "The server terminated an operation because it encountered a client request loop."},
	53000:                 {400, "invalid_grant", "message_only", "Your device is required to be compliant to access this resource."},
	53001:                 {400, "invalid_grant", "message_only", "Your device is required to be domain joined to access this resource."},
	53002:                 {400, "invalid_grant", "message_only", "The application used is not an approved application for conditional access."},
	AccessBlocked:         {400, "invalid_grant", "message_only", "Access has been blocked by Conditional Access policies."},
	70043:                 {400, "invalid_grant", "bad_token", "The refresh token has expired or is invalid due to sign-in frequency checks."},
	90006:                 {503, "temporarily_unavailable", "", "An external server returned a retryable error."},
	90024:                 {503, "temporarily_unavailable", "", "A transient request budget was exceeded."},
	90124:                 {400, "invalid_request", "", "The resource is not supported over the /common or /consumers endpoints."},
	90130:                 {400, "invalid_request", "", "The application is not supported over the /common or /consumers endpoints."},
	700082:                {400, "invalid_grant", "bad_token", "The refresh token has expired due to inactivity."},
	700222:                {400, "invalid_client", "", "Tokens issued by Microsoft Entra ID may not be used for federated identity credential flows to this application."},
	codeFederationUser:    {400, "invalid_client", "", "Only app-only tokens can be used as federated identity credentials."},
	1000502:               {401, "invalid_client", "", "The provided certificate is not within its valid time period."},
	7000112:               {400, "unauthorized_client", "", "The application is disabled."},
	7000222:               {401, "invalid_client", "", "The provided client secret keys are expired."},
	7000274:               {401, "invalid_client", "", "The client assertion contains an invalid signature."},
	7000277:               {401, "invalid_client", "", "The client assertion's key is not registered."},
	codeUnknownTenant:     {400, "invalid_request", "", "Tenant was not found. Check that you have the correct tenant id."},
	TransientFailure:      {503, "temporarily_unavailable", "", "A transient error has occurred. Please try again."},
	TooManyRequests:       {429, "temporarily_unavailable", "", "The server rejected the request because of too many requests."},
	codeMissingParameter:  {400, "invalid_request", "", "The request body must contain a parameter that is missing."},
	codeBadRequest:        {400, "invalid_request", "", "The request is not properly formatted, or repeats a parameter."},
	codeGrantType:         {400, "unsupported_grant_type", "", "The app requested an unsupported grant type."},
	codeCommonEndpoint:    {400, "invalid_request", "", "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint."},
	codeUnknownClient:     {400, "unauthorized_client", "", "Application was not found in the directory."},
	codeNoCredential:      {401, "invalid_client", "", "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."},
	BadClientSecret:       {401, "invalid_client", "", "Invalid client secret provided."},
	codeAssertionKey:      {401, "invalid_client", "", "The certificate with identifier used to sign the client assertion is not registered on application, or the assertion was used before."},
	codeAssertionTime:     {401, "invalid_client", "", "Client assertion is not within its valid time range."},
	codeAssertionAudience: {401, "invalid_client", "", "Client assertion audience claim does not match Realm issuer."},
	codeAssertionSubject:  {401, "invalid_client", "", "The client assertion's issuer and subject are not the application."},
	codeFederationIssuer:  {401, "invalid_client", "", "No matching federated identity record found for presented assertion issuer."},
	codeFederationSubject: {401, "invalid_client", "", "No matching federated identity record found for presented assertion subject."},
	codeFederationTarget:  {401, "invalid_client", "", "No matching federated identity record found for presented assertion audience."},
	codeMalformedToken:    {400, "invalid_grant", "", "Invalid JWT token."},
	codeMalformedClient:   {400, "invalid_request", "", "JWT token is invalid or malformed."},
	AssertionRefused:      {400, "invalid_grant", "", "Assertion failed signature validation."},
	codeWrongAudience:     {400, "invalid_grant", "", "Assertion audience does not match the Client app presenting the assertion."},
	codeExpired:           {400, "invalid_grant", "", "Assertion is not within its valid time range."},
	codeIDToken:           {400, "invalid_grant", "", "Input id_token cannot be used as 'urn:ietf:params:oauth:grant-type:jwt-bearer' grant."},
	codeAppOnlyAssertion:  {400, "unauthorized_client", "", "Application is not allowed to make application on-behalf-of calls."},
	codeUnknownUser:       {400, "invalid_grant", "", "The user account does not exist in the directory."},
	ConsentRequired:       {400, "invalid_grant", "consent_required", "The user or administrator has not consented to use the application."},
	codeScope:             {400, "invalid_scope", "", "The provided value for the input parameter 'scope' is not valid."},
	codeManyResources:     {400, "invalid_scope", "", "The provided value for scope has more than one resource."},
	codeUnknownResource:   {400, "invalid_resource", "", "The resource principal was not found in the tenant."},
	codeClientScope:       {400, "invalid_scope", "", "Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI)."},
}

// refuse is an error answer of the token endpoint. The claims of a challenge,
// a JSON text, may be empty.
func (e *Entra) refuse(x *exchange, number int, claims string) answer {
	entry, ok := aadsts[number]
	if !ok {
		entry.status, entry.code, entry.message = 400, "invalid_grant", "The request was refused."
	}
	if number == codeMalformedClient {
		number = codeMalformedToken
	}
	at := e.cloud.now().UTC().Format("2006-01-02 15:04:05Z")
	trace := uuid.NewString()
	correlation := x.Header.Get("client-request-id")
	if _, err := uuid.Parse(correlation); err != nil {
		correlation = uuid.NewString()
	}
	body := map[string]any{
		"error": entry.code,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s",
			number, entry.message, trace, correlation, at),
		"error_codes":    []int{number},
		"timestamp":      at,
		"trace_id":       trace,
		"correlation_id": correlation,
		"error_uri":      fmt.Sprintf("%s/error?code=%d", e.URL, number),
	}
	if entry.sub != "" {
		body["suberror"] = entry.sub
	}
	if claims != "" {
		body["claims"] = claims
	}
	return tokenHeaders(x, jsonAnswer(entry.status, body), trace)
}

// tokenHeaders adds what all answers of the token endpoint carry.
func tokenHeaders(x *exchange, a answer, trace string) answer {
	a.header.Set("Cache-Control", "no-store, no-cache")
	a.header.Set("Pragma", "no-cache")
	a.header.Set("X-Content-Type-Options", "nosniff")
	a.header.Set("X-Ms-Request-Id", trace)
	if id := x.Header.Get("client-request-id"); id != "" && x.Header.Get("return-client-request-id") == "true" {
		a.header.Set("Client-Request-Id", id)
	}
	if a.status == http.StatusTooManyRequests {
		a.header.Set("Retry-After", "5")
	}
	return a
}
