package cloud_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/google/go-cmp/cmp"
)

const foreignTenant = "99999999-9999-4999-8999-999999999999"

func TestMetadata(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	c.Entra.AddUser(cloud.User{TenantID: foreignTenant})
	base := c.Entra.URL
	tests := []struct {
		path, issuer, keys, token string
	}{
		{"/" + c.TenantID + "/v2.0", base + "/" + c.TenantID + "/v2.0", "/" + c.TenantID + "/discovery/v2.0/keys", "/" + c.TenantID + "/oauth2/v2.0/token"},
		{"/" + strings.ToUpper(c.TenantID) + "/v2.0", base + "/" + c.TenantID + "/v2.0", "/" + c.TenantID + "/discovery/v2.0/keys", "/" + c.TenantID + "/oauth2/v2.0/token"},
		{"/" + cloud.TenantDomain + "/v2.0", base + "/" + c.TenantID + "/v2.0", "/" + c.TenantID + "/discovery/v2.0/keys", "/" + c.TenantID + "/oauth2/v2.0/token"},
		{"/common/v2.0", base + "/{tenantid}/v2.0", "/common/discovery/v2.0/keys", "/common/oauth2/v2.0/token"},
		{"/organizations/v2.0", base + "/{tenantid}/v2.0", "/organizations/discovery/v2.0/keys", "/organizations/oauth2/v2.0/token"},
		{"/" + c.TenantID, "https://sts.windows.net/" + c.TenantID + "/", "/" + c.TenantID + "/discovery/keys", "/" + c.TenantID + "/oauth2/token"},
		{"/common", "https://sts.windows.net/{tenantid}/", "/common/discovery/keys", "/common/oauth2/token"},
		{"/" + foreignTenant + "/v2.0", base + "/" + foreignTenant + "/v2.0", "/" + foreignTenant + "/discovery/v2.0/keys", "/" + foreignTenant + "/oauth2/v2.0/token"},
	}
	for _, test := range tests {
		r := get(t, c, base+test.path+"/.well-known/openid-configuration")
		got := []string{r.str("issuer"), r.str("jwks_uri"), r.str("token_endpoint")}
		if want := []string{test.issuer, base + test.keys, base + test.token}; r.status != 200 || !cmp.Equal(got, want) {
			t.Errorf("%s: %d %v, want %v", test.path, r.status, got, want)
		}
		if r = get(t, c, r.str("jwks_uri")); r.status != 200 {
			t.Errorf("%s: its keys: %d", test.path, r.status)
		}
	}
	r := get(t, c, base+"/"+c.TenantID+"/v2.0/.well-known/openid-configuration?appid="+c.ClientID)
	if !strings.HasSuffix(r.str("jwks_uri"), "/keys?appid="+c.ClientID) {
		t.Errorf("with appid, jwks_uri is %s", r.str("jwks_uri"))
	}
	for _, path := range []string{"/nobody.example/v2.0/.well-known/openid-configuration", "/nobody.example/discovery/v2.0/keys"} {
		if r := get(t, c, base+path); r.status != 400 || r.str("error") != "invalid_request" || !strings.HasPrefix(r.str("error_description"), "AADSTS90002:") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	if r := get(t, c, base+"/"+c.TenantID+"/elsewhere"); r.status != 404 {
		t.Errorf("unknown path: %d", r.status)
	}
}

// keySet fetches the home tenant's keys.
func keySet(t *testing.T, c *cloud.Cloud, path string) []map[string]any {
	t.Helper()
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(get(t, c, c.Entra.URL+path).body), &set); err != nil {
		t.Fatal(err)
	}
	return set.Keys
}

// kids returns the kids of the keys that sign for organisations.
func kids(t *testing.T, c *cloud.Cloud) (list []string) {
	t.Helper()
	for _, k := range keySet(t, c, "/common/discovery/v2.0/keys") {
		if k["issuer"] == c.Entra.URL+"/{tenantid}/v2.0" {
			list = append(list, k["kid"].(string))
		}
	}
	return list
}

