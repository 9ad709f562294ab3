package cloud_test

import (
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// The whole way of a user: sign-in token, exchange, mapping in Graph, identity
// and token in ACS, over TLS and in process alike.
func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	for name, inProcess := range map[string]bool{"TLS": false, "in process": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, cloud.Config{InProcess: inProcess})
			alice := c.Entra.AddUser(cloud.User{Name: "Alice"})

			r := post(t, c, c.Entra.TokenURL(c.TenantID), oboForm(c, c.Entra.UserToken(alice, cloud.TokenOptions{})))
			if r.status != 200 {
				t.Fatalf("exchange: %d %s", r.status, r.body)
			}
			graphToken := r.str("access_token")

			id := createIdentity(t, c)
			r = graph(t, c, graphToken, "POST", "/me/extensions",
				`{"@odata.type":"microsoft.graph.openTypeExtension","extensionName":"com.contoso.identityMapping","acsUserIdentity":"`+id+`"}`)
			if r.status != 201 {
				t.Fatalf("mapping: %d %s", r.status, r.body)
			}
			r = graph(t, c, graphToken, "GET", "/me?$select=id&$expand=extensions", "")
			if extensions, _ := r.at("extensions").([]any); r.str("id") != alice.ObjectID || len(extensions) != 1 {
				t.Fatalf("lookup: %d %s", r.status, r.body)
			}

			r = acs(t, c, c.ACS.Resource, "POST", path(id, "/:issueAccessToken"), `{"scopes":["chat","voip"]}`)
			if r.status != 200 || !c.ACS.TokenValid(r.str("token")) {
				t.Fatalf("issue: %d %s", r.status, r.body)
			}
			if r = acs(t, c, c.ACS.Resource, "POST", path(id, "/:revokeAccessTokens"), ""); r.status != 204 {
				t.Errorf("revoke: %d %s", r.status, r.body)
			}
			if r = acs(t, c, c.ACS.Resource, "DELETE", path(id, ""), ""); r.status != 204 {
				t.Errorf("delete: %d %s", r.status, r.body)
			}
			if r = graph(t, c, graphToken, "DELETE", "/me/extensions/com.contoso.identityMapping", ""); r.status != 204 {
				t.Errorf("unmapping: %d %s", r.status, r.body)
			}
		})
	}
}
