package acsidentity_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// TestErrorBodies reads what the service was seen to answer, and what else
// stands between a client and the service.
func TestErrorBodies(t *testing.T) {
	t.Parallel()
	type answered struct{ Code, Message, Target string }
	tests := []struct {
		status int
		body   string
		want   answered
		kind   string
	}{
		{401, `{"error":{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}}`, answered{acsidentity.CodeIdentityNotOwned, "Provided identity doesn't belong to the resource.", ""}, "unusable"},
		{401, `{"error":{"code":"InvalidAccessToken","message":"Provided access token is not valid."}}`, answered{acsidentity.CodeInvalidAccessToken, "Provided access token is not valid.", ""}, "unusable"},
		{401, `{"error":{"code":"Denied","message":"Denied by the resource provider."}}`, answered{acsidentity.CodeDenied, "Denied by the resource provider.", ""}, "misconfigured"},
		{400, `{"error":{"code":"ValidationError","message":"AAD application is not the expected one.","target":"appId"}}`, answered{acsidentity.CodeValidationError, "AAD application is not the expected one.", "appId"}, "misconfigured"},
		{400, `{"error":{"code":"ValidationError","message":"m","target":"userId","details":[{"code":"x"}],"innererror":{"code":"y"}}}`, answered{acsidentity.CodeValidationError, "m", "userId"}, "misconfigured"},
		{400, `{"error":{"code":"UnsupportedApiVersion","message":"The HTTP resource ..."}}`, answered{"UnsupportedApiVersion", "The HTTP resource ...", ""}, "misconfigured"},
		{400, `{"error":{"code":"SomethingElse"}}`, answered{"SomethingElse", "", ""}, "unusable"},
		{401, `{"error":{"code":"7509","message":"HMAC-SHA256 validation failed"}}`, answered{"7509", "HMAC-SHA256 validation failed", ""}, "misconfigured"},
		{401, `{"Error":{"Code":"Denied","Message":"M"}}`, answered{"Denied", "M", ""}, "misconfigured"},
		{403, ``, answered{}, "misconfigured"},
		{404, `{"error":{"code":"NotFound","message":"m"}}`, answered{"NotFound", "m", ""}, "unusable"},
		{409, ``, answered{}, "unusable"},
		{408, ``, answered{}, "unavailable"},
		{429, `<html><body>Too many requests</body></html>`, answered{}, "throttled"},
		{429, `{"message":"Slow down"}`, answered{"", "Slow down", ""}, "throttled"},
		{429, `{"code":"TooManyRequests","message":"Slow down"}`, answered{"TooManyRequests", "Slow down", ""}, "throttled"},
		{500, `{"error":"text"}`, answered{"", "text", ""}, "unavailable"},
		{500, `{"error":{"code":123,"message":null}}`, answered{"123", "", ""}, "unavailable"},
		{500, `{"error":{"code":{"a":1},"message":["x"],"target":true}}`, answered{}, "unavailable"},
		{500, `{"error":null,"message":"m"}`, answered{"", "m", ""}, "unavailable"},
		{500, `{"error":[1]}`, answered{}, "unavailable"},
		{502, `<!DOCTYPE html>`, answered{}, "unavailable"},
		{503, `{"error":{"code":"x"`, answered{}, "unavailable"},
		{503, `null`, answered{}, "unavailable"},
		{503, `[]`, answered{}, "unavailable"},
		{504, `"text"`, answered{}, "unavailable"},
		{500, `{"error":{"code":"two words","target":"line\nfeed","message":"kept"}}`, answered{"", "kept", ""}, "unavailable"},
		{500, `{"error":{"code":"` + strings.Repeat("c", 129) + `","message":"` + strings.Repeat("m", 2000) + `"}}`, answered{"", strings.Repeat("m", 1024), ""}, "unavailable"},
		{401, `{"error":{"code":"Denied","message":"` + strings.Repeat("m", 1<<20) + `"}}`, answered{}, "misconfigured"},
		{302, ``, answered{}, "unusable"},
	}
	for _, tt := range tests {
		err := answering(t, tt.status, tt.body).DeleteIdentity(t.Context(), userID)
		e := asError(t, err)
		if diff := cmp.Diff(tt.want, answered{e.Code, e.Message, e.Target}); diff != "" || e.StatusCode != tt.status || e.FailureKind() != tt.kind {
			t.Errorf("%d %.80s: status %d, kind %s, want %s, (-want +got):\n%s", tt.status, tt.body, e.StatusCode, e.FailureKind(), tt.kind, diff)
		}
		if len(e.Message) > 1 && strings.Contains(err.Error(), e.Message) {
			t.Errorf("the error text holds what the service wrote: %v", err)
		}
	}
}

