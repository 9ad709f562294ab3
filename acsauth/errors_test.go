package acsauth_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// refusals is the table of errors in docs/endpoints.md: how each comes about, and
// what the client sees.
var refusals = []struct {
	name      string
	configure func(*setup)
	prepare   func(s *system)
	send      request
	with      func(s *system) http.Header // headers that depend on the system
	status    int
	error     string
	challenge string // WWW-Authenticate, with {client} and {entra} filled in
	retry     string // Retry-After
}{
	// What the request looks like.
	{
		name: "two Authorization headers", send: request{method: "GET", path: "/api/user", header: http.Header{"Authorization": {"Bearer a", "Bearer b"}}},
		status: 400, error: "invalid_request", challenge: `Bearer realm="acs", error="invalid_request"`,
	},
	{
		name: "Bearer without a token", send: request{method: "GET", path: "/api/user", header: http.Header{"Authorization": {"Bearer"}}},
		status: 400, error: "invalid_request", challenge: `Bearer realm="acs", error="invalid_request"`,
	},
	{
		name: "Bearer with two tokens", send: request{method: "GET", path: "/api/user", header: http.Header{"Authorization": {"Bearer a b"}}},
		status: 400, error: "invalid_request", challenge: `Bearer realm="acs", error="invalid_request"`,
	},
	{
		name: "no Teams token", send: request{method: "GET", path: "/api/token/teams"},
		status: 400, error: "invalid_request",
	},
	{
		name: "empty Teams token", send: request{method: "GET", path: "/api/token/teams", header: http.Header{"teams-user-aad-token": {""}}},
		status: 400, error: "invalid_request",
	},
	{
		name: "two Teams tokens", send: request{method: "GET", path: "/api/token/teams", header: http.Header{"teams-user-aad-token": {"a", "b"}}},
		status: 400, error: "invalid_request",
	},
	{
		name: "huge Teams token", send: request{method: "GET", path: "/api/token/teams", header: http.Header{"teams-user-aad-token": {strings.Repeat("a", 16<<10+1)}}},
		status: 400, error: "invalid_request",
	},
	{
		name: "malformed Teams token", send: request{method: "GET", path: "/api/token/teams", header: http.Header{"teams-user-aad-token": {"a.b.c"}}},
		status: 400, error: "invalid_teams_token",
	},
	{
		name: "expired Teams token", send: request{method: "GET", path: "/api/token/teams"},
		with: teamsToken(cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * time.Hour), Lifetime: time.Hour}), status: 400, error: "invalid_teams_token",
	},
	{
		name: "Teams token for another API", send: request{method: "GET", path: "/api/token/teams"},
		with: teamsToken(cloud.TokenOptions{Audience: "https://graph.microsoft.com"}), status: 400, error: "invalid_teams_token",
	},
	{
		name: "Teams token without the scopes", send: request{method: "GET", path: "/api/token/teams"},
		with: teamsToken(cloud.TokenOptions{Scope: "Teams.ManageCalls"}), status: 400, error: "invalid_teams_token",
	},

	// Who is calling.
	{
		name: "no Authorization", send: request{method: "GET", path: "/api/user", header: http.Header{"Authorization": nil}},
		status: 401, error: "missing_token", challenge: `Bearer realm="acs"`,
	},
	{
		name: "another scheme", send: request{method: "GET", path: "/api/user", header: http.Header{"Authorization": {"Basic dTpw"}}},
		status: 401, error: "missing_token", challenge: `Bearer realm="acs"`,
	},
	{
		name: "expired token", send: request{method: "GET", path: "/api/token"},
		with:   bearer(cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * time.Hour), Lifetime: time.Hour}),
		status: 401, error: "invalid_token", challenge: `Bearer realm="acs", error="invalid_token", error_description="The access token has expired."`,
	},
	{
		name: "Entra refuses the assertion", prepare: refuse(cloud.AssertionRefused, ""), send: request{method: "GET", path: "/api/user"},
		status: 401, error: "invalid_token", challenge: `Bearer realm="acs", error="invalid_token", error_description="The access token was refused."`,
	},
	{
		name: "Entra answers with a claims challenge", prepare: refuse(cloud.MFARequired, cloud.MFAClaims), send: request{method: "POST", path: "/api/user"},
		status: 401, error: "insufficient_claims", challenge: claimsChallenge(cloud.MFAClaims),
	},
	{
		name: "Entra names claims in another error", prepare: refuse(cloud.AssertionRefused, cloud.MFAClaims), send: request{method: "GET", path: "/api/token"},
		status: 401, error: "insufficient_claims", challenge: claimsChallenge(cloud.MFAClaims),
	},
	{
		name: "Graph answers with a claims challenge that Entra does not satisfy",
		prepare: func(s *system) {
			s.want(404, "GET", "/api/user")
			s.Graph.Challenge(s.user, cloud.MFAClaims)
			s.Inject(cloud.Fault{Op: cloud.OpEntraToken, Status: 400, Header: http.Header{"Content-Type": {"application/json"}},
				Body: `{"error":"interaction_required","error_codes":[50076],"claims":"{\"access_token\":{}}"}`})
		},
		send: request{method: "GET", path: "/api/user"}, status: 401, error: "insufficient_claims", challenge: claimsChallenge(`{"access_token":{}}`),
	},
	{
		name: "missing scope", send: request{method: "GET", path: "/api/user"}, with: bearer(cloud.TokenOptions{Scope: "profile"}),
		status: 403, error: "insufficient_scope", challenge: `Bearer realm="acs", error="insufficient_scope", scope="access_as_user"`,
	},
	{
		name: "application token", send: request{method: "GET", path: "/api/user"},
		with: func(s *system) http.Header {
			return http.Header{"Authorization": {"Bearer " + s.Entra.AppToken(cloud.TokenOptions{})}}
		},
		status: 403, error: "user_token_required",
	},
	{
		name:      "client not on the list",
		configure: func(set *setup) { set.auth.AllowedClients = []string{"99999999-9999-4999-8999-999999999999"} },
		send:      request{method: "GET", path: "/api/user"}, status: 403, error: "client_not_allowed",
	},
	{
		name: "no consent", prepare: refuse(cloud.ConsentRequired, ""), send: request{method: "GET", path: "/api/user"},
		status: 403, error: "consent_required", challenge: `Bearer realm="acs", error="insufficient_scope", scope="api://{client}/.default"`,
	},
	{
		name: "Conditional Access blocks", prepare: refuse(cloud.AccessBlocked, ""), send: request{method: "GET", path: "/api/user"},
		status: 403, error: "access_blocked",
	},
	{
		name: "user not assigned", prepare: refuse(cloud.UserNotAssigned, ""), send: request{method: "GET", path: "/api/user"},
		status: 403, error: "access_blocked",
	},
	{
		name: "Teams token of another user", send: request{method: "GET", path: "/api/token/teams"},
		with: func(s *system) http.Header {
			other := s.Entra.AddUser(cloud.User{})
			return http.Header{"teams-user-aad-token": {s.Entra.TeamsToken(other, cloud.TokenOptions{ClientID: s.SPAClientID})}}
		},
		status: 403, error: "teams_user_mismatch",
	},
	{
		name: "Teams token of another application", send: request{method: "GET", path: "/api/token/teams"},
		with:   teamsToken(cloud.TokenOptions{ClientID: "99999999-9999-4999-8999-999999999999"}),
		status: 403, error: "teams_user_mismatch",
	},

	// What is there.
	{name: "no mapping", send: request{method: "GET", path: "/api/token"}, status: 404, error: "identity_not_mapped"},
	{
		name: "the identity is gone", prepare: func(s *system) {
			s.want(201, "POST", "/api/user")
			s.ACS.DeleteIdentity(s.mapped())
		},
		send: request{method: "GET", path: "/api/token"}, status: 404, error: "identity_not_mapped",
	},
	{name: "unknown path", send: request{method: "GET", path: "/api/identity"}, status: 404, error: "not_found"},
	{name: "wrong method", send: request{method: "PUT", path: "/api/user"}, status: 405, error: "method_not_allowed"},
	{
		name: "two other extensions", prepare: func(s *system) { s.fillExtensions() },
		send: request{method: "POST", path: "/api/user"}, status: 409, error: "extension_limit",
	},
	{
		name: "unsigned mapping", prepare: func(s *system) { s.tamper("8:acs:" + s.ACS.ResourceID() + "_" + s.user.ObjectID) },
		send: request{method: "GET", path: "/api/token"}, status: 409, error: "mapping_invalid",
	},
	{
		name: "identity of another resource", configure: withMemory, prepare: mapForeign,
		send: request{method: "GET", path: "/api/token"}, status: 409, error: "mapping_invalid",
	},

	// What is behind.
	{
		name: "ACS throttles for long", prepare: fail(cloud.OpACSCreate, 429, "120"), send: request{method: "POST", path: "/api/user"},
		status: 429, error: "rate_limited", retry: "120",
	},
	{
		name: "Graph throttles for long", prepare: fail(cloud.OpGraphLookup, 429, "60"), send: request{method: "GET", path: "/api/user"},
		status: 429, error: "rate_limited", retry: "60",
	},
	{
		name: "Entra throttles", prepare: fail(cloud.OpEntraToken, 429, "17"), send: request{method: "GET", path: "/api/user"},
		status: 429, error: "rate_limited", retry: "17",
	},
	{
		name: "panic", configure: func(set *setup) { set.service.Mapper = panicking{} }, send: request{method: "GET", path: "/api/user"},
		status: 500, error: "internal",
	},
	{
		name: "panic in a detached operation", configure: func(set *setup) { set.service.Mapper = panicking{} }, send: request{method: "POST", path: "/api/user"},
		status: 500, error: "internal",
	},
	{
		name: "our client secret is wrong", configure: func(set *setup) { set.obo.Credential = obo.ClientSecret("wrong") },
		send: request{method: "GET", path: "/api/user"}, status: 500, error: "server_misconfigured",
	},
	{
		name: "our access key is wrong", configure: func(set *setup) {
			endpoint, _, _ := strings.Cut(set.acs.ConnectionString, ";")
			set.acs.ConnectionString = endpoint + ";accesskey=" + base64.StdEncoding.EncodeToString([]byte("another key"))
		},
		send: request{method: "POST", path: "/api/user"}, status: 500, error: "server_misconfigured",
	},
	{
		name: "our Graph permission is missing", prepare: func(s *system) { s.Entra.SetGraphPermissions("User.Read") },
		send: request{method: "POST", path: "/api/user"}, status: 500, error: "server_misconfigured",
	},
	{
		name: "Graph does not know the user", prepare: func(s *system) {
			s.want(404, "GET", "/api/user") // remembers the Graph token
			s.Entra.RemoveUser(s.user)
		},
		send: request{method: "POST", path: "/api/user"}, status: 502, error: "upstream_error",
	},
	{
		name: "ACS answers nonsense", prepare: func(s *system) {
			s.want(201, "POST", "/api/user")
			s.Inject(cloud.Fault{Op: cloud.OpACSIssue, Status: 200, Body: `{"token":""}`})
		},
		send: request{method: "GET", path: "/api/token"}, status: 502, error: "upstream_error",
	},
	{
		name: "the store fails in a way of its own", configure: func(set *setup) { set.service.Mapper = failing{errors.New("disk on fire")} },
		send: request{method: "GET", path: "/api/user"}, status: 502, error: "upstream_error",
	},
	{
		name: "no signing keys", configure: func(set *setup) { set.cloud.Inject(cloud.Fault{Op: cloud.OpEntraMetadata, Status: 503}) },
		send: request{method: "GET", path: "/api/user"}, status: 503, error: "keys_unavailable", retry: "5",
	},
	{
		name: "ACS is down", prepare: fail(cloud.OpACSCreate, 503, ""), send: request{method: "POST", path: "/api/user"},
		status: 503, error: "upstream_unavailable", retry: "5",
	},
	{
		name: "Graph is down", prepare: fail("graph.", 503, "30"), send: request{method: "GET", path: "/api/user"},
		status: 503, error: "upstream_unavailable", retry: "30",
	},
	{
		name: "Entra is down", prepare: fail(cloud.OpEntraToken, 503, ""), send: request{method: "GET", path: "/api/user"},
		status: 503, error: "upstream_unavailable", retry: "5",
	},
	{
		name: "shutting down", prepare: func(s *system) {
			if err := s.service.Close(s.Context()); err != nil {
				s.Error(err)
			}
		},
		send: request{method: "POST", path: "/api/user"}, status: 503, error: "overloaded", retry: "5",
	},
	{
		name: "Graph does not answer", configure: func(set *setup) { set.handler.Timeout = 50 * time.Millisecond },
		prepare: func(s *system) {
			_, _ = s.auth.Verify(s.Context(), s.token()) // or the time-out may strike while the keys are loaded
			s.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Hang: true})
		},
		send: request{method: "GET", path: "/api/user"}, status: 504, error: "upstream_timeout",
	},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var configure []func(*setup)
			if test.configure != nil {
				configure = append(configure, test.configure)
			}
			s := newSystem(t, configure...)
			if test.prepare != nil {
				test.prepare(s)
			}
			if test.with != nil {
				test.send.header = test.with(s)
			}
			a := s.send(test.send)
			if a.status != test.status || a.field("error") != test.error {
				t.Fatalf("%d %s; want %d %s\nlog:\n%s", a.status, a.body, test.status, test.error, s.log)
			}
			if a.field("code") != strconv.Itoa(a.status) || a.field("message") == "" || a.field("requestId") != a.header.Get("X-Request-Id") {
				t.Errorf("the body is incomplete: %s", a.body)
			}
			want := strings.NewReplacer("{client}", s.ClientID, "{entra}", s.Entra.URL).Replace(test.challenge)
			if got := a.header.Get("WWW-Authenticate"); got != want {
				t.Errorf("WWW-Authenticate:\ngot  %s\nwant %s", got, want)
			}
			if got := a.header.Get("Retry-After"); got != test.retry {
				t.Errorf("Retry-After: got %q, want %q", got, test.retry)
			}
			wantHeaders(t, test.name, a)
			s.wantNoSecrets(a)
			s.wantLogged(a)
		})
	}
}

