package acsauth_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// contoso is the configuration of the API in tests that need no cloud, and in
// docs/claims-challenge.md.
var contoso = acsauth.AuthenticatorConfig{
	TenantID: "72f988bf-86f1-41af-91ab-2d7cd011db47",
	ClientID: "11111111-2222-3333-4444-555555555555",
	Logger:   slog.New(slog.DiscardHandler),
}

// A demand is a Failure with claims, as a store of one's own may return it.
type demand struct{ kind, claims string }

func (d demand) Error() string           { return "the store wants " + d.kind }
func (d demand) FailureKind() string     { return d.kind }
func (d demand) ChallengeClaims() string { return d.claims }

// refuser returns a function that has a server answer a request with an error.
func refuser(t *testing.T, auth *acsauth.Authenticator) func(error) answer {
	t.Helper()
	refusals := make(chan error, 1)
	server := httptest.NewServer(acsauth.WithRequestID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth.WriteError(w, r, <-refusals)
	})))
	t.Cleanup(server.Close)
	return func(refusal error) answer {
		t.Helper()
		refusals <- refusal
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Request-Id", "0c5b7a3e-2b1f-4a57-9d0e-6f1c2d3e4f50")
		got, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer{got.StatusCode, got.Header, string(body)}
	}
}

// readChallenge returns the parameters of a challenge, and what is wrong with it: it
// must be of the form that docs/endpoints.md promises, and mean the same to every
// client.
func readChallenge(header string) (map[string]string, error) {
	parameters, err := readByGrammar(header)
	if err != nil {
		return nil, err
	}
	claims, err := decodeStrictly(parameters["claims"])
	problems := []error{err}
	if !challengeForm.MatchString(header) {
		problems = append(problems, errors.New("not of the form that is promised"))
	}
	for _, client := range clients {
		got, err := client.read(header)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", client.name, err))
			continue
		}
		if got["error"] != parameters["error"] {
			problems = append(problems, fmt.Errorf("%s reads the error %q", client.name, got["error"]))
		}
		if decoded, err := client.decode(got["claims"]); err != nil || decoded != claims {
			problems = append(problems, fmt.Errorf("%s reads the claims %q (%v)", client.name, decoded, err))
		}
	}
	return parameters, errors.Join(problems...)
}

// wantChallenge fails the test unless an answer has exactly this challenge, and every
// client can read it.
func wantChallenge(t *testing.T, name string, a answer, want map[string]string) {
	t.Helper()
	headers := a.header.Values("WWW-Authenticate")
	if len(headers) != 1 {
		t.Errorf("%s: %d challenges with %d %s", name, len(headers), a.status, a.body)
		return
	}
	got, err := readChallenge(headers[0])
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%s: %s\n%v\ngot  %q\nwant %q", name, headers[0], err, got, want)
	}
}

// printable are the characters that a value in a challenge can have, without space.
func printable() string {
	var all strings.Builder
	for c := '!'; c <= '~'; c++ {
		if !strings.ContainsRune(`",\%`, c) {
			all.WriteRune(c)
		}
	}
	return all.String()
}

// claimsOfLength returns a claims challenge of so many bytes.
func claimsOfLength(n int) string {
	const begin, end = `{"access_token":{"x":{"value":"`, `"}}}`
	return begin + strings.Repeat("x", n-len(begin)-len(end)) + end
}

// goodClaims come through to the byte, but for white space outside of texts.
var goodClaims = map[string]string{
	"of Conditional Access":  cloud.MFAClaims,
	"commas and quotes":      `{"access_token":{"a,b":{"values":["x, y","say \"x\"","it's"]}}}`,
	"percent signs":          `{"access_token":{"x":{"value":"100% %41 %zz %"}}}`,
	"plus and slash":         `{"access_token":{"x":{"value":">>>???~~~"}}}`,
	"no padding":             claimsOfLength(60),
	"one padding character":  claimsOfLength(59),
	"two padding characters": claimsOfLength(58),
	"not ASCII":              `{"access_token":{"x":{"value":"Zürich, 東京, 😀` + "\u2028\u00a0\u202e" + `"}}}`,
	"escapes":                `{"access_token":{"x":{"value":"\u0000\r\nSet-Cookie: a=b\ud83d\ude00\ud83d"}}}`,
	"white space":            "\r\n{ \"access_token\" :\t{ } }\r\n",
	"a challenge":            `{"x":"\", error=\"invalid_token\", claims=\"e30=\""}`,
	"nothing in particular":  `{}`,
	"as many as may be":      claimsOfLength(8 << 10),
}

// encoded returns claims as they are sent.
func encoded(claims string) string {
	var compact bytes.Buffer
	_ = json.Compact(&compact, []byte(claims))
	return base64.StdEncoding.EncodeToString(compact.Bytes())
}

