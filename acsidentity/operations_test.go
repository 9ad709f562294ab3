package acsidentity_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

func TestResults(t *testing.T) {
	t.Parallel()
	client := mustNew(t, listen(t, &acs{}))
	want := acsidentity.AccessToken{Token: tokenText, ExpiresOn: expiresOn}

	id, err := client.CreateIdentity(t.Context())
	if err != nil || id != userID {
		t.Errorf("CreateIdentity = %q, %v", id, err)
	}
	id, token, err := client.CreateIdentityWithToken(t.Context(), voip)
	if err != nil || id != userID || token != want {
		t.Errorf("CreateIdentityWithToken = %q, %v, %v", id, token, err)
	}
	if token, err = client.IssueToken(t.Context(), id, voip); err != nil || token != want {
		t.Errorf("IssueToken = %v, %v", token, err)
	}
	if token, err = client.ExchangeTeamsToken(t.Context(), exchange); err != nil || token != want {
		t.Errorf("ExchangeTeamsToken = %v, %v", token, err)
	}
	if err = client.RevokeTokens(t.Context(), id); err != nil {
		t.Errorf("RevokeTokens: %v", err)
	}
	if err = client.DeleteIdentity(t.Context(), id); err != nil {
		t.Errorf("DeleteIdentity: %v", err)
	}
}

func TestRequestHeaders(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			fake := &acs{script: []http.HandlerFunc{answer(429, "", "x-ms-retry-after-ms", "0")}}
			client := mustNew(t, listen(t, fake))
			for range 2 {
				if err := op.call(t.Context(), client); err != nil {
					t.Fatal(err)
				}
			}
			seen := fake.seen()
			var ids []string
			for _, r := range seen {
				id := r.Header.Get("x-ms-client-request-id")
				if uuid.Validate(id) != nil {
					t.Errorf("client request id %q", id)
				}
				ids = append(ids, id)
				if r.Header.Get("Accept") != "application/json" || r.Header.Get("x-ms-return-client-request-id") != "true" ||
					!strings.HasPrefix(r.Header.Get("User-Agent"), "acs-authentication-hero-go/") {
					t.Errorf("headers %v", r.Header)
				}
				if hasType := r.Header.Get("Content-Type") != ""; hasType != (r.Body != "") {
					t.Errorf("Content-Type %q with body %q", r.Header.Get("Content-Type"), r.Body)
				}
			}
			if len(ids) != 3 || ids[0] != ids[1] || ids[1] == ids[2] {
				t.Errorf("client request ids of a retried and another call: %q", ids)
			}
		})
	}
}