// Every error name that the package can answer with is in the table above, except
// what only later parts can cause.
func TestRefusalsAreComplete(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, test := range refusals {
		tested[test.error] = true
	}
	for _, name := range acsauth.ErrorNames() {
		if !tested[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}

var jwt = regexp.MustCompile(`eyJ[\w-]+\.[\w-]+\.`)

// wantNoSecrets fails the test if an answer or the log tells what it must not.
func (s *system) wantNoSecrets(a answer) {
	s.Helper()
	_, key, _ := strings.Cut(s.ACS.ConnectionString(), "accesskey=")
	for where, text := range map[string]string{"answer": a.body, "log": s.log.String()} {
		if jwt.MatchString(text) {
			s.Errorf("the %s holds a token: %s", where, jwt.FindString(text))
		}
		for name, secret := range map[string]string{"client secret": s.ClientSecret, "access key": key} {
			if strings.Contains(text, secret) {
				s.Errorf("the %s holds the %s", where, name)
			}
		}
	}
	for _, upstream := range []string{"AADSTS", s.Entra.URL, s.Graph.URL, s.user.ObjectID, "8:acs:"} {
		if strings.Contains(a.body, upstream) {
			s.Errorf("the answer holds %q: %s", upstream, a.body)
		}
	}
}

func teamsToken(o cloud.TokenOptions) func(*system) http.Header {
	return func(s *system) http.Header {
		if o.ClientID == "" {
			o.ClientID = s.SPAClientID
		}
		return http.Header{"teams-user-aad-token": {s.Entra.TeamsToken(s.user, o)}}
	}
}

func bearer(o cloud.TokenOptions) func(*system) http.Header {
	return func(s *system) http.Header {
		return http.Header{"Authorization": {"Bearer " + s.Entra.UserToken(s.user, o)}}
	}
}

func refuse(code int, claims string) func(*system) {
	return func(s *system) { s.Entra.Refuse(cloud.Refusal{Code: code, Claims: claims}) }
}

func fail(op string, status int, retryAfter string) func(*system) {
	return func(s *system) {
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		s.Inject(cloud.Fault{Op: op, Status: status, Header: header})
	}
}

func claimsChallenge(claims string) string {
	return `Bearer realm="", authorization_uri="{entra}/common/oauth2/v2.0/authorize", client_id="{client}", error="insufficient_claims", claims="` +
		base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
}

// tamper writes the user's extension as the user can, with Graph Explorer.
func (s *system) tamper(acsID string) {
	s.Graph.SetExtension(s.user, extensionName, map[string]any{"acsUserIdentity": acsID})
}

// fillExtensions uses up both extensions that Graph lets our app keep on a user.
func (s *system) fillExtensions() {
	ctx := acsauth.User{TenantID: s.user.TenantID, ObjectID: s.user.ObjectID, Assertion: acsauth.NewSecret(s.token())}
	tokens := must(s.T, obo.New, obo.Config{ClientID: s.ClientID, Credential: obo.ClientSecret(s.ClientSecret), AuthorityHost: s.Entra.URL, HTTPClient: s.HTTPClient()})
	for _, name := range []string{"com.example.one", "com.example.two"} {
		other := must(s.T, graphmap.New, graphmap.Config{
			Tokens: tokens, BaseURL: s.Graph.URL, ExtensionName: name, Keys: [][]byte{bytes.Repeat([]byte{9}, 32)}, HTTPClient: s.HTTPClient(),
		})
		if err := other.Create(s.Context(), ctx, "8:acs:"+s.ACS.ResourceID()+"_"+s.user.ObjectID); err != nil {
			s.Fatal(err)
		}
	}
}

// mapForeign maps the user to an identity of another resource, in a store that
// believes it, and lets the service learn which resource is its own.
func mapForeign(s *system) {
	s.want(201, "POST", "/api/user")
	s.want(204, "DELETE", "/api/user")
	foreign, err := s.ACS.AddResource(cloud.ResourceConfig{})
	if err != nil {
		s.Fatal(err)
	}
	u := acsauth.User{TenantID: s.user.TenantID, ObjectID: s.user.ObjectID}
	if err := s.mapper.Create(s.Context(), u, foreign.AddIdentity()); err != nil {
		s.Fatal(err)
	}
}

// A failing store answers every call with its error, a panicking one not even that.
type failing struct{ err error }

func (f failing) Lookup(context.Context, acsauth.User) (string, error) { return "", f.err }
func (f failing) Create(context.Context, acsauth.User, string) error   { return f.err }
func (f failing) Delete(context.Context, acsauth.User, string) error   { return f.err }

type panicking struct{ acsauth.IdentityMapper }
