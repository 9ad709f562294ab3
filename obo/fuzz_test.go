package obo_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

var kinds = []string{
	"claims_challenge", "consent_required", "invalid_assertion", "blocked",
	"misconfigured", "throttled", "unavailable", "timeout", "unusable",
}

// Whatever the token endpoint answers, the outcome is a usable token or an error
// of a known kind, whose text is fit for any log.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "", `{"token_type":"Bearer","expires_in":3600,"access_token":"t"}`)
	f.Add(200, "", `{"token_type":"bearer","expires_in":"3599","access_token":"t"}`)
	f.Add(200, "", `{"access_token":`)
	f.Add(400, "", `{"error":"interaction_required","claims":"{\"access_token\":{}}"}`)
	f.Add(400, "", `{"error":"invalid_grant","suberror":"consent_required","error_codes":[65001]}`)
	f.Add(400, "", `{"error":"invalid_grant","error_codes":[1,2,3,4,5,6,7,8,9,10]}`)
	f.Add(400, "", `{"error":["x"],"claims":{},"error_codes":"50076"}`)
	f.Add(429, "7", ``)
	f.Add(503, "Tue, 24 Nov 2026 06:45:43 GMT", `<html>`)
	f.Add(307, "-1", `null`)
	f.Fuzz(func(t *testing.T, status int, retryAfter, body string) {
		if status < 100 || status > 999 {
			return
		}
		synctest.Test(t, func(t *testing.T) { // so that retries take no time
			requests := 0
			client := mustNew(t, obo.Config{
				ClientID: clientID, Credential: obo.ClientSecret(clientSecret),
				HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					requests++
					return &http.Response{
						StatusCode: status, Request: r, Body: io.NopCloser(strings.NewReader(body)),
						Header: http.Header{"Retry-After": {retryAfter}, "Location": {"/elsewhere"}},
					}, nil
				})},
			})
			token, err := client.Token(t.Context(), tenantID, "a.b.c", "")
			if requests < 1 || requests > 2 {
				t.Errorf("%d requests", requests)
			}
			if err == nil {
				if token == "" || strings.ContainsAny(token, " \r\n") || status != http.StatusOK {
					t.Errorf("Token = %q", token)
				}
				return
			}
			var e *obo.Error
			if !errors.As(err, &e) || !slices.Contains(kinds, e.Kind) || token != "" {
				t.Fatalf("Token = %q, %v", token, err)
			}
			if (e.Claims != "") != (e.Kind == "claims_challenge") || len(e.Claims) > 8<<10 {
				t.Errorf("kind %s with claims %q", e.Kind, e.Claims)
			}
			var object map[string]any
			if e.Claims != "" && (json.Unmarshal([]byte(e.Claims), &object) != nil || object == nil) {
				t.Errorf("the claims are no JSON object: %q", e.Claims)
			}
			if e.RetryAfter < 0 {
				t.Errorf("retry after %v", e.RetryAfter)
			}
			text := e.Error()
			if len(text) > 600 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("error text: %q", text)
			}
		})
	})
}

// Whatever the arguments are, at most the one address of a tenant is asked.
func FuzzArguments(f *testing.F) {
	f.Add(tenantID, "a.eyJleHAiOjE3MDAwMDAwMDB9.c", "")
	f.Add(strings.ToUpper(tenantID), "a.eyJleHAiOiJ4In0.c", `{"access_token":{}}`)
	f.Add(tenantID, "a.eyJleHAiOjFlMzA4fQ.c", ` {"a" : [1, 2]} `)
	f.Add(tenantID, "no token", `[]`)
	f.Add("../../x", "a.b.c", `null`)
	f.Add("common", "", `{`)
	f.Fuzz(func(t *testing.T, tenant, assertion, claims string) {
		requests := 0
		client := mustNew(t, obo.Config{
			ClientID: clientID, Credential: obo.ClientSecret(clientSecret),
			HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				requests++
				if want := "https://login.microsoftonline.com/" + strings.ToLower(tenant) + "/oauth2/v2.0/token"; r.URL.String() != want || len(tenant) != 36 {
					t.Errorf("asked %s", r.URL)
				}
				if err := r.ParseForm(); err != nil || r.PostForm.Get("assertion") != assertion {
					t.Errorf("sent %q, %v", r.PostForm.Get("assertion"), err)
				}
				if sent := r.PostForm.Get("claims"); claims != "" && (!json.Valid([]byte(sent)) || sent[0] != '{') {
					t.Errorf("sent claims %q", sent)
				}
				body := `{"token_type":"Bearer","expires_in":3600,"access_token":"t"}`
				return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})},
		})
		_, err := client.Token(t.Context(), tenant, assertion, claims)
		var e *obo.Error
		switch {
		case err == nil && requests != 1:
			t.Errorf("%d requests", requests)
		case err != nil && (!errors.As(err, &e) || requests != 0):
			t.Errorf("error %v after %d requests", err, requests)
		}
	})
}
