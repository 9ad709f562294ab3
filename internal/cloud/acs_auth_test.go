package cloud_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// Signatures made with Microsoft's own SDKs and with openssl, not with code of
// this module.
const (
	vectorKey  = "YWNzLXRlc3QtdmVjdG9yLWtleS0wMTIzNDU2Nzg5YWJjZGVm"
	vectorDate = "Wed, 23 Sep 2026 10:15:30 GMT"
	vectorHost = "contoso.communication.azure.com"
	vectorID   = "8%3Aacs%3A11111111-2222-3333-4444-555555555555_00000000-aaaa-bbbb-cccc-dddddddddddd"
	emptyHash  = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	scheme     = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
)

type vector struct {
	name, host, method, path, version, body, hash, signature string
}

var vectors = []vector{
	{"V1", vectorHost, "POST", "/identities/" + vectorID + "/:issueAccessToken", "2023-10-01", `{"scopes":["chat","voip"],"expiresInMinutes":60}`, "L3rwPjqINp2rppinf7Ljl6gJFzoHpAeoNOr9KJTWYVw=", "AH2aBr8kyZZH/SuKASDjwoCnE7sndXNnPdadFmp9BSM="},
	{"V2", vectorHost, "POST", "/identities", "2023-10-01", "", emptyHash, "wwMkz5L6rqGLEB9QRJwv3QmnvIpp/utIPYB23jBKqec="},
	{"V3", vectorHost, "POST", "/identities", "2023-10-01", `{"createTokenWithScopes":["chat","voip"]}`, "fYTayOkxDFdoXd25BoJTvoTLLr5+QVfLFXvdJep6oNs=", "12iwKpynIMvTZYrA7xObWiUF7Ccg6LYN96LvaWvmQEc="},
	{"V4", vectorHost, "DELETE", "/identities/" + vectorID, "2023-10-01", "", emptyHash, "6P8tqdnX4zp4RpvRFlC17DMBij20n5ogRHu7dryEF0E="},
	{"V5", vectorHost, "POST", "/identities/" + vectorID + "/:revokeAccessTokens", "2023-10-01", "", emptyHash, "scv4c5v31/XB6GTNr5fOVsW33et0pCRSv7Mr19Ri/LA="},
	{"V6", vectorHost, "POST", "/identities", "2023-10-01", `{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`, "kET9vD/6sAVRB6ISkrpOL44L0M1olvugZ/QYxlSQK9k=", "NTTLhqY4eEZNqFj0OtNp8puOk4di5TbMx/DLAWXxRkA="},
	{"V7", vectorHost, "POST", "/teamsUser/:exchangeAccessToken", "2023-10-01", `{"token":"eyJ.aad.tok","appId":"client","userId":"oid"}`, "arwCt2zd0hAQLTv8PJ3Sr5R7iLbsq+7j8uOfO2YNk+E=", "NMHWvZubq5BK3eJun3Wicw4/qBNIgYZfMVfa3/AfTdY="},
	{"V8", "localhost:8443", "POST", "/identities", "2023-10-01", "", emptyHash, "beIvL36LIawwatUuEUKwdhs5fCOLu3cGJr9F5V66/fo="},
	{"V9", vectorHost, "POST", "/identities", "2023-10-01", `{}`, "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=", "MwpLH52baHwbKjqsRi2GyBpS4Il5ZNnE1DQFd+6owms="},
	{"V1 newer", vectorHost, "POST", "/identities/" + vectorID + "/:issueAccessToken", "2025-06-30", `{"scopes":["chat","voip"],"expiresInMinutes":60}`, "L3rwPjqINp2rppinf7Ljl6gJFzoHpAeoNOr9KJTWYVw=", "LRFJADijhlnlB5jYpkIgs2lYgk5bkNUrmW9oHzidwzQ="},
	{"V4 newest", vectorHost, "DELETE", "/identities/" + vectorID, "2026-09-23", "", emptyHash, "s7tCs49nWlzLxFVXPhUIKF2eB0hdxGlHKB1zxerWM9M="},
}

func (v vector) request(t *testing.T) *http.Request {
	return newRequest(t, v.method, "https://"+v.host+v.path+"?api-version="+v.version, v.body,
		"x-ms-date", vectorDate, "x-ms-content-sha256", v.hash, "Authorization", scheme+v.signature)
}

