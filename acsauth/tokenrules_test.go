package acsauth_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// What depends on the configuration. What does not is in acsauthtest's corpus.
func TestTokenRules(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	home := c.Entra.AddUser(cloud.User{})
	away := c.Entra.AddUser(cloud.User{TenantID: otherTenant})
	personal := c.Entra.AddUser(cloud.User{TenantID: cloud.MSATenantID})
	upper := strings.ToUpper(c.TenantID)
	tenant := func(id string) cloud.TokenOptions {
		return cloud.TokenOptions{Claims: map[string]any{"tid": id, "iss": c.Entra.V2Issuer(id)}}
	}
	claim := func(name string, value any) cloud.TokenOptions {
		return cloud.TokenOptions{Claims: map[string]any{name: value}}
	}
	type config = acsauth.AuthenticatorConfig
	tenants := func(ids ...string) func(*config) { return func(cfg *config) { cfg.AllowedTenants = ids } }
	clients := func(ids ...string) func(*config) { return func(cfg *config) { cfg.AllowedClients = ids } }
	audiences := func(uris ...string) func(*config) { return func(cfg *config) { cfg.Audiences = uris } }
	scope := func(name string) func(*config) { return func(cfg *config) { cfg.Scope = name } }
	none := func(*config) {}

	for _, test := range []struct {
		name      string
		configure func(*config)
		user      cloud.User
		token     cloud.TokenOptions
		want      string // the refusal's name, and a word of its message; "" if the token is good
		hint      string
	}{
		{"one tenant, its user", none, home, cloud.TokenOptions{}, "", ""},
		{"one tenant, given as a domain", func(cfg *config) { cfg.TenantID = cloud.TenantDomain }, home, cloud.TokenOptions{}, "", ""},
		{"one tenant, given as a domain, another's user", func(cfg *config) { cfg.TenantID = cloud.TenantDomain }, away, cloud.TokenOptions{}, "invalid_token", "tenant"},
		{"one tenant, given in upper case", func(cfg *config) { cfg.TenantID = upper }, home, cloud.TokenOptions{}, "", ""},
		{"one tenant, another's user", none, away, cloud.TokenOptions{}, "invalid_token", "key of another tenant"},
		{"one tenant on the list", tenants(c.TenantID), away, cloud.TokenOptions{}, "invalid_token", "key of another tenant"},
		{"tenant in another case than its issuer", none, home, claim("tid", upper), "invalid_token", "issuer"},
		{"issuer in another case than its tenant", none, home, claim("iss", c.Entra.V2Issuer(upper)), "invalid_token", "issuer"},
		{"tenant and issuer in another case than the key's", none, home, tenant(upper), "invalid_token", "key of another tenant"},

		{"several tenants, one's own", tenants(c.TenantID, otherTenant), home, cloud.TokenOptions{}, "", ""},
		{"several tenants, another on the list", tenants(c.TenantID, otherTenant), away, cloud.TokenOptions{}, "", ""},
		{"several tenants, another on the list, v1.0", tenants(c.TenantID, otherTenant), away, cloud.TokenOptions{Version: 1}, "", ""},
		{"several tenants, one not on the list", tenants(c.TenantID, cloud.MSATenantID), away, cloud.TokenOptions{}, "invalid_token", "may not call"},
		{"several tenants, one's own is not on the list", tenants(otherTenant), home, cloud.TokenOptions{}, "invalid_token", "may not call"},
		{"several tenants, listed in upper case", tenants(upper, otherTenant), home, cloud.TokenOptions{}, "", ""},
		{"several tenants, upper case in the token", tenants(c.TenantID, otherTenant), home, tenant(upper), "", ""},
		{"several tenants, tenant and issuer disagree", tenants(c.TenantID, otherTenant), home, claim("tid", otherTenant), "invalid_token", "issuer"},
		{"several tenants, another's key", tenants(c.TenantID, otherTenant), home, cloud.TokenOptions{Key: cloud.KeyMSA}, "invalid_token", "key of another tenant"},
		{"several tenants, another's key, v1.0", tenants(c.TenantID, otherTenant), home, cloud.TokenOptions{Version: 1, Key: cloud.KeyMSA}, "invalid_token", "key of another tenant"},
		{"several tenants, personal account", tenants(c.TenantID, otherTenant), personal, cloud.TokenOptions{Key: cloud.KeyMSA}, "invalid_token", "may not call"},
		{"every tenant, one's own", tenants("*"), home, cloud.TokenOptions{}, "", ""},
		{"every tenant, another", tenants("*"), away, cloud.TokenOptions{Version: 1}, "", ""},
		{"every tenant, personal account", tenants("*"), personal, cloud.TokenOptions{Key: cloud.KeyMSA}, "", ""},
		{"every tenant, another's key", tenants("*"), home, cloud.TokenOptions{Key: cloud.KeyMSA}, "invalid_token", "key of another tenant"},
		{"every tenant, tenant and issuer disagree", tenants("*"), home, claim("tid", otherTenant), "invalid_token", "issuer"},
		{"every tenant, no tenant", tenants("*"), home, claim("tid", nil), "invalid_token", "(tid)"},
		{"every tenant, no tenant's id", tenants("*"), home, tenant("common"), "invalid_token", "(tid)"},
		{"every tenant, a path", tenants("*"), home, tenant("../" + c.TenantID), "invalid_token", "(tid)"},
		{"every tenant, in braces", tenants("*"), home, tenant("{" + c.TenantID + "}"), "invalid_token", "(tid)"},
		{"every tenant, without hyphens", tenants("*"), home, tenant(strings.ReplaceAll(c.TenantID, "-", "")), "invalid_token", "(tid)"},

		{"client id in upper case as audience", none, home, cloud.TokenOptions{Audience: strings.ToUpper(c.ClientID)}, "", ""},
		{"App ID URI in upper case as audience", none, home, cloud.TokenOptions{Audience: "api://" + strings.ToUpper(c.ClientID)}, "invalid_token", "aud"},
		{"another App ID URI", audiences("https://api.contoso.com"), home, cloud.TokenOptions{Audience: "https://api.contoso.com"}, "", ""},
		{"another App ID URI with a slash", audiences("https://api.contoso.com"), home, cloud.TokenOptions{Audience: "https://api.contoso.com/"}, "invalid_token", "aud"},
		{"another App ID URI, and the client id", audiences("https://api.contoso.com"), home, cloud.TokenOptions{}, "", ""},
		{"another client id in upper case", audiences(otherTenant), home, cloud.TokenOptions{Audience: strings.ToUpper(otherTenant)}, "", ""},

		{"another scope", scope("Calls.Join"), home, cloud.TokenOptions{Scope: "profile Calls.Join"}, "", ""},
		{"another scope, missing", scope("Calls.Join"), home, cloud.TokenOptions{}, "insufficient_scope", "Calls.Join"},

		{"client on the list", clients(otherTenant, c.SPAClientID), home, cloud.TokenOptions{}, "", ""},
		{"client on the list, v1.0", clients(c.SPAClientID), home, cloud.TokenOptions{Version: 1}, "", ""},
		{"client on the list in upper case", clients(strings.ToUpper(c.SPAClientID)), home, cloud.TokenOptions{}, "", ""},
		{"client in upper case", clients(c.SPAClientID), home, cloud.TokenOptions{ClientID: strings.ToUpper(c.SPAClientID)}, "", ""},
		{"client not on the list", clients(otherTenant), home, cloud.TokenOptions{}, "client_not_allowed", ""},
		{"client not on the list, v1.0", clients(otherTenant), home, cloud.TokenOptions{Version: 1}, "client_not_allowed", ""},
		{"no client, and a list", clients(c.SPAClientID), home, claim("azp", nil), "client_not_allowed", ""},
		{"no client, and no list", none, home, claim("azp", nil), "", ""},
		{"a v1.0 client in a v2.0 token", clients(c.SPAClientID), home, cloud.TokenOptions{ClientID: otherTenant,
			Claims: map[string]any{"appid": c.SPAClientID}}, "client_not_allowed", ""},
		{"a v2.0 client in a v1.0 token", clients(c.SPAClientID), home, cloud.TokenOptions{Version: 1, ClientID: otherTenant,
			Claims: map[string]any{"azp": c.SPAClientID}}, "client_not_allowed", ""},
		{"neither client nor scope", clients(otherTenant), home, cloud.TokenOptions{Scope: "profile"}, "client_not_allowed", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := authConfig(c)
			test.configure(&cfg)
			u, err := must(t, acsauth.NewAuthenticator, cfg).Verify(t.Context(), c.Entra.UserToken(test.user, test.token))
			wantRefusal(t, err, test.want, test.hint)
			if err == nil && (u.TenantID != test.user.TenantID || u.ObjectID != test.user.ObjectID) {
				t.Errorf("got %+v, want %+v", u, test.user)
			}
		})
	}
}