// Whatever the configuration and the reason, every client reads what was meant.
func TestChallenges(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name                    string
		realm, scope, authority string // configured
	}{
		{name: "defaults"},
		{name: "a realm with spaces", realm: " Contoso  Calling "},
		{name: "a realm with equals signs", realm: "a=b="},
		{name: "a realm like a challenge", realm: "Bearer error='x'; claims='e30='"},
		{name: "every character in the realm", realm: " " + printable()},
		{name: "a long realm", realm: strings.Repeat("acs ", 256)},
		{name: "another scope", scope: "Calls.Make"},
		{name: "every character in the scope", scope: printable()},
		{name: "US Government", authority: "https://login.microsoftonline.us"},
		{name: "China", authority: "https://login.partner.microsoftonline.cn"},
		{name: "an address as the authority", authority: "https://[::1]:8443"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := contoso
			cfg.Realm, cfg.Scope, cfg.AuthorityHost = test.realm, test.scope, test.authority
			auth := must(t, acsauth.NewAuthenticator, cfg)
			send := refuser(t, auth)
			realm := cmp.Or(test.realm, "acs")
			refusalOf := func(authorization ...string) error {
				_, err := auth.Authenticate(&http.Request{Header: http.Header{"Authorization": authorization}})
				return err
			}

			for _, row := range []struct {
				name    string
				refusal error
				want    map[string]string
			}{
				{"no token", refusalOf(), map[string]string{"realm": realm}},
				{"two tokens", refusalOf("Bearer a b"), map[string]string{"realm": realm, "error": "invalid_request"}},
				{"a bad token", refusalOf("Bearer a"), map[string]string{"realm": realm, "error": "invalid_token",
					"error_description": "The access token is not a signed JSON Web Token in compact form."}},
				{"no description", &acsauth.Error{Name: "invalid_token"}, map[string]string{"realm": realm, "error": "invalid_token",
					"error_description": "The access token was refused."}},
				{"an odd description", &acsauth.Error{Name: "invalid_token", Message: "a, \"b\" \\ 100%\r\nSet-Cookie: c=d ü\x00\xff"},
					map[string]string{"realm": realm, "error": "invalid_token", "error_description": "a; 'b' ' 100'  Set-Cookie: c=d    "}},
				{"no scope", &acsauth.Error{Name: "insufficient_scope"},
					map[string]string{"realm": realm, "error": "insufficient_scope", "scope": cmp.Or(test.scope, "access_as_user")}},
				{"no consent", demand{kind: "consent_required"},
					map[string]string{"realm": realm, "error": "insufficient_scope", "scope": "api://" + cfg.ClientID + "/.default"}},
			} {
				wantChallenge(t, row.name, send(row.refusal), row.want)
			}
			for name, claims := range goodClaims {
				wantChallenge(t, "claims: "+name, send(fmt.Errorf("a store: %w", demand{"claims_challenge", claims})), map[string]string{
					"realm": "", "authorization_uri": cmp.Or(test.authority, acsauth.DefaultAuthorityHost) + "/common/oauth2/v2.0/authorize",
					"client_id": cfg.ClientID, "error": "insufficient_claims", "claims": encoded(claims),
				})
			}
		})
	}
}

// Every error of the table, and every message as a description.
func TestChallengesOfErrors(t *testing.T) {
	t.Parallel()
	send := refuser(t, must(t, acsauth.NewAuthenticator, contoso))
	for _, name := range acsauth.ErrorNames() {
		a := send(&acsauth.Error{Name: name, Message: "x, y"})
		challenge := a.header.Get("WWW-Authenticate")
		if challenge == "" && a.status == 401 {
			t.Errorf("%s: no challenge, which 401 must have", name)
		}
		if _, err := readChallenge(challenge); challenge != "" && err != nil {
			t.Errorf("%s: %s\n%v", name, challenge, err)
		}
	}
	for _, message := range acsauth.ErrorMessages() {
		a := send(&acsauth.Error{Name: "invalid_token", Message: message})
		wantChallenge(t, message, a, map[string]string{"realm": "acs", "error": "invalid_token", "error_description": strings.ReplaceAll(message, ",", ";")})
	}
}

// What TestRefusals saw on the wire can be read, and so can what is said of every bad
// token.
func TestChallengesOnTheWire(t *testing.T) {
	t.Parallel()
	for _, refusal := range refusals {
		if refusal.challenge == "" {
			continue
		}
		challenge := strings.NewReplacer("{client}", contoso.ClientID, "{entra}", acsauth.DefaultAuthorityHost).Replace(refusal.challenge)
		if _, err := readChallenge(challenge); err != nil {
			t.Errorf("%s: %s\n%v", refusal.name, challenge, err)
		}
	}
	c := acsauthtest.NewCloud(t)
	handler := must(t, acsauth.NewAuthenticator, quiet(c.AuthenticatorConfig())).Require(http.NotFoundHandler())
	for _, test := range c.Tokens(c.AddUser("Ada")) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Authorization"] = test.Authorization
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if challenge := w.Header().Get("WWW-Authenticate"); challenge != "" {
			if _, err := readChallenge(challenge); err != nil {
				t.Errorf("%s: %s\n%v", test.Name, challenge, err)
			}
		}
	}
}