// Only the service itself can say that an identity is gone. What stands in front of
// it answers 404 as well, for reasons of its own.
func TestRefusesIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		want   bool
	}{
		{"not owned", 401, `{"error":{"code":"IdentityNotOwned","message":"Provided identity doesn't belong to the resource."}}`, true},
		{"gone", 404, `{"error":{"code":"IdentityNotFound","message":"Provided identity doesn't exist."}}`, true},
		{"gone, with all that an error can have", 404, `{"error":{"code":"IdentityNotFound","message":"m","target":"id","details":[],"innererror":{"code":"x"}}}`, true},
		{"gone, in another case", 404, `{"Error":{"Code":"NotFound","Message":"m"}}`, true},
		{"our credentials", 401, `{"error":{"code":"Denied","message":"Denied by the resource provider."}}`, false},
		{"another status", 410, `{"error":{"code":"IdentityNotFound","message":"m"}}`, false},
		{"nothing", 404, ``, false},
		{"a page", 404, `<html><body>404 Not Found</body></html>`, false},
		{"a gateway's text", 404, `{"statusCode":404,"message":"Resource not found"}`, false},
		{"a gateway's code", 404, `{"code":"RouteNotFound","message":"m"}`, false},
		{"a gateway's number", 404, `{"error":{"code":404,"message":"Not Found","status":"NOT_FOUND"}}`, false},
		{"a gateway's number as text", 404, `{"error":{"code":"404","message":"Resource not found"}}`, false},
		{"an error that is a text", 404, `{"error":"Not Found","path":"/identities"}`, false},
		{"an error without a code", 404, `{"error":{"message":"m"}}`, false},
		{"an error without a message", 404, `{"error":{"code":"NotFound"}}`, false},
		{"a code of two words", 404, `{"error":{"code":"not found","message":"m"}}`, false},
		{"half an error", 404, `{"error":{"code":"IdentityNotFound","message":"m"}`, false},
	} {
		err := answering(t, tt.status, tt.body).DeleteIdentity(t.Context(), userID)
		if got := asError(t, err).RefusesIdentity(); got != tt.want {
			t.Errorf("%s: %d %s: %v, want %v", tt.name, tt.status, tt.body, got, tt.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	for _, tt := range []struct {
		err  acsidentity.Error
		want string
	}{
		{
			acsidentity.Error{Operation: "IssueToken", StatusCode: 401, Code: "IdentityNotOwned", Message: "m", Target: "t", ClientRequestID: "c", ServiceRequestID: "s", RetryAfter: time.Second},
			"acsidentity: IssueToken: status 401 IdentityNotOwned (client request c, service request s)",
		},
		{
			acsidentity.Error{Operation: "CreateIdentity", ClientRequestID: "c", Err: fmt.Errorf("%w: %w", acsidentity.ErrOutcomeUnknown, cause)},
			"acsidentity: CreateIdentity (client request c): the request may have taken effect: connection refused",
		},
		{
			acsidentity.Error{Operation: "CreateIdentity", StatusCode: 502, Err: acsidentity.ErrOutcomeUnknown},
			"acsidentity: CreateIdentity: status 502: the request may have taken effect",
		},
		{acsidentity.Error{Operation: "IssueToken", Err: cause}, "acsidentity: IssueToken: connection refused"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		if !errors.Is(&tt.err, tt.err.Err) && tt.err.Err != nil {
			t.Errorf("%v does not match its cause", &tt.err)
		}
	}
}

func TestFailureKindWithoutAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		cause error
		want  string
	}{
		{errors.New("connection refused"), "unavailable"},
		{nil, "unavailable"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), "timeout"},
		{fmt.Errorf("read: %w", context.Canceled), "timeout"},
		{fmt.Errorf("no bearer token: %w", blocked{}), "blocked"},
	} {
		e := &acsidentity.Error{Operation: "IssueToken", Err: tt.cause}
		if got := e.FailureKind(); got != tt.want {
			t.Errorf("kind of %v is %s, want %s", tt.cause, got, tt.want)
		}
	}
}

// later is an error of a credential that knows when to come back.
type later struct{ blocked }

func (later) RetryDelay() time.Duration { return time.Minute }

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	cause := fmt.Errorf("no bearer token: %w", later{})
	for _, tt := range []struct {
		err  acsidentity.Error
		want time.Duration
	}{
		{acsidentity.Error{}, 0},
		{acsidentity.Error{StatusCode: 429, RetryAfter: time.Second}, time.Second},
		{acsidentity.Error{Err: cause}, time.Minute},
		{acsidentity.Error{Err: blocked{}}, 0},
		{acsidentity.Error{StatusCode: 503, Err: cause}, 0},
	} {
		if got := tt.err.RetryDelay(); got != tt.want {
			t.Errorf("%v: %s, want %s", &tt.err, got, tt.want)
		}
	}
}

// What a header holds ends up in logs.
func TestServiceRequestIDIsChecked(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"UJqjXiUCo0uHUWLmfxMGWA.1.0": "UJqjXiUCo0uHUWLmfxMGWA.1.0",
		"two words":                  "",
		strings.Repeat("x", 129):     "",
	} {
		fake := &acs{script: []http.HandlerFunc{answer(401, "", "MS-CV", given)}}
		e := asError(t, mustNew(t, listen(t, fake)).RevokeTokens(t.Context(), userID))
		if e.ServiceRequestID != want {
			t.Errorf("MS-CV %q becomes %q", given, e.ServiceRequestID)
		}
	}
}

func FuzzErrorBody(f *testing.F) {
	f.Add(401, `{"error":{"code":"IdentityNotOwned","message":"m","target":"t"}}`)
	f.Add(429, `{"message":"m"}`)
	f.Add(500, `{"error":"text"}`)
	f.Add(502, `<html>`)
	f.Add(503, `{"error":{"code":123,"message":null,"Code":"a","CODE":[]}}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 205 || status > 599 {
			return
		}
		err := answering(t, status, body).DeleteIdentity(t.Context(), userID)
		e := asError(t, err)
		if e.StatusCode != status || e.FailureKind() == "" || len(e.Code) > 128 || len(e.Target) > 128 || len(e.Message) > 1024 {
			t.Errorf("%#v", e)
		}
		if strings.ContainsAny(err.Error(), "\n\r\x00\x1b") {
			t.Errorf("the error is no single line: %q", err)
		}
	})
}