// wantRefusal wants a refusal of this name, with a word in its message, or none if
// the name is empty.
func wantRefusal(t *testing.T, err error, name, hint string) {
	t.Helper()
	var refused *acsauth.Error
	switch {
	case name == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case name != "" && (!errors.As(err, &refused) || refused.Name != name || !strings.Contains(refused.Message, hint)):
		t.Errorf("got %v, want %s with %q", err, name, hint)
	}
}

// One's own tenant's keys are asked for, unless users of others may call: those of
// all tenants are under "common".
func TestWhereKeysComeFrom(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	for _, test := range []struct {
		tenant  string
		allowed []string
		want    string
	}{
		{c.TenantID, nil, c.TenantID},
		{c.TenantID, []string{c.TenantID}, c.TenantID},
		{cloud.TenantDomain, nil, cloud.TenantDomain},
		{c.TenantID, []string{c.TenantID, otherTenant}, "common"},
		{c.TenantID, []string{otherTenant}, "common"},
		{c.TenantID, []string{"*"}, "common"},
	} {
		cfg := authConfig(c)
		cfg.TenantID, cfg.AllowedTenants = test.tenant, test.allowed
		c.ResetCalls()
		_, _ = must(t, acsauth.NewAuthenticator, cfg).Verify(t.Context(), c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{}))
		calls := c.Calls()
		if len(calls) != 2 || calls[0].URI != "/"+test.want+"/v2.0/.well-known/openid-configuration" {
			t.Errorf("%s, %q: %+v; want the metadata of %s", test.tenant, test.allowed, calls, test.want)
		}
	}
}

