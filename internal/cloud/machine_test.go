package cloud_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

const (
	federation = "api://AzureADTokenExchange"
	toACS      = "https://communication.azure.com/"
)

// identityRequest is a good request to one of the two endpoints.
func identityRequest(t *testing.T, c *cloud.Cloud, metadata bool, clientID, resource string) *http.Request {
	t.Helper()
	query := url.Values{"resource": {resource}, "client_id": {clientID}}
	if metadata {
		query.Set("api-version", "2018-02-01")
		return newRequest(t, "GET", c.Machine.URL+"/metadata/identity/oauth2/token?"+query.Encode(), "", "Metadata", "true")
	}
	query.Set("api-version", "2019-08-01")
	return newRequest(t, "GET", c.Machine.IdentityEndpoint()+"?"+query.Encode(), "", "X-IDENTITY-HEADER", c.Machine.IdentityHeader)
}

func TestManagedIdentity(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	id := c.Machine.Assign(cloud.ManagedIdentity{})
	for _, metadata := range []bool{false, true} {
		for resource, issuer := range map[string]string{
			federation: c.Entra.V2Issuer(c.TenantID),
			toACS:      c.Entra.V1Issuer(c.TenantID),
		} {
			r := send(t, c.HTTPClient(), identityRequest(t, c, metadata, id.ClientID, resource))
			if r.status != 200 {
				t.Fatalf("status %d %s", r.status, r.body)
			}
			_, claims := decode(t, r.str("access_token"))
			if claims["iss"] != issuer || claims["aud"] != resource || claims["sub"] != id.PrincipalID || claims["oid"] != id.PrincipalID ||
				claims["idtyp"] != "app" || claims["scp"] != nil {
				t.Errorf("claims %v", claims)
			}
			exp, _ := claims["exp"].(float64)
			if r.str("expires_on") != strconv.Itoa(int(exp)) || r.str("resource") != resource || r.str("client_id") != id.ClientID {
				t.Errorf("answer %s", r.body)
			}
			if metadata && r.str("expires_in") == "" {
				t.Errorf("answer %s", r.body)
			}
		}
	}
	if n := c.CallCount(cloud.OpIdentityToken); n != 4 {
		t.Errorf("%d calls recorded, want 4", n)
	}
}

func TestManagedIdentityRefused(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	id := c.Machine.Assign(cloud.ManagedIdentity{ClientID: cloud.DefaultSPAClientID})
	gone := c.Machine.Assign(cloud.ManagedIdentity{})
	c.Machine.Unassign(gone)
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	query := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			q.Set(name, value)
			r.URL.RawQuery = q.Encode()
		}
	}
	tests := []struct {
		name                 string
		appService, metadata int
		change               func(*http.Request)
	}{
		{"good", 200, 200, func(*http.Request) {}},
		{"client id in capitals", 200, 200, query("client_id", strings.ToUpper(id.ClientID))},
		{"no client id", 400, 400, query("client_id", "")},
		{"another client id", 400, 400, query("client_id", uuid.NewString())},
		{"an identity that was taken away", 400, 400, query("client_id", gone.ClientID)},
		{"another resource", 400, 400, query("resource", "https://vault.azure.net")},
		{"no resource", 400, 400, query("resource", "")},
		{"another version", 400, 400, query("api-version", "2017-09-01")},
		{"a wrong identity header", 401, 200, set("X-IDENTITY-HEADER", "wrong")},
		{"no identity header", 401, 200, func(r *http.Request) { r.Header.Del("X-IDENTITY-HEADER") }},
		{"no metadata header", 200, 400, func(r *http.Request) { r.Header.Del("Metadata") }},
		{"through a proxy", 200, 400, set("X-Forwarded-For", "10.0.0.1")},
	}
	for _, test := range tests {
		for _, metadata := range []bool{false, true} {
			req := identityRequest(t, c, metadata, id.ClientID, federation)
			test.change(req)
			want := test.appService
			if metadata {
				want = test.metadata
			}
			if r := send(t, c.HTTPClient(), req); r.status != want || r.status != 200 && r.str("access_token") != "" {
				t.Errorf("%s: %d %s, want %d", test.name, r.status, r.body, want)
			}
		}
	}
	if r := send(t, c.HTTPClient(), newRequest(t, "GET", c.Machine.URL+"/metadata/instance", "")); r.status != 404 {
		t.Errorf("another path: %d", r.status)
	}
	c.Inject(cloud.Fault{Op: cloud.OpIdentityToken, Status: 503, Times: 1})
	if r := send(t, c.HTTPClient(), identityRequest(t, c, true, id.ClientID, federation)); r.status != 503 || r.str("error") == "" {
		t.Errorf("a fault: %d %s", r.status, r.body)
	}
}

// Entra takes the token for the app's credential only where that was registered.
func TestManagedIdentityAsFederatedCredential(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	id := c.Machine.Assign(cloud.ManagedIdentity{})
	signIn := func(resource string) int {
		token := send(t, c.HTTPClient(), identityRequest(t, c, true, id.ClientID, resource)).str("access_token")
		return number(post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion", token)))
	}
	if got := signIn(federation); got != 700211 {
		t.Errorf("before the registration: %d", got)
	}
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: uuid.NewString()})
	if got := signIn(federation); got != 700213 {
		t.Errorf("registered for another identity: %d", got)
	}
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: id.PrincipalID})
	if got := signIn(federation); got != 0 {
		t.Errorf("after the registration: %d", got)
	}
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V1Issuer(c.TenantID), Subject: id.PrincipalID})
	if got := signIn(toACS); got != 700212 {
		t.Errorf("a token for ACS: %d", got)
	}
	c.Entra.SetTokenLifetime(-time.Minute)
	if got := signIn(federation); got != 700024 {
		t.Errorf("an expired token: %d", got)
	}
}
