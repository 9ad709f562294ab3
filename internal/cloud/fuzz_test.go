package cloud_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// No token that Entra did not make gets anybody in. (A panic in a service ends
// the test, since nothing recovers it in process.)
func FuzzToken(f *testing.F) {
	c := start(f, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	good := c.Entra.UserToken(u, cloud.TokenOptions{})
	f.Add("")
	f.Add("..")
	f.Add("e30.e30.")
	f.Add("bnVsbA.bnVsbA.AA")
	f.Add("eyJub25jZSI6MX0.eyJleHAiOiIxIn0.AA")
	f.Add(good[:len(good)-4])
	f.Add(good + "=")
	f.Add(c.Entra.UserToken(u, cloud.TokenOptions{Alg: "none"}))
	f.Fuzz(func(t *testing.T, token string) {
		if r := post(t, c, c.Entra.TokenURL(c.TenantID), oboForm(c, token)); r.status/100 != 4 || r.str("error") == "" {
			t.Errorf("exchange: %d %s", r.status, r.body)
		}
		form := appForm(c, "client_assertion", token)
		if r := post(t, c, c.Entra.TokenURL(c.TenantID), form); r.status/100 != 4 || r.str("error") == "" {
			t.Errorf("client assertion: %d %s", r.status, r.body)
		}
		for _, url := range []string{c.Graph.URL + "/me", c.ACS.URL + "/identities" + apiVersion} {
			req := newRequest(t, "POST", url, "")
			req.Header["Authorization"] = []string{"Bearer " + token}
			if r := send(t, c.HTTPClient(), req); r.status/100 != 4 {
				t.Errorf("%s: %d %s", url, r.status, r.body)
			}
		}
	})
}

// Whatever is posted, ACS answers an identity or an error in its envelope.
func FuzzACSBody(f *testing.F) {
	c := start(f, cloud.Config{InProcess: true})
	for _, body := range []string{"", "{}", "null", `{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`, `{"expiresInMinutes":1e9}`, `{"scopes":{}}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		req := newRequest(t, "POST", c.ACS.URL+"/identities"+apiVersion, body)
		sign(t, req, accessKey(c.ACS.ConnectionString()), time.Now())
		r := send(t, c.HTTPClient(), req)
		if created := strings.HasPrefix(r.str("identity", "id"), "8:acs:"); created != (r.status == http.StatusCreated) || !created && r.str("error", "code") == "" {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}

// Whatever is posted, Graph stores what it answers or answers an error in its
// envelope.
func FuzzExtensionBody(f *testing.F) {
	c := start(f, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	token := c.Entra.GraphToken(u, cloud.TokenOptions{Lifetime: 24 * time.Hour})
	for _, body := range []string{extensionJSON("a.b", "x"), "null", "[]", `{"@odata.type":1}`, `{"@odata.type":"microsoft.graph.openTypeExtension","extensionName":"a","id":"b"}`} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := graph(t, c, token, "POST", "/me/extensions", body)
		id := r.str("id")
		if r.status == http.StatusCreated {
			if _, ok := c.Graph.Extension(u, id); !ok {
				t.Errorf("answered, but not stored: %s", r.body)
			}
			c.Graph.DeleteExtension(u, id)
		} else if r.status != http.StatusBadRequest || r.str("error", "code") == "" {
			t.Errorf("%d %s", r.status, r.body)
		}
	})
}