// A relay is the embedded Entra at an address of its own, with changes to what it
// answers.
type relay struct {
	*cloud.Cloud
	address string // in the place of the embedded one's
	edit    func(body string) string
}

func (r relay) RoundTrip(request *http.Request) (*http.Response, error) {
	embedded, err := url.Parse(r.Entra.URL)
	if err != nil {
		return nil, err
	}
	if request.URL.Scheme+"://"+request.URL.Host != r.address {
		return nil, errors.New("nothing is at " + request.URL.Host)
	}
	forward := request.Clone(request.Context())
	forward.URL.Host, forward.Host = embedded.Host, embedded.Host
	answer, err := r.HTTPClient().Transport.RoundTrip(forward)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(string(body), r.Entra.URL, r.address)
	if r.edit != nil {
		text = r.edit(text)
	}
	answer.Body = io.NopCloser(bytes.NewReader([]byte(text)))
	answer.ContentLength = int64(len(text))
	return answer, nil
}

// authenticator returns one that finds Entra at the relay's address.
func (r relay) authenticator(t *testing.T) *acsauth.Authenticator {
	t.Helper()
	cfg := authConfig(r.Cloud)
	cfg.AuthorityHost, cfg.HTTPClient = r.address, &http.Client{Transport: r}
	return must(t, acsauth.NewAuthenticator, cfg)
}