// Ids come from stores that people can write to; none may reach another path.
func TestIdentityIDs(t *testing.T) {
	t.Parallel()
	onID := []struct {
		name string
		call func(context.Context, *acsidentity.Client, string) error
	}{
		{"IssueToken", func(ctx context.Context, c *acsidentity.Client, id string) error {
			_, err := c.IssueToken(ctx, id, voip)
			return err
		}},
		{"RevokeTokens", func(ctx context.Context, c *acsidentity.Client, id string) error { return c.RevokeTokens(ctx, id) }},
		{"DeleteIdentity", func(ctx context.Context, c *acsidentity.Client, id string) error { return c.DeleteIdentity(ctx, id) }},
	}
	for id, escaped := range map[string]string{
		userID:                          strings.ReplaceAll(userID, ":", "%3A"),
		"8:acs:a+b?c#d%3A":              "8%3Aacs%3Aa%2Bb%3Fc%23d%253A",
		strings.Repeat("x", 256):        strings.Repeat("x", 256),
		"":                              "",
		".":                             "",
		"..":                            "",
		"8:acs:a b":                     "",
		"8:acs:a\n":                     "",
		"8:acs:\x7f":                    "",
		"8:acs:ä":                       "",
		"8:acs:a/../b":                  "",
		`8:acs:a\b`:                     "",
		strings.Repeat("x", 257):        "",
		"8:acs:" + string([]byte{0xff}): "",
	} {
		for _, op := range onID {
			fake := &acs{}
			err := op.call(t.Context(), mustNew(t, listen(t, fake)), id)
			if escaped == "" {
				e := asError(t, err)
				if e.Operation != op.name || e.StatusCode != 0 || e.ClientRequestID != "" || e.FailureKind() != "unusable" ||
					errors.Is(err, acsidentity.ErrOutcomeUnknown) {
					t.Errorf("%s(%q): %#v", op.name, id, e)
				}
				if n := len(fake.seen()); n != 0 {
					t.Errorf("%s(%q) sent %d requests", op.name, id, n)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s(%q): %v", op.name, id, err)
			} else if got := fake.seen()[0].URI; !strings.HasPrefix(got, "/identities/"+escaped) {
				t.Errorf("%s(%q) went to %s", op.name, id, got)
			}
		}
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	fake := &acs{}
	client := mustNew(t, listen(t, fake))
	_, _, err := client.CreateIdentityWithToken(t.Context(), acsidentity.TokenOptions{})
	if e := asError(t, err); e.FailureKind() != "misconfigured" || errors.Is(err, acsidentity.ErrOutcomeUnknown) {
		t.Errorf("CreateIdentityWithToken without scopes: %v", err)
	}
	_, err = client.IssueToken(t.Context(), userID, acsidentity.TokenOptions{Scopes: voip.Scopes, ExpiresIn: time.Minute})
	if e := asError(t, err); e.FailureKind() != "misconfigured" {
		t.Errorf("IssueToken for a minute: %v", err)
	}
	for _, x := range []acsidentity.TeamsExchange{
		{AppID: "a", UserID: "u"}, {Token: "s3cret", UserID: "u"}, {Token: "s3cret", AppID: "a"},
	} {
		_, err := client.ExchangeTeamsToken(t.Context(), x)
		if e := asError(t, err); e.FailureKind() != "unusable" || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("ExchangeTeamsToken(%v): %v", x, err)
		}
	}
	if n := len(fake.seen()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A success that makes no sense is an error, and never half a result.
func TestMalformedSuccess(t *testing.T) {
	t.Parallel()
	tokens := []string{
		``, ` `, `null`, `[]`, `{}`, `"x"`, `{`, tokenJSON + `x`, `<html>`,
		`{"expiresOn":"2025-04-14T17:32:27+00:00"}`,
		`{"token":"","expiresOn":"2025-04-14T17:32:27+00:00"}`,
		`{"token":null,"expiresOn":"2025-04-14T17:32:27+00:00"}`,
		`{"token":17,"expiresOn":"2025-04-14T17:32:27+00:00"}`,
		`{"token":"a b","expiresOn":"2025-04-14T17:32:27+00:00"}`,
		`{"token":"` + tokenText + `"}`,
		`{"token":"` + tokenText + `","expiresOn":null}`,
		`{"token":"` + tokenText + `","expiresOn":""}`,
		`{"token":"` + tokenText + `","expiresOn":1744651947}`,
		`{"token":"` + tokenText + `","expiresOn":"tomorrow"}`,
		`{"token":"` + tokenText + `","expiresOn":"2025-04-14T17:32:27"}`,
		`{"token":"` + tokenText + `","expiresOn":"0001-01-01T00:00:00Z"}`,
		`{"token":"` + tokenText + `","expiresOn":"2025-04-14T17:32:27Z","pad":"` + strings.Repeat("x", 1<<20) + `"}`,
	}
	identities := []string{
		``, `null`, `[]`, `{}`, `{"id":"` + userID + `"}`, `{"identity":{}}`, `{"identity":null}`, `{"identity":{"id":""}}`,
		`{"identity":{"id":7}}`, `{"identity":{"id":"8:acs:a b"}}`, `{"identity":"` + userID + `"}`, createdJSON + `}`,
	}
	for _, op := range operations {
		var cases []http.HandlerFunc
		switch {
		case isCreate(op.name):
			for _, body := range identities {
				cases = append(cases, answer(201, body))
			}
			cases = append(cases, answer(200, bothJSON), answer(204, ""))
		case op.name == "IssueToken", op.name == "ExchangeTeamsToken":
			for _, body := range tokens {
				cases = append(cases, answer(200, body))
			}
			cases = append(cases, answer(201, tokenJSON), answer(204, ""))
		default:
			cases = append(cases, answer(200, ""), answer(202, "{}"))
		}
		for i, handler := range cases {
			fake := &acs{script: []http.HandlerFunc{handler}}
			err := op.call(t.Context(), mustNew(t, listen(t, fake)))
			e := asError(t, err)
			if e.StatusCode/100 != 2 || e.FailureKind() != "unusable" || !errors.Is(err, acsidentity.ErrOutcomeUnknown) {
				t.Errorf("%s, answer %d: %v of kind %s", op.name, i, err, e.FailureKind())
			}
			if e.ServiceRequestID != "cv.0" || e.ClientRequestID == "" {
				t.Errorf("%s, answer %d: request ids %q, %q", op.name, i, e.ServiceRequestID, e.ClientRequestID)
			}
			if strings.Contains(err.Error(), tokenText) || strings.Contains(err.Error(), "8:acs:") {
				t.Errorf("%s, answer %d: the error repeats the answer: %v", op.name, i, err)
			}
			if n := len(fake.seen()); n != 1 {
				t.Errorf("%s, answer %d: %d attempts", op.name, i, n)
			}
		}
	}
}

// An identity is there although its token is not: whoever asked must learn its id.
func TestCreateIdentityWithoutToken(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		createdJSON,
		`{"identity":{"id":"` + userID + `"},"accessToken":null}`,
		`{"identity":{"id":"` + userID + `"},"accessToken":{"token":"","expiresOn":"2025-04-14T17:32:27Z"}}`,
		`{"identity":{"id":"` + userID + `"},"accessToken":{"token":"` + tokenText + `"}}`,
	} {
		fake := &acs{script: []http.HandlerFunc{answer(201, body)}}
		id, token, err := mustNew(t, listen(t, fake)).CreateIdentityWithToken(t.Context(), voip)
		if !errors.Is(err, acsidentity.ErrOutcomeUnknown) || id != userID || token != (acsidentity.AccessToken{}) {
			t.Errorf("answer %s: %q, %v, %v", body, id, token, err)
		}
	}
}

func TestExpiresOn(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]time.Time{
		"2025-04-14T17:32:27+00:00":         expiresOn.Truncate(time.Second),
		"2025-04-14T17:32:27Z":              expiresOn.Truncate(time.Second),
		"2025-04-14T17:32:27.2+00:00":       expiresOn.Truncate(100 * time.Millisecond),
		"2025-04-14T17:32:27.2078535+00:00": expiresOn,
		"2025-04-14T19:32:27.2078535+02:00": expiresOn,
	} {
		fake := &acs{script: []http.HandlerFunc{answer(200, `{"token":"t","expiresOn":"`+written+`","more":[1]}`)}}
		token, err := mustNew(t, listen(t, fake)).IssueToken(t.Context(), userID, voip)
		if err != nil || token.ExpiresOn != want {
			t.Errorf("%s is read as %v, %v", written, token.ExpiresOn, err)
		}
	}
}

// roundTrip is a transport that answers at once.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answering(t testing.TB, status int, body string) *acsidentity.Client {
	return mustNew(t, acsidentity.Config{
		Endpoint:   "https://h.example",
		Credential: acsidentity.AccessKey(key),
		MaxRetries: -1,
		HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}, nil
		})},
	})
}

