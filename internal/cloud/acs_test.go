package cloud_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/google/go-cmp/cmp"
)

func TestCreateIdentity(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	tests := []struct {
		name, body string
		token      bool
	}{
		{"no body", "", false},
		{"empty object", `{}`, false},
		{"nulls", `{"createTokenWithScopes":null,"expiresInMinutes":null}`, false},
		{"no scopes", `{"createTokenWithScopes":[]}`, false},
		{"scopes", `{"createTokenWithScopes":["chat","voip"],"expiresInMinutes":60}`, true},
	}
	for i, test := range tests {
		r := acs(t, c, c.ACS.Resource, "POST", "/identities"+apiVersion, test.body)
		id := r.str("identity", "id")
		if r.status != 201 || !strings.HasPrefix(id, "8:acs:"+c.ACS.ResourceID()+"_") {
			t.Fatalf("%s: %d %s", test.name, r.status, r.body)
		}
		if got := r.str("accessToken", "token"); (got != "") != test.token || test.token && !c.ACS.TokenValid(got) {
			t.Errorf("%s: %s", test.name, r.body)
		}
		list := c.ACS.Identities()
		issued := 0
		if test.token {
			issued = 1
		}
		if len(list) != i+1 || list[i].ID != id || !list[i].Live || list[i].Issued != issued {
			t.Errorf("%s: %+v", test.name, list)
		}
	}
}

func TestACSTokens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 123456789, time.UTC)
	c := start(t, cloud.Config{InProcess: true, Now: func() time.Time { return now }})
	id := c.ACS.AddIdentity()
	issue := func(version, body string) reply {
		t.Helper()
		req := newRequest(t, "POST", c.ACS.URL+"/identities/"+id+"/:issueAccessToken?api-version="+version, body)
		sign(t, req, accessKey(c.ACS.ConnectionString()), now)
		return send(t, c.HTTPClient(), req)
	}
	tests := []struct {
		version, body, expiresOn, scope string
	}{
		{"2023-10-01", `{"scopes":["chat","voip"]}`, "2026-11-24T09:00:00.1234567+00:00", "chat,voip"},
		{"2023-10-01", `{"scopes":["voip.join"],"expiresInMinutes":60}`, "2026-11-23T10:00:00.1234567+00:00", "voip.join"},
		{"2022-06-01", `{"scopes":["chat"],"expiresInMinutes":60}`, "2026-11-24T09:00:00.1234567+00:00", "chat"}, // knows no lifetimes
	}
	for _, test := range tests {
		r := issue(test.version, test.body)
		if r.status != 200 || r.str("expiresOn") != test.expiresOn {
			t.Errorf("%s: %d %s", test.body, r.status, r.body)
			continue
		}
		header, claims := decode(t, r.str("token"))
		expires, err := time.Parse(time.RFC3339Nano, test.expiresOn)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"skypeid": strings.TrimPrefix(id, "8:"), "scp": 1792.0, "csi": fmt.Sprint(now.Unix()),
			"exp": float64(expires.Unix()), "rgn": "amer", "acsScope": test.scope, "resourceId": c.ACS.ResourceID(),
			"resourceLocation": "unitedstates", "iat": float64(now.Unix())}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Errorf("%s (-want +got): %s", test.body, diff)
		}
		kid, _ := header["kid"].(string)
		if header["alg"] != "RS256" || header["typ"] != "JWT" || len(kid) != 40 || kid != strings.ToUpper(kid) || header["x5t"] == nil {
			t.Errorf("%s: header %v", test.body, header)
		}
	}
	token := issue("2023-10-01", `{"scopes":["chat"],"expiresInMinutes":60}`).str("token")
	now = now.Add(time.Hour - time.Second)
	if !c.ACS.TokenValid(token) {
		t.Error("the token ended early")
	}
	now = now.Add(2 * time.Second)
	if c.ACS.TokenValid(token) {
		t.Error("the token has not ended")
	}
}