func TestKeySet(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	types := map[string]int{}
	issuers := map[string]int{}
	for _, k := range keySet(t, c, "/"+c.TenantID+"/discovery/v2.0/keys") {
		types[k["kty"].(string)]++
		if k["kty"] != "RSA" {
			continue
		}
		issuers[k["issuer"].(string)]++
		der, err := base64.StdEncoding.DecodeString(k["x5c"].([]any)[0].(string))
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		thumbprint := sha1.Sum(der)
		want := map[string]any{
			"kty": "RSA", "use": "sig", "e": "AQAB", "issuer": k["issuer"], "x5c": k["x5c"],
			"kid": base64.RawURLEncoding.EncodeToString(thumbprint[:]), "x5t": base64.RawURLEncoding.EncodeToString(thumbprint[:]),
			"n": base64.RawURLEncoding.EncodeToString(cert.PublicKey.(*rsa.PublicKey).N.Bytes()),
		}
		if diff := cmp.Diff(want, k); diff != "" {
			t.Errorf("key (-want +got): %s", diff)
		}
	}
	if want := map[string]int{"RSA": 2, "AKP": 1}; !cmp.Equal(types, want) {
		t.Errorf("key types %v, want %v", types, want)
	}
	if want := map[string]int{c.Entra.V2Issuer(c.TenantID): 1, c.Entra.V2Issuer(cloud.MSATenantID): 1}; !cmp.Equal(issuers, want) {
		t.Errorf("issuers %v, want %v", issuers, want)
	}
	for _, k := range keySet(t, c, "/common/discovery/keys") {
		if _, ok := k["issuer"]; ok {
			t.Error("a key of the v1.0 set names an issuer")
		}
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	first := c.Entra.KeyID()
	second := c.Entra.RotateKey()
	steps := []struct {
		what string
		do   func()
		want []string
	}{
		{"after rotation both are listed", func() {}, []string{first, second}},
		{"one is taken off", func() { c.Entra.ListKey(first, false) }, []string{second}},
		{"and comes back", func() { c.Entra.ListKey(first, true) }, []string{first, second}},
		{"it flaps: gone", func() { c.Entra.FlapKey(first, true) }, []string{second}},
		{"it flaps: there", func() {}, []string{first, second}},
		{"it flaps: gone again", func() {}, []string{second}},
		{"it is steady", func() { c.Entra.FlapKey(first, false) }, []string{first, second}},
	}
	for _, step := range steps {
		step.do()
		if got := kids(t, c); !cmp.Equal(got, step.want) {
			t.Errorf("%s: %v, want %v", step.what, got, step.want)
		}
	}
	if header, _ := decode(t, c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})); header["kid"] != second {
		t.Errorf("signed by %v, want %s", header["kid"], second)
	}
	if header, _ := decode(t, c.Entra.Mint(cloud.TokenSpec{Key: first})); header["kid"] != first {
		t.Errorf("signed by %v, want %s", header["kid"], first)
	}
}

// decode takes a token apart without verifying it.
func decode(t testing.TB, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	for i, part := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, part); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

// verifies reports whether a key of the set that the token names verifies it.
func verifies(t *testing.T, keys []map[string]any, token string) bool {
	t.Helper()
	header, _ := decode(t, token)
	dot := strings.LastIndex(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(token[:dot]))
	for _, k := range keys {
		if k["kid"] == header["kid"] {
			n, _ := base64.RawURLEncoding.DecodeString(k["n"].(string))
			key := &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
		}
	}
	return false
}