// Every cloud has issuers of its own, and believes no other's. The issuer of v1.0
// tokens is no address of the authority's; the US Government's is the public one.
func TestNationalClouds(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	u := c.Entra.AddUser(cloud.User{})
	type nation struct{ authority, v2, v1 string }
	nations := []nation{
		{"https://login.microsoftonline.com", "https://login.microsoftonline.com/T/v2.0", "https://sts.windows.net/T/"},
		{"https://login.microsoftonline.us", "https://login.microsoftonline.us/T/v2.0", "https://sts.windows.net/T/"},
		{"https://login.partner.microsoftonline.cn", "https://login.partner.microsoftonline.cn/T/v2.0", "https://sts.chinacloudapi.cn/T/"},
		{"https://login.chinacloudapi.cn", "https://login.chinacloudapi.cn/T/v2.0", "https://sts.chinacloudapi.cn/T/"},
	}
	elsewhere := nation{"", "https://login.partner.microsoftonline.cn.attacker.example/T/v2.0", "https://sts.microsoftonline.us/T/"}
	for _, here := range nations {
		auth := relay{Cloud: c, address: here.authority}.authenticator(t)
		verify := func(version int, issuer string) error {
			_, err := auth.Verify(t.Context(), c.Entra.UserToken(u, cloud.TokenOptions{
				Version: version, Claims: map[string]any{"iss": strings.Replace(issuer, "T", c.TenantID, 1)}}))
			return err
		}
		for _, there := range append(nations, elsewhere) {
			if err := verify(2, there.v2); (err == nil) != (there.v2 == here.v2) {
				t.Errorf("%s, v2.0 of %s: %v", here.authority, there.v2, err)
			}
			if err := verify(1, there.v1); (err == nil) != (there.v1 == here.v1) {
				t.Errorf("%s, v1.0 of %s: %v", here.authority, there.v1, err)
			}
		}
	}
}

// A key vouches for the issuer that it is published with, and for no other.
func TestKeyIssuers(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
	issuer := c.Entra.V2Issuer(c.TenantID)
	for _, test := range []struct {
		name, member string
		hint         string // of the refusal; "" if the key may vouch
	}{
		{"the tenant's", `"issuer":"` + issuer + `"`, ""},
		{"every tenant's", `"issuer":"` + c.Entra.V2Issuer("{tenantid}") + `"`, ""},
		{"none, as in the list for v1.0", `"unknown":0`, ""},
		{"another tenant's", `"issuer":"` + c.Entra.V2Issuer(otherTenant) + `"`, "key of another tenant"},
		{"another cloud's", `"issuer":"https://login.microsoftonline.us/{tenantid}/v2.0"`, "key of another tenant"},
		{"the tenant's, of v1.0", `"issuer":"` + c.Entra.V1Issuer(c.TenantID) + `"`, "key of another tenant"},
		{"another template", `"issuer":"` + c.Entra.V2Issuer("{tenantID}") + `"`, "key of another tenant"},
		{"empty", `"issuer":""`, "does not publish"},
		{"null", `"issuer":null`, "does not publish"},
		{"no text", `"issuer":["` + issuer + `"]`, "does not publish"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			edit := func(body string) string {
				if !strings.Contains(body, `"keys":[`) {
					return body
				}
				return strings.Replace(body, `"issuer":"`+issuer+`"`, test.member, 1)
			}
			_, err := relay{Cloud: c, address: c.Entra.URL, edit: edit}.authenticator(t).Verify(t.Context(), token)
			name := ""
			if test.hint != "" {
				name = "invalid_token"
			}
			wantRefusal(t, err, name, test.hint)
		})
	}
}