// Claims that no client could use are not sent to any. What is left of the error
// decides.
func TestUnfitClaims(t *testing.T) {
	t.Parallel()
	send := refuser(t, must(t, acsauth.NewAuthenticator, contoso))
	for _, test := range []struct {
		name   string
		claims string
	}{
		{"none", ""},
		{"white space", " \r\n"},
		{"no JSON", "x"},
		{"cut off", `{"access_token":{"x":`},
		{"something behind", `{} {}`},
		{"null", "null"},
		{"an array", `[{"access_token":{}}]`},
		{"a string", `"{}"`},
		{"in base64 already", base64.StdEncoding.EncodeToString([]byte(cloud.MFAClaims))},
		{"a line break in a string", "{\"x\":\"\r\nSet-Cookie: a=b\"}"},
		{"not UTF-8", "{\"x\":\"\xff\"}"},
		{"two parsers would disagree", `{"access_token":{},"Access_Token":{"x":null}}`},
		{"nested too deep", strings.Repeat(`{"x":`, 65) + "1" + strings.Repeat("}", 65)},
		{"too many", claimsOfLength(8<<10 + 1)},
		{"far too many", claimsOfLength(1 << 20)},
	} {
		for _, row := range []struct {
			what   string
			err    error
			status int
			error  string
		}{
			{"alone", demand{"claims_challenge", test.claims}, 502, "upstream_error"},
			{"of a kind of its own", demand{"blocked", test.claims}, 403, "access_blocked"},
			{"in an Error", &acsauth.Error{Name: "identity_not_mapped", Message: "x", Err: demand{"claims_challenge", test.claims}}, 404, "identity_not_mapped"},
			{"in an Error that demands claims", &acsauth.Error{Name: "insufficient_claims", Message: "x", Err: demand{"limit", test.claims}}, 409, "extension_limit"},
		} {
			if a := send(row.err); a.status != row.status || a.field("error") != row.error || a.header.Values("WWW-Authenticate") != nil {
				t.Errorf("%s, %s: %d %s with the challenge %q; want %d %s, and none", test.name, row.what,
					a.status, a.body, a.header.Values("WWW-Authenticate"), row.status, row.error)
			}
		}
		good := errors.Join(demand{"claims_challenge", test.claims}, fmt.Errorf("and: %w", demand{"blocked", cloud.MFAClaims}))
		if got := send(good).header.Get("WWW-Authenticate"); !strings.HasSuffix(got, ` claims="`+base64.StdEncoding.EncodeToString([]byte(cloud.MFAClaims))+`"`) {
			t.Errorf("%s, with good ones behind: %s", test.name, got)
		}
	}
}

// Any message, claims, realm and scope give a challenge that every client can read,
// or none, if the configuration is refused or the claims are of no use.
func FuzzChallenge(f *testing.F) {
	f.Add("acs", "access_as_user", "https://login.microsoftonline.com", "The access token was refused.", cloud.MFAClaims)
	f.Add("a=b; c", "a'b", "https://[fe80::1%25eth0]:8443", "a, \"b\" \\ %\r\n\xff", "{\"x\":\"\xff\"}")
	f.Add("acs", "a=b", `https://a"b,c=d`, "", `{"a":1,"A":2}`)
	f.Add("a,b", "a b", "", ",", "{}")
	for _, claims := range goodClaims {
		f.Add(" ", "a", "http://localhost", "x", claims)
	}
	f.Fuzz(func(t *testing.T, realm, scope, authority, message, claims string) {
		cfg := contoso
		cfg.Realm, cfg.Scope, cfg.AuthorityHost = realm, scope, authority
		auth, err := acsauth.NewAuthenticator(cfg)
		if err != nil {
			return
		}
		read := func(err error) map[string]string {
			w := httptest.NewRecorder()
			auth.WriteError(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil), err)
			challenges := w.Header().Values("WWW-Authenticate")
			if len(challenges) == 0 {
				return nil
			}
			parameters, err := readChallenge(challenges[0])
			if err != nil || len(challenges) > 1 {
				t.Errorf("%q: %v", challenges, err)
			}
			return parameters
		}
		read(&acsauth.Error{Name: "missing_token", Message: message})
		got := read(&acsauth.Error{Name: "invalid_token", Message: message})
		if said := got["error_description"]; said == "" || message != "" && utf8.RuneCountInString(message) != len(said) {
			t.Errorf("%q became %q", message, said)
		}
		if got := read(&acsauth.Error{Name: "insufficient_scope"})["scope"]; got != cmp.Or(scope, "access_as_user") {
			t.Errorf("scope %q became %q", scope, got)
		}
		got = read(demand{"claims_challenge", claims})
		compact, fit := httpx.CompactClaims(claims)
		switch {
		case got == nil:
			if fit {
				t.Errorf("the claims %q were not passed on", claims)
			}
		case !fit || got["claims"] != base64.StdEncoding.EncodeToString([]byte(compact)):
			t.Errorf("%q were passed on as %q", claims, got["claims"])
		}
	})
}