func TestTokensVerifyAgainstTheKeySet(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	keys := keySet(t, c, "/common/discovery/v2.0/keys")
	tests := map[string]struct {
		token string
		want  bool
	}{
		"v2.0":             {c.Entra.UserToken(u, cloud.TokenOptions{}), true},
		"v1.0":             {c.Entra.UserToken(u, cloud.TokenOptions{Version: 1}), true},
		"app":              {c.Entra.AppToken(cloud.TokenOptions{}), true},
		"Teams":            {c.Entra.TeamsToken(u, cloud.TokenOptions{}), true},
		"personal account": {c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyMSA}), true}, // its listed issuer is the defence
		"unlisted key":     {c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted}), false},
		"wrong key, right kid": {c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted,
			Header: map[string]any{"kid": c.Entra.KeyID()}}), false},
		"Graph": {c.Entra.GraphToken(u, cloud.TokenOptions{}), false}, // the nonce is hashed before signing
		"RS512": {c.Entra.UserToken(u, cloud.TokenOptions{Alg: "RS512"}), false},
		"PS256": {c.Entra.UserToken(u, cloud.TokenOptions{Alg: "PS256"}), false},
		"ES256": {c.Entra.UserToken(u, cloud.TokenOptions{Alg: "ES256"}), false},
		"HS256": {c.Entra.UserToken(u, cloud.TokenOptions{Alg: "HS256"}), false},
		"none":  {c.Entra.UserToken(u, cloud.TokenOptions{Alg: "none"}), false},
	}
	for name, test := range tests {
		if got := verifies(t, keys, test.token); got != test.want {
			t.Errorf("%s: verifies %t, want %t", name, got, test.want)
		}
	}
}

func TestTokenShapes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	c := start(t, cloud.Config{InProcess: true, Now: func() time.Time { return now }})
	alice := c.Entra.AddUser(cloud.User{Name: "Alice Doe"})
	tests := []struct {
		name, token string
		want        map[string]any // nil: must be absent
	}{
		{"v2.0", c.Entra.UserToken(alice, cloud.TokenOptions{}), map[string]any{
			"ver": "2.0", "iss": c.Entra.V2Issuer(c.TenantID), "aud": c.ClientID, "azp": c.SPAClientID, "azpacr": "0", "appid": nil,
			"scp": "access_as_user", "oid": alice.ObjectID, "tid": c.TenantID, "preferred_username": "alice.doe@" + cloud.TenantDomain,
			"name": "Alice Doe", "iat": float64(now.Unix()), "nbf": float64(now.Unix()), "exp": float64(now.Add(75 * time.Minute).Unix()),
			"idtyp": nil, "acrs": nil}},
		{"v1.0", c.Entra.UserToken(alice, cloud.TokenOptions{Version: 1, StepUp: true}), map[string]any{
			"ver": "1.0", "iss": "https://sts.windows.net/" + c.TenantID + "/", "aud": "api://" + c.ClientID, "appid": c.SPAClientID,
			"azp": nil, "unique_name": alice.UPN, "amr": []any{"pwd", "mfa"}, "acrs": []any{"c1"}}},
		{"app", c.Entra.AppToken(cloud.TokenOptions{}), map[string]any{
			"idtyp": "app", "scp": nil, "name": nil, "azp": c.ClientID, "azpacr": "1", "ver": "2.0"}},
		{"Teams", c.Entra.TeamsToken(alice, cloud.TokenOptions{}), map[string]any{
			"aud": "https://auth.msft.communication.azure.com", "scp": "Teams.ManageCalls Teams.ManageChats", "appid": c.ClientID, "ver": "1.0"}},
		{"bent", c.Entra.UserToken(alice, cloud.TokenOptions{IssuedAt: now.Add(-2 * time.Hour), Lifetime: time.Hour,
			Claims: map[string]any{"oid": nil, "iss": "https://evil.example", "xms_cc": []string{"cp1"}}}), map[string]any{
			"oid": nil, "iss": "https://evil.example", "xms_cc": []any{"cp1"}, "exp": float64(now.Add(-time.Hour).Unix())}},
	}
	for _, test := range tests {
		_, claims := decode(t, test.token)
		for name, want := range test.want {
			if diff := cmp.Diff(want, claims[name]); diff != "" {
				t.Errorf("%s: claim %s (-want +got): %s", test.name, name, diff)
			}
		}
	}
	header, _ := decode(t, c.Entra.UserToken(alice, cloud.TokenOptions{Header: map[string]any{"typ": nil, "crit": []string{"b64"}}}))
	if want := map[string]any{"alg": "RS256", "kid": c.Entra.KeyID(), "crit": []any{"b64"}}; !cmp.Equal(header, want) {
		t.Errorf("bent header %v, want %v", header, want)
	}
}