// startVectors starts a cloud in which the vectors' resource exists, a while
// after their date.
func startVectors(t *testing.T, later time.Duration) *cloud.Cloud {
	t.Helper()
	at, err := http.ParseTime(vectorDate)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, cloud.Config{InProcess: true, Now: func() time.Time { return at.Add(later) }})
	for i, host := range []string{vectorHost, "localhost:8443"} {
		_, err := c.ACS.AddResource(cloud.ResourceConfig{Host: host, AccessKey: vectorKey,
			ID: []string{"11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-666666666666"}[i]})
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	c := startVectors(t, 0)
	for _, v := range vectors {
		r := send(t, c.HTTPClient(), v.request(t))
		// What is signed well gets a real answer: the identity of the vectors
		// does not exist, nor does the Teams token.
		want := "IdentityNotOwned"
		switch v.path {
		case "/identities":
			want = ""
		case "/teamsUser/:exchangeAccessToken":
			want = "InvalidAccessToken"
		}
		if r.str("error", "code") != want {
			t.Errorf("%s: %d %s", v.name, r.status, r.body)
		}
	}
}

func TestSignatureRefused(t *testing.T) {
	t.Parallel()
	mac := hmac.New(sha256.New, []byte("acs-test-vector-key-0123456789abcdef"))
	mac.Write([]byte("POST\n/identities?api-version=2023-10-01\n" + vectorDate + ";" + vectorHost + ";" + emptyHash))
	dateSigned := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	const bodyHash = "Request 'x-ms-content-sha256' differs from generated content hash."
	tests := []struct {
		name   string
		later  time.Duration
		change func(*http.Request)
		want   string // "" accepted
	}{
		{"untouched", 0, func(*http.Request) {}, ""},
		{"five minutes later", 5 * time.Minute, func(*http.Request) {}, ""},
		{"five minutes before", -5 * time.Minute, func(*http.Request) {}, ""},
		{"more than that later", 5*time.Minute + time.Second, func(*http.Request) {}, "Denied by the resource provider."},
		{"more than that before", -5*time.Minute - time.Second, func(*http.Request) {}, "Denied by the resource provider."},
		{"no Authorization", 0, func(r *http.Request) { r.Header.Del("Authorization") }, "Denied by the resource provider."},
		{"another signature", 0, set("Authorization", scheme+vectors[2].signature), "Denied by the resource provider."},
		{"signature no base64", 0, set("Authorization", scheme+"!"), "Denied by the resource provider."},
		{"names of the headers in another order", 0, set("Authorization", strings.Replace(scheme, "x-ms-date;host", "host;x-ms-date", 1)+vectors[1].signature), "Denied by the resource provider."},
		{"signed Date instead of x-ms-date", 0, func(r *http.Request) {
			r.Header.Del("x-ms-date")
			r.Header.Set("Date", vectorDate)
			r.Header.Set("Authorization", strings.Replace(scheme, "x-ms-date", "date", 1)+dateSigned)
		}, "Denied by the resource provider."},
		{"another date", 0, set("x-ms-date", "Wed, 23 Sep 2026 10:15:31 GMT"), "Denied by the resource provider."},
		{"date in another form", 0, set("x-ms-date", "2026-09-23T10:15:30Z"), "Denied by the resource provider."},
		{"another verb", 0, func(r *http.Request) { r.Method = "DELETE" }, ""}, // another route: 404, unsigned
		{"another version", 0, func(r *http.Request) { r.URL.RawQuery = "api-version=2025-06-30" }, "Denied by the resource provider."},
		{"one more parameter", 0, func(r *http.Request) { r.URL.RawQuery += "&a=b" }, "Denied by the resource provider."},
		{"another host of the same key", 0, func(r *http.Request) { r.Host = "localhost:8443" }, "Denied by the resource provider."},
		{"another hash", 0, set("x-ms-content-sha256", vectors[2].hash), "Denied by the resource provider."},
		{"another body", 0, func(r *http.Request) { r.Body = http.NoBody }, bodyHash},
	}
	for _, test := range tests {
		c := startVectors(t, test.later)
		v := vectors[1]
		if test.want == bodyHash {
			v = vectors[2]
		}
		req := v.request(t)
		test.change(req)
		r := send(t, c.HTTPClient(), req)
		if r.str("error", "message") != test.want || test.want != "" && (r.status != 401 || r.str("error", "code") != "Denied") {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
	}
}

// The signature covers the path as it was sent: a literal colon and its escape
// are both good, each with its own signature.
func TestRawTargetIsSigned(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{})
	id := createIdentity(t, c)
	for _, written := range []string{id, strings.ReplaceAll(id, ":", "%3A"), strings.ReplaceAll(id, ":", "%3a")} {
		r := acs(t, c, c.ACS.Resource, "POST", "/identities/"+written+"/:revokeAccessTokens"+apiVersion, "")
		if r.status != 204 {
			t.Errorf("%s: %d %s", written, r.status, r.body)
		}
	}
}

