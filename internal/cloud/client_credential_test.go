package cloud_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A certificate of the app, made once for the tests of this file.
func newCertificate(t *testing.T) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key, selfSigned(t, key)
}

func selfSigned(t *testing.T, key crypto.Signer) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// signJWT signs independently of the package.
func signJWT(t *testing.T, key *rsa.PrivateKey, header, claims map[string]any) string {
	t.Helper()
	encode := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := encode(header) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	var signature []byte
	var err error
	if header["alg"] == "PS256" {
		signature, err = rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: 32})
	} else {
		signature, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	}
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// appForm asks for a token of the app itself.
func appForm(c *cloud.Cloud, changes ...string) url.Values {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"scope":                 {"https://communication.azure.com//.default"}}
	return without(form, changes...)
}

func TestCertificateAssertion(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	key, cert := newCertificate(t)
	otherKey, _ := newCertificate(t)
	if err := c.Entra.AddCertificate(cert); err != nil {
		t.Fatal(err)
	}
	sum256, sum1 := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw)
	now := time.Now()
	header := map[string]any{"typ": "JWT", "alg": "PS256", "x5t#S256": base64.StdEncoding.EncodeToString(sum256[:])}
	claims := map[string]any{"iss": c.ClientID, "sub": c.ClientID, "aud": c.Entra.TokenURL(c.TenantID),
		"nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix()}
	tests := []struct {
		name           string
		header, claims map[string]any // changes
		key            *rsa.PrivateKey
		number         int
	}{
		{"PS256, x5t#S256 as MSAL writes it", nil, nil, key, 0},
		{"x5t#S256 in base64url", map[string]any{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum256[:])}, nil, key, 0},
		{"RS256, x5t", map[string]any{"alg": "RS256", "x5t#S256": "", "x5t": base64.RawURLEncoding.EncodeToString(sum1[:])}, nil, key, 0},
		{"audience by issuer", nil, map[string]any{"aud": c.Entra.V2Issuer(c.TenantID)}, key, 0},
		{"no thumbprint", map[string]any{"x5t#S256": ""}, nil, key, 700027},
		{"another key", nil, nil, otherKey, 700027},
		{"unsigned", map[string]any{"alg": "none"}, nil, key, 700027},
		{"another subject", nil, map[string]any{"sub": c.SPAClientID}, key, 7000214},
		{"another tenant's endpoint", nil, map[string]any{"aud": c.Entra.TokenURL(foreignTenant)}, key, 700023},
		{"expired", nil, map[string]any{"exp": now.Add(-time.Minute).Unix()}, key, 700024},
		{"without end", nil, map[string]any{"exp": "soon"}, key, 700024},
		{"too long", nil, map[string]any{"exp": now.AddDate(0, 0, 2).Unix()}, key, 700024},
		{"not yet valid", nil, map[string]any{"nbf": now.Add(time.Hour).Unix()}, key, 700024},
		{"no jti", nil, map[string]any{"jti": ""}, key, 700027},
	}
	for _, test := range tests {
		h, p := maps.Clone(header), maps.Clone(claims)
		p["jti"] = test.name
		maps.Copy(h, test.header)
		maps.Copy(p, test.claims)
		r := post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion", signJWT(t, test.key, h, p)))
		if number(r) != test.number || (r.status == 200) != (test.number == 0) {
			t.Errorf("%s: %d %s, want %d", test.name, r.status, r.body, test.number)
		}
	}
	claims["jti"] = "once"
	assertion := signJWT(t, key, header, claims)
	for i, want := range []int{200, 401} {
		if r := post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion", assertion)); r.status != want {
			t.Errorf("use %d: %d %s", i+1, r.status, r.body)
		}
	}
	if r := post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion", "nonsense")); number(r) != 50027 || r.str("error") != "invalid_request" {
		t.Errorf("nonsense: %s", r.body)
	}
	c.Entra.RemoveCertificate(cert)
	claims["jti"] = "removed"
	if r := post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion", signJWT(t, key, header, claims))); number(r) != 700027 {
		t.Errorf("a certificate that was removed: %s", r.body)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Entra.AddCertificate(selfSigned(t, ec)); err == nil {
		t.Error("a certificate with an EC key was accepted")
	}
}