func TestACSRefuses(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	other, err := c.ACS.AddResource(cloud.ResourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	foreign := path(other.AddIdentity(), "/:issueAccessToken")
	own := path(createIdentity(t, c), "/:issueAccessToken")
	const notOwned = "Provided identity doesn't belong to the resource."
	version := func(path, v string) string { return strings.Replace(path, "2023-10-01", v, 1) }
	tests := []struct {
		name, request, body   string
		status                int
		code, message, target string
	}{
		{"foreign identity", "POST " + foreign, `{"scopes":["chat"]}`, 401, "IdentityNotOwned", notOwned, ""},
		{"foreign identity, revoke", "POST " + strings.Replace(foreign, "issueAccessToken", "revokeAccessTokens", 1), ``, 401, "IdentityNotOwned", notOwned, ""},
		{"foreign identity, delete", "DELETE " + strings.Replace(foreign, "/:issueAccessToken", "", 1), ``, 401, "IdentityNotOwned", notOwned, ""},
		{"malformed id", "POST " + path("nonsense", "/:issueAccessToken"), `{"scopes":["chat"]}`, 401, "IdentityNotOwned", notOwned, ""},
		{"id of a Teams user", "POST " + path("8:orgid:"+foreignTenant, "/:issueAccessToken"), `{"scopes":["chat"]}`, 401, "IdentityNotOwned", notOwned, ""},
		{"too long", "POST " + own, `{"scopes":["chat"],"expiresInMinutes":1441}`, 400, "ValidationError", "ExpiresInMinutes value 1441 is invalid. Value must be within the [60, 1440] interval.", "ExpiresInMinutes"},
		{"too short", "POST " + own, `{"scopes":["chat"],"expiresInMinutes":59}`, 400, "ValidationError", "ExpiresInMinutes value 59 is invalid. Value must be within the [60, 1440] interval.", "ExpiresInMinutes"},
		{"too long, create", "POST /identities" + apiVersion, `{"createTokenWithScopes":["chat"],"expiresInMinutes":1441}`, 400, "ValidationError", "ExpiresInMinutes value 1441 is invalid. Value must be within the [60, 1440] interval.", "ExpiresInMinutes"},
		{"no scopes", "POST " + own, `{}`, 400, "ValidationError", "Scopes: The Scopes field is required.", "Scopes"},
		{"empty scopes", "POST " + own, `[]`, 400, "ValidationError", "The request body is not valid.", ""},
		{"empty list of scopes", "POST " + own, `{"scopes":[]}`, 400, "ValidationError", "Invalid scopes - Scopes field is required.", "scopes"},
		{"unknown scope", "POST " + own, `{"scopes":["pstn"]}`, 400, "ValidationError", "Invalid scopes - Scope 'pstn' is not supported.", "scopes"},
		{"scope of a later version", "POST " + version(own, "2022-10-01"), `{"scopes":["chat.join"]}`, 400, "ValidationError", "Invalid scopes - Scope 'chat.join' is not supported.", "scopes"},
		{"unknown scope, create", "POST /identities" + apiVersion, `{"createTokenWithScopes":["pstn"]}`, 400, "ValidationError", "Invalid scopes - Scope 'pstn' is not supported.", "createTokenWithScopes"},
		{"no JSON", "POST " + own, `{`, 400, "ValidationError", "The request body is not valid.", ""},
		{"no version", "POST /identities", ``, 400, "ApiVersionUnspecified", "An API version is required, but was not specified.", ""},
		{"unknown version", "POST " + version("/identities"+apiVersion, "2026-07-22"), ``, 400, "UnsupportedApiVersion",
			"The HTTP resource that matches the request URI 'https://127.0.0.1/identities' does not support the API version '2026-07-22'.", ""},
		{"Teams in a version without", "POST /teamsUser/:exchangeAccessToken?api-version=2021-03-07", `{}`, 400, "UnsupportedApiVersion",
			"The HTTP resource that matches the request URI 'https://127.0.0.1/teamsUser/:exchangeAccessToken' does not support the API version '2021-03-07'.", ""},
		{"unknown path", "GET /identities" + apiVersion, ``, 404, "", "", ""},
	}
	before := len(c.ACS.Identities())
	for _, test := range tests {
		method, path, _ := strings.Cut(test.request, " ")
		r := acs(t, c, c.ACS.Resource, method, path, test.body)
		if r.status != test.status || r.str("error", "code") != test.code || r.str("error", "message") != test.message || r.str("error", "target") != test.target {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
	}
	if after := len(c.ACS.Identities()); after != before {
		t.Errorf("%d identities were created by refused calls", after-before)
	}
	req := newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, "{}", "Content-Type", "text/plain")
	sign(t, req, accessKey(c.ACS.ConnectionString()), time.Now())
	if r := send(t, c.HTTPClient(), req); r.status != 415 {
		t.Errorf("no JSON declared: %d %s", r.status, r.body)
	}
}

func TestACSHeaders(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	for _, body := range []string{"", `{`} { // a success and an error
		req := newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, body, "x-ms-client-request-id", "mine")
		sign(t, req, accessKey(c.ACS.ConnectionString()), time.Now())
		r := send(t, c.HTTPClient(), req)
		for _, name := range []string{"MS-CV", "Request-Context", "Strict-Transport-Security", "X-Azure-Ref", "X-Cache", "X-Processing-Time"} {
			if r.header.Get(name) == "" {
				t.Errorf("%d: no %s", r.status, name)
			}
		}
		if r.header.Get("x-ms-client-request-id") != "mine" || !strings.Contains(r.header.Get("api-supported-versions"), "2023-10-01") {
			t.Errorf("%d: %v", r.status, r.header)
		}
		if r.header.Get("x-ms-error-code") != "" {
			t.Error("x-ms-error-code is not sent by this service")
		}
	}
}