func FuzzSuccessBody(f *testing.F) {
	f.Add(bothJSON)
	f.Add(createdJSON)
	f.Add(tokenJSON)
	f.Add(`{"identity":{"id":"8:acs:x"},"accessToken":{"token":"t","expiresOn":"9999-12-31T23:59:59.9999999+14:00"}}`)
	f.Add(`{"token":"t","expiresOn":"2025-04-14T17:32:27+00:00","token":""}`)
	f.Add(`{"token":"t\u0041","expiresOn":"2025-04-14T17:32:27+00:00"}` + "\n")
	f.Add(`{"token":"t","expiresOn":"2025-04-14T17:32:27+00:0\u0030"}`)
	f.Fuzz(func(t *testing.T, body string) {
		id, token, err := answering(t, 201, body).CreateIdentityWithToken(t.Context(), voip)
		if err == nil && (id == "" || token.Token == "" || token.ExpiresOn.IsZero()) {
			t.Errorf("half a success: %q, %v", id, token)
		}
		if err != nil && token != (acsidentity.AccessToken{}) {
			t.Errorf("a token together with %v", err)
		}
		token, err = answering(t, 200, body).IssueToken(t.Context(), userID, voip)
		if (err == nil) != (token.Token != "" && !token.ExpiresOn.IsZero()) {
			t.Errorf("token %v together with %v", token, err)
		}
		// A space before it changes nothing but the way in which it is read.
		if again, err2 := answering(t, 200, " "+body).IssueToken(t.Context(), userID, voip); again != token || (err == nil) != (err2 == nil) {
			t.Errorf("%v, %v, but after a space %v, %v", token, err, again, err2)
		}
	})
}

func TestOptionsOnTheWire(t *testing.T) {
	t.Parallel()
	fake := &acs{}
	client := mustNew(t, listen(t, fake))
	o := acsidentity.TokenOptions{
		Scopes:    []acsidentity.Scope{acsidentity.ScopeChatJoinLimited, acsidentity.ScopeVoIPJoin},
		ExpiresIn: 90 * time.Minute,
	}
	if _, err := client.IssueToken(t.Context(), userID, o); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.CreateIdentityWithToken(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	o.ExpiresIn = 0
	if _, err := client.IssueToken(t.Context(), userID, o); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range fake.seen() {
		got = append(got, r.Body)
	}
	want := []string{
		`{"scopes":["chat.join.limited","voip.join"],"expiresInMinutes":90}`,
		`{"createTokenWithScopes":["chat.join.limited","voip.join"],"expiresInMinutes":90}`,
		`{"scopes":["chat.join.limited","voip.join"]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
}
