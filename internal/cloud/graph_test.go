package cloud_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/google/go-cmp/cmp"
)

const mapping = "com.contoso.identityMapping"

// extensionJSON is the body of a create or an update.
func extensionJSON(name, id string) string {
	return `{"@odata.type":"microsoft.graph.openTypeExtension","extensionName":"` + name + `","acsUserIdentity":"` + id + `"}`
}

// graphUser starts a cloud with one user, and returns their Graph token.
func graphUser(t *testing.T) (*cloud.Cloud, cloud.User, string) {
	t.Helper()
	c := start(t, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	return c, u, c.Entra.GraphToken(u, cloud.TokenOptions{})
}

func TestExtensionLife(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	context := c.Graph.URL + "/$metadata#users('" + u.ObjectID + "')/extensions"
	entity := map[string]any{"@odata.context": context + "/$entity", "@odata.type": "#microsoft.graph.openTypeExtension",
		"id": mapping, "extensionName": mapping, "acsUserIdentity": "8:acs:1"}
	listed := map[string]any{"@odata.type": "#microsoft.graph.openTypeExtension", "id": mapping, "extensionName": mapping, "acsUserIdentity": "8:acs:1"}
	short := map[string]any{"@odata.context": context + "/$entity", "@odata.type": "#microsoft.graph.openTypeExtension", "id": mapping, "other": 1.0}
	userContext := c.Graph.URL + "/$metadata#users/$entity"
	steps := []struct {
		method, path, body string
		status             int
		want               any
	}{
		{"GET", "/me?$select=id&$expand=extensions", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID, "extensions": []any{}}},
		{"GET", "/me/extensions", "", 200, map[string]any{"@odata.context": context, "value": []any{}}},
		{"POST", "/me/extensions", extensionJSON(mapping, "8:acs:1"), 201, entity},
		{"GET", "/me/extensions/" + mapping, "", 200, entity},
		{"GET", "/me/extensions/Microsoft.Graph.openTypeExtension." + mapping, "", 200, entity},
		{"GET", "/users/" + u.ObjectID + "/extensions/" + mapping, "", 200, entity},
		{"GET", "/me/extensions", "", 200, map[string]any{"@odata.context": context, "value": []any{listed}}},
		{"GET", "/me?$select=id&$expand=extensions", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID, "extensions": []any{listed}}},
		{"GET", "/me?%24select=id&%24expand=extensions", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID, "extensions": []any{listed}}},
		{"GET", "/me?$select=id&$expand=extensions($filter=id%20eq%20'other')", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID, "extensions": []any{}}},
		{"GET", "/me?$select=id&$expand=extensions($filter=id%20eq%20'" + mapping + "')", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID, "extensions": []any{listed}}},
		{"GET", "/me?$select=id", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID}},
		// Without $select=id, $expand does nothing.
		{"GET", "/me?$select=displayName&$expand=extensions", "", 200, map[string]any{"@odata.context": userContext, "displayName": u.Name}},
		{"GET", "/me?$expand=extensions", "", 200, map[string]any{"@odata.context": userContext, "id": u.ObjectID, "displayName": u.Name, "userPrincipalName": u.UPN}},
		// An update replaces everything, the name included.
		{"PATCH", "/me/extensions/" + mapping, `{"@odata.type":"#microsoft.graph.openTypeExtension","id":"x","other":1}`, 204, nil},
		{"GET", "/me/extensions/" + mapping, "", 200, short},
		{"DELETE", "/me/extensions/" + mapping, "", 204, nil},
		{"GET", "/me/extensions/" + mapping, "", 404, nil},
		{"DELETE", "/me/extensions/" + mapping, "", 404, nil},
		{"PATCH", "/me/extensions/" + mapping, extensionJSON(mapping, "8:acs:1"), 404, nil},
		{"POST", "/me/extensions", extensionJSON(mapping, "8:acs:1"), 201, entity},
	}
	for i, step := range steps {
		r := graph(t, c, token, step.method, step.path, step.body)
		if r.status != step.status {
			t.Fatalf("step %d, %s %s: %d %s, want %d", i, step.method, step.path, r.status, r.body, step.status)
		}
		if diff := cmp.Diff(step.want, r.at()); step.want != nil && diff != "" {
			t.Errorf("step %d, %s %s (-want +got): %s", i, step.method, step.path, diff)
		}
		if step.status == 404 && (r.str("error", "code") != "ResourceNotFound" || r.str("error", "message") != "Extension with given id not found.") {
			t.Errorf("step %d, %s %s: %s", i, step.method, step.path, r.body)
		}
	}
}