func TestRevokeAndDelete(t *testing.T) {
	t.Parallel()
	var seconds atomic.Int64 // tokens of the same second are equal
	started := time.Now()
	c := start(t, cloud.Config{InProcess: true, Now: func() time.Time { return started.Add(time.Duration(seconds.Load()) * time.Second) }})
	id := createIdentity(t, c)
	token := func() string {
		t.Helper()
		seconds.Add(1)
		return acs(t, c, c.ACS.Resource, "POST", path(id, "/:issueAccessToken"), `{"scopes":["chat"]}`).str("token")
	}
	first := token()
	if r := acs(t, c, c.ACS.Resource, "POST", path(id, "/:revokeAccessTokens"), ""); r.status != 204 || r.body != "" {
		t.Errorf("revoke: %d %s", r.status, r.body)
	}
	second := token()
	if c.ACS.TokenValid(first) || !c.ACS.TokenValid(second) {
		t.Error("a revocation must end earlier tokens, and no later ones")
	}
	if r := acs(t, c, c.ACS.Resource, "DELETE", path(id, ""), ""); r.status != 204 || r.body != "" {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if c.ACS.TokenValid(second) {
		t.Error("a token outlived its identity")
	}
	got := c.ACS.Identities()
	if len(got) != 1 || got[0].Live || got[0].DeletedAt.IsZero() || got[0].Issued != 2 {
		t.Errorf("identities %+v", got)
	}
}

func TestGoneIdentities(t *testing.T) {
	t.Parallel()
	tests := map[cloud.Gone]struct {
		issue, revoke, delete string
	}{
		cloud.GoneNotOwned:  {"401 IdentityNotOwned", "401 IdentityNotOwned", "401 IdentityNotOwned"},
		cloud.GoneNotFound:  {"404 IdentityNotFound", "404 IdentityNotFound", "404 IdentityNotFound"},
		cloud.GoneNoContent: {"401 IdentityNotOwned", "204 ", "204 "},
	}
	for gone, want := range tests {
		c := start(t, cloud.Config{InProcess: true})
		c.ACS.SetGone(gone)
		id := c.ACS.AddIdentity()
		c.ACS.DeleteIdentity(id)
		c.ACS.DeleteIdentity(id)
		call := func(method, path, body string) string {
			r := acs(t, c, c.ACS.Resource, method, path, body)
			return fmt.Sprint(r.status, " ", r.str("error", "code"))
		}
		if got := call("POST", path(id, "/:issueAccessToken"), `{"scopes":["chat"]}`); got != want.issue {
			t.Errorf("%d: issue answers %s", gone, got)
		}
		if got := call("POST", path(id, "/:revokeAccessTokens"), ""); got != want.revoke {
			t.Errorf("%d: revoke answers %s", gone, got)
		}
		if got := call("DELETE", path(id, ""), ""); got != want.delete {
			t.Errorf("%d: delete answers %s", gone, got)
		}
	}
}

func TestTeamsExchange(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	body := func(token, appID, userID string) string {
		return fmt.Sprintf(`{"token":%q,"appId":%q,"userId":%q}`, token, appID, userID)
	}
	minted := func(o cloud.TokenOptions) string {
		return body(c.Entra.TeamsToken(u, o), c.ClientID, u.ObjectID)
	}
	good := c.Entra.TeamsToken(u, cloud.TokenOptions{})
	tests := []struct {
		name, body            string
		status                int
		code, message, target string
	}{
		{"good", body(good, c.ClientID, u.ObjectID), 200, "", "", ""},
		{"ids in upper case", body(good, strings.ToUpper(c.ClientID), strings.ToUpper(u.ObjectID)), 200, "", "", ""},
		{"v2.0 shape", minted(cloud.TokenOptions{Claims: map[string]any{"appid": nil, "azp": c.ClientID}}), 200, "", "", ""},
		{"empty token", body("", c.ClientID, u.ObjectID), 401, "InvalidAccessToken", "Provided access token is not valid.", ""},
		{"no JWT", body("opaque", c.ClientID, u.ObjectID), 401, "InvalidAccessToken", "Provided access token is not valid.", ""},
		{"expired", minted(cloud.TokenOptions{IssuedAt: time.Now().Add(-3 * time.Hour)}), 401, "InvalidAccessToken", "Provided access token is not valid.", ""},
		{"unlisted key", minted(cloud.TokenOptions{Key: cloud.KeyUnlisted}), 401, "InvalidAccessToken", "Provided access token is not valid.", ""},
		{"for our API", body(c.Entra.UserToken(u, cloud.TokenOptions{}), c.ClientID, u.ObjectID), 401, "InvalidAccessToken", "Provided access token is not valid.", ""},
		{"one scope only", minted(cloud.TokenOptions{Scope: "Teams.ManageCalls"}), 401, "InvalidAccessToken", "Provided access token is not valid.", ""},
		{"another app", body(good, c.SPAClientID, u.ObjectID), 400, "ValidationError", "AAD application is not the expected one.", "appId"},
		{"app no GUID", body(good, "app", u.ObjectID), 400, "ValidationError", "Provided AppId has invalid format.", "appId"},
		{"another user", body(good, c.ClientID, foreignTenant), 400, "ValidationError", "Provided AAD token issued for unexpected user.", "userId"},
		{"no token", `{"appId":"a","userId":"b"}`, 400, "ValidationError", "Token: The Token field is required.", "Token"},
		{"no user", `{"token":"a","appId":"b"}`, 400, "ValidationError", "UserId: The UserId field is required.", "UserId"},
		{"no JSON", `x`, 400, "ValidationError", "The request body is not valid.", ""},
	}
	for _, test := range tests {
		r := acs(t, c, c.ACS.Resource, "POST", "/teamsUser/:exchangeAccessToken"+apiVersion, test.body)
		if r.status != test.status || r.str("error", "code") != test.code || r.str("error", "message") != test.message || r.str("error", "target") != test.target {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
	}
	r := acs(t, c, c.ACS.Resource, "POST", "/teamsUser/:exchangeAccessToken"+apiVersion, body(good, c.ClientID, u.ObjectID))
	_, entra := decode(t, good)
	_, claims := decode(t, r.str("token"))
	expires, err := time.Parse(time.RFC3339Nano, r.str("expiresOn"))
	if err != nil || float64(expires.Unix()) != entra["exp"] || claims["exp"] != entra["exp"] || claims["skypeid"] != "orgid:"+u.ObjectID {
		t.Errorf("the result must live as long as the Entra token: %s, %v", r.body, claims)
	}
}

func TestAddResource(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{})
	if _, err := c.ACS.AddResource(cloud.ResourceConfig{ID: "x", AccessKey: "!"}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("two mistakes: %v", err)
	}
	other, err := c.ACS.AddResource(cloud.ResourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if other.URL == c.ACS.URL || other.ResourceID() == c.ACS.ResourceID() {
		t.Error("the resources are the same")
	}
	if r := acs(t, c, other, "POST", "/identities"+apiVersion, ""); r.status != 201 || len(c.ACS.Identities()) != 0 || len(other.Identities()) != 1 {
		t.Errorf("create: %d %s", r.status, r.body)
	}
	// A resource with a name is reached at any address of ACS by that name.
	named, err := c.ACS.AddResource(cloud.ResourceConfig{Host: "Contoso.communication.azure.com"})
	if err != nil {
		t.Fatal(err)
	}
	req := newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, "")
	req.Host = "contoso.communication.azure.com"
	sign(t, req, accessKey(named.ConnectionString()), time.Now())
	if r := send(t, c.HTTPClient(), req); r.status != 201 || len(named.Identities()) != 1 {
		t.Errorf("create by name: %d %s", r.status, r.body)
	}
	req = newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, "")
	req.Host = "nobody.communication.azure.com"
	if r := send(t, c.HTTPClient(), req); r.status != 404 {
		t.Errorf("unknown name: %d", r.status)
	}
}