func TestResourceAccessKeys(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	try := func(connectionString string) (status int, token string) {
		t.Helper()
		req := newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, `{"createTokenWithScopes":["chat"]}`)
		sign(t, req, accessKey(connectionString), time.Now())
		r := send(t, c.HTTPClient(), req)
		return r.status, r.str("accessToken", "token")
	}
	first, second := c.ACS.ConnectionString(), c.ACS.SecondaryConnectionString()
	if !strings.HasPrefix(first, "endpoint="+c.ACS.URL+"/;accesskey=") {
		t.Errorf("connection string %q", first)
	}
	_, one := try(first)
	_, two := try(second)
	c.ACS.RegeneratePrimaryKey()
	if status, _ := try(first); status != 401 {
		t.Errorf("former primary key: %d", status)
	}
	if c.ACS.TokenValid(one) || !c.ACS.TokenValid(two) {
		t.Error("a new primary key must revoke the tokens of the former, and no others")
	}
	status, three := try(c.ACS.ConnectionString())
	if status != 201 {
		t.Errorf("new primary key: %d", status)
	}
	c.ACS.RegenerateSecondaryKey()
	if status, _ := try(second); status != 401 || c.ACS.TokenValid(two) || !c.ACS.TokenValid(three) {
		t.Errorf("former secondary key: %d", status)
	}
}

func TestEntraAuthenticationToACS(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	const audience = "https://communication.azure.com/"
	app := func(o cloud.TokenOptions) string { o.Version = 1; return c.Entra.AppToken(o) }
	tests := []struct {
		name, token string
		status      int
	}{
		{"app", app(cloud.TokenOptions{Audience: audience}), 201},
		{"another issuer", app(cloud.TokenOptions{Audience: audience, Claims: map[string]any{"iss": "https://sts.example/"}}), 401},
		{"an app without a role", app(cloud.TokenOptions{Audience: audience, ClientID: c.SPAClientID}), 401},
		{"audience without the slash", app(cloud.TokenOptions{Audience: strings.TrimSuffix(audience, "/")}), 401},
		{"for our API", app(cloud.TokenOptions{}), 401},
		{"expired", app(cloud.TokenOptions{Audience: audience, IssuedAt: time.Now().Add(-3 * time.Hour)}), 401},
		{"unlisted key", app(cloud.TokenOptions{Audience: audience, Key: cloud.KeyUnlisted}), 401},
		{"another tenant", app(cloud.TokenOptions{Audience: audience, Claims: map[string]any{
			"tid": foreignTenant, "iss": c.Entra.V1Issuer(foreignTenant)}}), 401},
		{"a user", c.Entra.UserToken(u, cloud.TokenOptions{Version: 1, Audience: audience}), 401},
		{"nonsense", "opaque", 401},
	}
	for _, test := range tests {
		r := send(t, c.HTTPClient(), newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, "", "Authorization", "Bearer "+test.token))
		if r.status != test.status || r.status == 401 && r.str("error", "code") != "Denied" {
			t.Errorf("%s: %d %s", test.name, r.status, r.body)
		}
	}
	token := app(cloud.TokenOptions{Audience: audience, ClientID: c.SPAClientID})
	for status, change := range map[int]func(string){201: c.ACS.AssignRole, 401: c.ACS.RemoveRole} {
		change(c.SPAClientID)
		r := send(t, c.HTTPClient(), newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, "", "Authorization", "Bearer "+token))
		if r.status != status {
			t.Errorf("roles changed: %d %s, want %d", r.status, r.body, status)
		}
	}
}