func TestGraphOptions(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	c.Graph.Configure(cloud.GraphOptions{ConflictStatus: 409, UpdateStatus: 200, OmitEmpty: true, OmitName: true, LongIDs: true})
	if r := graph(t, c, token, "GET", "/me?$select=id&$expand=extensions", ""); r.at("extensions") != nil {
		t.Errorf("no extensions: %s", r.body)
	}
	c.Graph.SetExtension(u, mapping, map[string]any{"acsUserIdentity": "8:acs:1"})
	if r := graph(t, c, token, "POST", "/me/extensions", extensionJSON(mapping, "8:acs:2")); r.status != 409 ||
		r.str("error", "code") != "Request_BadRequest" || r.str("error", "message") != "An extension already exists with given id." {
		t.Errorf("conflict: %d %s", r.status, r.body)
	}
	r := graph(t, c, token, "PATCH", "/me/extensions/"+mapping, extensionJSON(mapping, "8:acs:3"))
	if r.status != 200 || r.str("acsUserIdentity") != "8:acs:3" || r.at("extensionName") != nil || r.str("id") != "microsoft.graph.openTypeExtension."+mapping {
		t.Errorf("update: %d %s", r.status, r.body)
	}
}

func TestGraphRefusesCallers(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	ghost := cloud.User{ObjectID: foreignTenant, TenantID: c.TenantID}
	minted := func(o cloud.TokenOptions) string { return c.Entra.GraphToken(u, o) }
	const list, create = "GET /me/extensions", "POST /me/extensions"
	tests := []struct {
		name, request, authorization string
		status                       int
		code, message                string
	}{
		{"no header", list, "", 401, "InvalidAuthenticationToken", "Access token is empty."},
		{"other scheme", list, "Basic eDp5", 401, "InvalidAuthenticationToken", "Access token is empty."},
		{"no JWT", list, "Bearer opaque", 401, "InvalidAuthenticationToken", "IDX14100: JWT is not well formed, there are no dots (.)."},
		{"user's token for our API", list, "Bearer " + c.Entra.UserToken(u, cloud.TokenOptions{}), 401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience."},
		{"expired", list, "Bearer " + minted(cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * time.Hour)}), 401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."},
		{"unlisted key", list, "Bearer " + minted(cloud.TokenOptions{Key: cloud.KeyUnlisted}), 401, "InvalidAuthenticationToken", "Access token validation failure. Invalid signature."},
		{"another nonce", list, "Bearer " + withNonce(t, token, "another"), 401, "InvalidAuthenticationToken", "Access token validation failure. Invalid signature."},
		{"no nonce", list, "Bearer " + minted(cloud.TokenOptions{Header: map[string]any{"nonce": nil}}), 200, "", ""},
		{"app only", list, "Bearer " + c.Entra.AppToken(cloud.TokenOptions{Version: 1, Audience: "https://graph.microsoft.com"}), 400, "BadRequest", "/me request is only valid with delegated authentication flow."},
		{"write with User.Read", create, "Bearer " + minted(cloud.TokenOptions{Scope: "User.Read"}), 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
		{"read with Mail.Read", list, "Bearer " + minted(cloud.TokenOptions{Scope: "Mail.Read"}), 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
		{"read with User.ReadWrite.All", list, "Bearer " + minted(cloud.TokenOptions{Scope: "User.ReadWrite.All"}), 200, "", ""},
		{"another user", "GET /users/" + foreignTenant + "/extensions", "Bearer " + token, 403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."},
		{"oneself by name", "GET /users/" + u.UPN + "/extensions", "Bearer " + token, 200, "", ""},
		{"user gone, lookup", "GET /me?$select=id", "Bearer " + c.Entra.GraphToken(ghost, cloud.TokenOptions{}), 404, "Request_ResourceNotFound",
			"Resource '" + foreignTenant + "' does not exist or one of its queried reference-property objects are not present."},
		{"user gone, extension", create, "Bearer " + c.Entra.GraphToken(ghost, cloud.TokenOptions{}), 404, "ResourceNotFound", "Parent Object Not Found"},
		{"unknown segment", "GET /me/extension", "Bearer " + token, 400, "BadRequest", "Resource not found for the segment 'extension'."},
		{"too deep", "GET /me/extensions/a/b", "Bearer " + token, 400, "BadRequest", "Resource not found for the segment 'b'."},
		{"elsewhere", "GET /groups", "Bearer " + token, 400, "BadRequest", "Resource not found for the segment 'groups'."},
		{"another verb", "PUT /me/extensions/x", "Bearer " + token, 400, "BadRequest", "Resource not found for the segment 'x'."},
	}
	for _, test := range tests {
		method, path, _ := strings.Cut(test.request, " ")
		req := newRequest(t, method, c.Graph.URL+path, extensionJSON(mapping, "8:acs:1"), "Authorization", test.authorization, "client-request-id", "mine")
		r := send(t, c.HTTPClient(), req)
		if r.status != test.status || r.str("error", "code") != test.code || r.str("error", "message") != test.message {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
		if test.status < 400 {
			continue
		}
		if r.str("error", "innerError", "request-id") == "" || r.str("error", "innerError", "client-request-id") != "mine" {
			t.Errorf("%s: ids are missing in %s", test.name, r.body)
		}
		if got := r.header.Get("WWW-Authenticate"); (test.status == 401) != strings.HasPrefix(got, "Bearer ") {
			t.Errorf("%s: WWW-Authenticate is %q", test.name, got)
		}
	}
	if r := get(t, c, strings.TrimSuffix(c.Graph.URL, "/v1.0")+"/beta/me"); r.status != 400 {
		t.Errorf("another version: %d", r.status)
	}
}

// withNonce puts another nonce into the header of a token.
func withNonce(t *testing.T, token, nonce string) string {
	t.Helper()
	header, _ := decode(t, token)
	header["nonce"] = nonce
	b, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(b) + token[strings.Index(token, "."):]
}

func TestGraphRefusesExtensions(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	c.Graph.SetExtension(u, mapping, map[string]any{"acsUserIdentity": "8:acs:1"})
	const unreadable = "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."
	tests := []struct {
		name, body, contentType string
		code, message           string
	}{
		{"exists", extensionJSON(mapping, "8:acs:2"), "application/json", "Request_BadRequest", "An extension already exists with given id."},
		{"base class", `{"@odata.type":"#microsoft.graph.extension","extensionName":"a.b"}`, "application/json", "BadRequest", "POST on non - master workload is not allowed."},
		{"no type", `{"extensionName":"a.b"}`, "application/json", "BadRequest", "POST on non - master workload is not allowed."},
		{"no JSON", `{`, "application/json", "BadRequest", unreadable},
		{"null", `null`, "application/json", "BadRequest", unreadable},
		{"empty", ``, "application/json", "BadRequest", unreadable},
		{"not declared", extensionJSON("a.b", "x"), "text/plain", "BadRequest", unreadable},
		{"no name", `{"@odata.type":"microsoft.graph.openTypeExtension"}`, "application/json", "Request_BadRequest", "The extension name is not valid."},
		{"name with slash", extensionJSON("a/b", "x"), "application/json", "Request_BadRequest", "The extension name is not valid."},
		{"reserved name", extensionJSON("com.Microsoft.x", "x"), "application/json", "Request_BadRequest", "The extension name is not valid."},
		{"over 2 KB", extensionJSON("a.b", strings.Repeat("x", 2048)), "application/json", "BadRequest", "The extension is larger than 2 KB."},
	}
	for _, test := range tests {
		r := send(t, c.HTTPClient(), newRequest(t, "POST", c.Graph.URL+"/me/extensions", test.body, "Authorization", "Bearer "+token, "Content-Type", test.contentType))
		if r.status != 400 || r.str("error", "code") != test.code || r.str("error", "message") != test.message {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
	}
}

// Two extensions per app and user: what others created does not count.
func TestExtensionLimit(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	c.Graph.SetExtension(u, "of.the.user", nil)
	other := c.Entra.GraphToken(u, cloud.TokenOptions{ClientID: c.SPAClientID})
	steps := []struct {
		token, name string
		status      int
	}{{token, "a.one", 201}, {token, "a.two", 201}, {token, "a.three", 400}, {other, "a.three", 201}}
	for _, step := range steps {
		r := graph(t, c, step.token, "POST", "/me/extensions", extensionJSON(step.name, "x"))
		if r.status != step.status {
			t.Errorf("%s: %d %s", step.name, r.status, r.body)
		}
		if r.status == 400 && r.str("error", "message") != "Maximum number of extensions values supported per application is 2." {
			t.Errorf("%s: %s", step.name, r.body)
		}
	}
}

func TestGraphAcceptsGzip(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	w.Write([]byte(extensionJSON(mapping, "8:acs:1")))
	w.Close()
	for body, status := range map[string]int{zipped.String(): 201, "not zipped": 400, zipped.String()[:20]: 400} {
		c.Graph.DeleteExtension(u, mapping)
		req := newRequest(t, "POST", c.Graph.URL+"/me/extensions", body, "Authorization", "Bearer "+token, "Content-Encoding", "gzip")
		if r := send(t, c.HTTPClient(), req); r.status != status {
			t.Errorf("%d, want %d: %s", r.status, status, r.body)
		}
	}
}

func TestGraphChallenge(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	const claims = `{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}`
	withdraw := c.Graph.Challenge(u, claims)
	other := c.Entra.AddUser(cloud.User{})
	assertion := c.Entra.UserToken(u, cloud.TokenOptions{})
	answered := post(t, c, c.Entra.TokenURL(c.TenantID), without(oboForm(c, assertion), "claims", claims)).str("access_token")

	r := graph(t, c, token, "GET", "/me/extensions", "")
	want := `error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`
	if r.status != 401 || !strings.HasSuffix(r.header.Get("WWW-Authenticate"), want) || r.str("error", "code") != "InvalidAuthenticationToken" {
		t.Errorf("challenge: %d %v %s", r.status, r.header, r.body)
	}
	for name, token := range map[string]string{
		"another user":         c.Entra.GraphToken(other, cloud.TokenOptions{}),
		"exchange with claims": answered,
		"stronger sign-in":     c.Entra.GraphToken(u, cloud.TokenOptions{StepUp: true}),
	} {
		if r := graph(t, c, token, "GET", "/me/extensions", ""); r.status != 200 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	withdraw()
	if r := graph(t, c, token, "GET", "/me/extensions", ""); r.status != 200 {
		t.Errorf("withdrawn: %d %s", r.status, r.body)
	}
}

// The state of one user is not that of another, not even of the same object id
// in another tenant.
func TestUsersAreApart(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	twin := c.Entra.AddUser(cloud.User{ObjectID: u.ObjectID, TenantID: foreignTenant})
	graph(t, c, token, "POST", "/me/extensions", extensionJSON(mapping, "8:acs:1"))
	if _, ok := c.Graph.Extension(twin, mapping); ok {
		t.Error("the twin has the extension too")
	}
	c.Entra.RemoveUser(u)
	c.Entra.AddUser(u)
	if _, ok := c.Graph.Extension(u, mapping); ok {
		t.Error("the extension outlived its user")
	}
}

func TestDirectAccess(t *testing.T) {
	t.Parallel()
	c, u, token := graphUser(t)
	properties := map[string]any{"acsUserIdentity": "8:acs:1", "nested": map[string]any{"a": 1.0}}
	c.Graph.SetExtension(u, mapping, properties)
	properties["nested"].(map[string]any)["a"] = 2.0 // a copy was stored
	got, ok := c.Graph.Extension(u, mapping)
	want := map[string]any{"extensionName": mapping, "acsUserIdentity": "8:acs:1", "nested": map[string]any{"a": 1.0}}
	if !ok || !cmp.Equal(got, want) {
		t.Errorf("%v", got)
	}
	c.Graph.SetExtension(u, mapping, map[string]any{"acsUserIdentity": 7})
	if r := graph(t, c, token, "GET", "/me/extensions/"+mapping, ""); r.at("acsUserIdentity") != 7.0 || r.at("nested") != nil {
		t.Errorf("tampered: %s", r.body)
	}
	c.Graph.DeleteExtension(u, mapping)
	c.Graph.DeleteExtension(u, mapping)
	if _, ok := c.Graph.Extension(u, mapping); ok {
		t.Error("it is still there")
	}
}

func TestFreezeReads(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	c := start(t, cloud.Config{InProcess: true, Now: func() time.Time { return now }})
	u := c.Entra.AddUser(cloud.User{})
	token := c.Entra.GraphToken(u, cloud.TokenOptions{})
	read := func() string {
		t.Helper()
		r := graph(t, c, token, "GET", "/me/extensions/"+mapping, "")
		if r.status == http.StatusNotFound {
			return "none"
		}
		return r.str("acsUserIdentity")
	}
	expect := func(what string, want ...string) {
		t.Helper()
		for i, value := range want {
			if got := read(); got != value {
				t.Errorf("%s, read %d: %q, want %q", what, i+1, got, value)
			}
		}
	}
	set := func(id string) { c.Graph.SetExtension(u, mapping, map[string]any{"acsUserIdentity": id}) }

	c.Graph.FreezeReads(u, cloud.Freeze{Reads: 2})
	set("1")
	expect("two reads", "none", "none", "1", "1")

	c.Graph.FreezeReads(u, cloud.Freeze{For: time.Second})
	set("2")
	expect("a second", "1", "1")
	now = now.Add(time.Second)
	expect("a second later", "2")

	thaw := c.Graph.FreezeReads(u, cloud.Freeze{})
	set("3")
	expect("until thawed", "2", "2", "2")
	thaw()
	expect("thawed", "3")

	now = now.Add(time.Minute)
	thaw = c.Graph.FreezeReads(u, cloud.Freeze{Lag: 3 * time.Second})
	set("4")
	now = now.Add(2 * time.Second)
	set("5")
	expect("before any lag", "3")
	now = now.Add(time.Second)
	expect("three seconds after 4", "4")
	now = now.Add(2 * time.Second)
	expect("three seconds after 5", "5")
	thaw()

	c.Graph.FreezeReads(u, cloud.Freeze{Reads: 1})
	c.Graph.DeleteExtension(u, mapping)
	if r := graph(t, c, token, "POST", "/me/extensions", extensionJSON(mapping, "6")); r.status != 201 {
		t.Errorf("a write sees the old state: %d %s", r.status, r.body)
	}
	expect("after writing", "5", "6")

	c.Graph.FreezeReads(u, cloud.Freeze{Reads: 1, Creates: true})
	c.Graph.DeleteExtension(u, mapping)
	for i, status := range []int{400, 201} {
		if r := graph(t, c, token, "POST", "/me/extensions", extensionJSON(mapping, "7")); r.status != status {
			t.Errorf("creation %d after a deletion: %d %s", i+1, r.status, r.body)
		}
	}
	c.Graph.DeleteExtension(u, mapping)
	c.Graph.FreezeReads(u, cloud.Freeze{Reads: 2, Creates: true})
	for _, id := range []string{"8", "9"} {
		if r := graph(t, c, token, "POST", "/me/extensions", extensionJSON(mapping, id)); r.status != 201 {
			t.Errorf("creation of %s on another replica: %d %s", id, r.status, r.body)
		}
	}
	expect("the last creation wins", "9")
}
