package obo_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// What the packages that use a Client expect of it.
var _ interface {
	Token(ctx context.Context, tenantID, assertion, claims string) (accessToken string, err error)
} = (*obo.Client)(nil)

var _ interface {
	error
	FailureKind() string
	ChallengeClaims() string
	RetryDelay() time.Duration
} = (*obo.Error)(nil)

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := func() obo.Config {
		return obo.Config{ClientID: clientID, Credential: obo.ClientSecret(clientSecret)}
	}
	valid, _ := newCertificate(t, 2048, time.Now().Add(time.Hour))
	expired, _ := newCertificate(t, 2048, time.Now().Add(-time.Hour))
	weak, _ := newCertificate(t, 1024, time.Now().Add(time.Hour))
	_, foreign := newCertificate(t, 2048, time.Now().Add(time.Hour))
	mismatch := append(encodePEM(foreign), valid[bytes.Index(valid, []byte("-----BEGIN PRIVATE")):]...)

	tests := []struct {
		name   string
		change func(*obo.Config)
		want   string // in the error; "": none
	}{
		{"the least there can be", func(*obo.Config) {}, ""},
		{"everything", func(c *obo.Config) {
			c.AuthorityHost, c.Scopes = "https://login.microsoftonline.us", []string{"https://graph.microsoft.us/User.ReadWrite"}
			c.Timeout, c.CacheMaxEntries, c.CacheMaxBytes, c.Now = time.Second, 1, 1, time.Now
		}, ""},
		{"no client id", func(c *obo.Config) { c.ClientID = "" }, "Config.ClientID must be"},
		{"a placeholder", func(c *obo.Config) { c.ClientID = "<your_client_id>" }, "Config.ClientID must be"},
		{"no credential", func(c *obo.Config) { c.Credential = obo.Credential{} }, "Config.Credential is required"},
		{"an empty secret", func(c *obo.Config) { c.Credential = obo.ClientSecret("") }, "Config.Credential holds an empty"},
		{"a secret with a line end", func(c *obo.Config) { c.Credential = obo.ClientSecret(clientSecret + "\n") }, "white space"},
		{"a certificate", func(c *obo.Config) { c.Credential = obo.Certificate(valid) }, ""},
		{"an expired certificate", func(c *obo.Config) { c.Credential = obo.Certificate(expired) }, "expired on"},
		{"a short key", func(c *obo.Config) { c.Credential = obo.Certificate(weak) }, "1024 bits"},
		{"no PEM", func(c *obo.Config) { c.Credential = obo.Certificate([]byte("x")) }, "no usable certificate"},
		{"no key", func(c *obo.Config) { c.Credential = obo.Certificate(encodePEM(foreign)) }, "no private key"},
		{"another's key", func(c *obo.Config) { c.Credential = obo.Certificate(mismatch) }, "doesn't match"},
		{"a key on a curve", func(c *obo.Config) { c.Credential = obo.Certificate(append(encodePEM(foreign), curveKey(t)...)) }, "RSA"},
		{"no function", func(c *obo.Config) { c.Credential = obo.ClientAssertion(nil) }, "no client assertion function"},
		{"a function that is asked later", func(c *obo.Config) {
			c.Credential = obo.CredentialFunc(func(context.Context, obo.Credential) (obo.Credential, error) { panic("asked") })
		}, ""},
		{"no credential function", func(c *obo.Config) { c.Credential = obo.CredentialFunc(nil) }, "no credential function"},
		{"plain HTTP", func(c *obo.Config) { c.AuthorityHost = "http://login.microsoftonline.com" }, "Config.AuthorityHost must use https"},
		{"plain HTTP on this machine", func(c *obo.Config) { c.AuthorityHost = "http://localhost:8080" }, "Config.AuthorityHost must use https"},
		{"a tenant", func(c *obo.Config) { c.AuthorityHost = "https://login.microsoftonline.com/common" }, "must not have a path"},
		{"a query", func(c *obo.Config) { c.AuthorityHost = "https://login.microsoftonline.com?x" }, "Config.AuthorityHost"},
		{"a host only", func(c *obo.Config) { c.AuthorityHost = "login.microsoftonline.com" }, "Config.AuthorityHost"},
		{"an empty scope", func(c *obo.Config) { c.Scopes = []string{graphScope, ""} }, "Config.Scopes[1] is empty"},
		{"openid", func(c *obo.Config) { c.Scopes = []string{"openid"} }, "Config.Scopes[0] asks for sign-in"},
		{"offline access", func(c *obo.Config) { c.Scopes = []string{"Offline_Access"} }, "Config.Scopes[0] asks for sign-in"},
		{"profile", func(c *obo.Config) { c.Scopes = []string{"profile"} }, "Config.Scopes[0] asks for sign-in"},
		{"two scopes in one", func(c *obo.Config) { c.Scopes = []string{"a b"} }, "Config.Scopes[0] must be one scope"},
		{"negative time-out", func(c *obo.Config) { c.Timeout = -1 }, "Config.Timeout must not"},
		{"negative entries", func(c *obo.Config) { c.CacheMaxEntries = -1 }, "Config.CacheMaxEntries must not"},
		{"negative bytes", func(c *obo.Config) { c.CacheMaxBytes = -1 }, "Config.CacheMaxBytes must not"},
	}
	for _, tt := range tests {
		cfg := good()
		tt.change(&cfg)
		client, err := obo.New(cfg)
		switch {
		case (err == nil) != (tt.want == "") || (client == nil) != (err != nil):
			t.Errorf("%s: New = %v, %v", tt.name, client != nil, err)
		case err != nil && !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: error %q does not contain %q", tt.name, err, tt.want)
		case err != nil && (strings.Contains(err.Error(), clientSecret) || strings.Contains(err.Error(), "BEGIN")):
			t.Errorf("%s: error %q repeats a secret", tt.name, err)
		}
	}
}

func TestConfigReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := obo.New(obo.Config{AuthorityHost: "x", Scopes: []string{""}, Timeout: -1, CacheMaxEntries: -1, CacheMaxBytes: -1})
	if err == nil {
		t.Fatal("New accepted it")
	}
	for _, field := range []string{"ClientID", "Credential", "AuthorityHost", "Scopes[0]", "Timeout", "CacheMaxEntries", "CacheMaxBytes"} {
		if !strings.Contains(err.Error(), "Config."+field+" ") {
			t.Errorf("the error does not mention %s:\n%v", field, err)
		}
	}
}

func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	cfg := entra.start()
	cfg.Scopes = []string{graphScope}
	client := mustNew(t, cfg)
	cfg.Scopes[0], cfg.HTTPClient.Transport = "changed", nil
	mustToken(t, client, entra.assertion("ada", time.Hour), "")
}

func TestCredentialDoesNotPrintItself(t *testing.T) {
	t.Parallel()
	valid, _ := newCertificate(t, 2048, time.Now().Add(time.Hour))
	var log bytes.Buffer
	for _, credential := range []obo.Credential{obo.ClientSecret(clientSecret), obo.Certificate(valid)} {
		cfg := obo.Config{Credential: credential}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+verb+verb, credential, &credential, cfg)
		}
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "credential", credential, "config", cfg)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "credential", credential)
	}
	for _, secret := range []string{clientSecret, fmt.Sprintf("%x", clientSecret), "PRIVATE KEY"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q was printed", secret)
		}
	}
}

func encodePEM(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

func curveKey(t *testing.T) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