func TestClientSecrets(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	accepted := func(secret string) bool {
		r := post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion_type", "", "client_secret", secret))
		return r.status == 200
	}
	if !accepted(c.ClientSecret) || accepted("second") {
		t.Error("not the first secret alone is good")
	}
	c.Entra.AddClientSecret("second")
	if !accepted(c.ClientSecret) || !accepted("second") {
		t.Error("not both secrets are good")
	}
	c.Entra.RemoveClientSecret(c.ClientSecret)
	if accepted(c.ClientSecret) || !accepted("second") {
		t.Error("not the second secret alone is good")
	}
}

func TestFederatedAssertion(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	key, _ := newCertificate(t)
	otherKey, _ := newCertificate(t)
	const issuer, subject = "https://oidc.cluster.example", "system:serviceaccount:acs:server"
	const managed = "55555555-5555-4555-8555-555555555555"
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: issuer, Subject: subject, Key: &key.PublicKey})
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: managed})
	const sovereign = "66666666-6666-4666-8666-666666666666"
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: sovereign, Audience: "api://AzureADTokenExchangeUSGov"})
	cluster := func(key *rsa.PrivateKey, changes map[string]any) string {
		claims := map[string]any{"iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", "exp": time.Now().Add(time.Hour).Unix()}
		maps.Copy(claims, changes)
		return signJWT(t, key, map[string]any{"alg": "RS256", "kid": "1"}, claims)
	}
	identity := func(changes map[string]any) string {
		claims := map[string]any{"sub": managed}
		maps.Copy(claims, changes)
		return c.Entra.AppToken(cloud.TokenOptions{Audience: "api://AzureADTokenExchange", Claims: claims})
	}
	tests := []struct {
		name, assertion string
		number          int
	}{
		{"cluster", cluster(key, nil), 0},
		{"managed identity", identity(nil), 0},
		{"managed identity of another cloud", identity(map[string]any{"sub": sovereign, "aud": "api://AzureADTokenExchangeUSGov"}), 0},
		{"audience of the public cloud in another", identity(map[string]any{"sub": sovereign}), 700212},
		{"another issuer", cluster(key, map[string]any{"iss": "https://evil.example"}), 700211},
		{"another subject", cluster(key, map[string]any{"sub": "system:serviceaccount:default:default"}), 700213},
		{"another audience", cluster(key, map[string]any{"aud": "sts.amazonaws.com"}), 700212},
		{"another key", cluster(otherKey, nil), 700027},
		{"expired", cluster(key, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), 700024},
		{"a user's token", identity(map[string]any{"scp": "access_as_user", "idtyp": nil}), 700229},
	}
	for _, test := range tests {
		r := post(t, c, c.Entra.TokenURL(c.TenantID), appForm(c, "client_assertion", test.assertion))
		if number(r) != test.number || (r.status == 200) != (test.number == 0) {
			t.Errorf("%s: %d %s, want %d", test.name, r.status, r.body, test.number)
		}
	}
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	tests := []struct {
		scope, audience string
		number          int
	}{
		{"https://communication.azure.com//.default", "https://communication.azure.com/", 0},
		{"https://communication.azure.com/.default", "https://communication.azure.com", 0}, // ACS refuses that one
		{"https://graph.microsoft.com/.default", "https://graph.microsoft.com", 0},
		{"https://graph.microsoft.com/.default openid offline_access profile", "https://graph.microsoft.com", 0}, // as MSAL asks
		{"https://graph.microsoft.com/User.Read", "", 1002012},
		{"https://graph.microsoft.com/.default https://communication.azure.com//.default", "", 1002012},
		{"openid", "", 1002012},
		{"https://vault.azure.net/.default", "", 500011},
	}
	for _, test := range tests {
		form := appForm(c, "client_assertion_type", "", "client_secret", c.ClientSecret, "scope", test.scope)
		r := post(t, c, c.Entra.TokenURL(c.TenantID), form)
		if number(r) != test.number {
			t.Errorf("%s: %s", test.scope, r.body)
		}
		if test.number != 0 {
			continue
		}
		_, claims := decode(t, r.str("access_token"))
		if claims["aud"] != test.audience || claims["idtyp"] != "app" || claims["appid"] != c.ClientID || claims["scp"] != nil {
			t.Errorf("%s: %v", test.scope, claims)
		}
	}
}
