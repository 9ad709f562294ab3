package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// certificateFile makes a certificate of the app, registers it, and returns the
// path of a PEM file with its key.
func certificateFile(t *testing.T, c *cloud.Cloud) string {
	t.Helper()
	text, certificate := newCertificate(t)
	if err := c.Entra.AddCertificate(certificate); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, text)
}

// newCertificate returns PEM of a certificate and its key.
func newCertificate(t *testing.T) (text string, certificate *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), certificate
}

// federatedToken returns a token that stands for the app, of an issuer that the app
// trusts.
func federatedToken(c *cloud.Cloud) string {
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: "workload"})
	return c.Entra.AppToken(cloud.TokenOptions{Audience: "api://AzureADTokenExchange", Claims: map[string]any{"sub": "workload"}})
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Each kind of credential exchanges users' tokens, and signs in to ACS.
func TestCredentials(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, c *cloud.Cloud) []string{
		"secret": func(*testing.T, *cloud.Cloud) []string { return nil },
		"certificate": func(t *testing.T, c *cloud.Cloud) []string {
			return []string{"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_CERTIFICATE_PATH=" + certificateFile(t, c)}
		},
		"workload identity": func(t *testing.T, c *cloud.Cloud) []string {
			return []string{"AZURE_CLIENT_SECRET=", "AZURE_FEDERATED_TOKEN_FILE=" + writeFile(t, federatedToken(c)+"\n")}
		},
		"one for each": func(t *testing.T, c *cloud.Cloud) []string {
			return []string{"OBO_CREDENTIAL=secret", "ACS_CREDENTIAL=certificate", "AZURE_CLIENT_CERTIFICATE_PATH=" + certificateFile(t, c)}
		},
	}
	for name, credential := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			environ := append(credential(t, c), "ACS_CONNECTION_STRING=", "ACS_ENDPOINT="+c.ACS.URL)
			r := startAgainst(t, c, nil, environ...)
			if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 201 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if got, err := try(t.Context(), "GET", r.url+"/api/token", bearer(token)); err != nil || got.status != 201 {
						t.Errorf("status %d: %s, %v", got.status, got.body, err)
					}
				})
			}
			calls.Wait()
			if n := c.CallCount(cloud.OpEntraToken); n != 2 { // one on behalf of the user, one for ACS
				t.Errorf("%d tokens were asked for, want 2", n)
			}
		})
	}
}

// However many requests need it, Entra ID is asked for one token for ACS.
func TestSignInOnce(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil, "MAPPING_STORE=memory", "ACS_CONNECTION_STRING=", "ACS_ENDPOINT="+c.ACS.URL)
	var calls sync.WaitGroup
	for range 8 {
		token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
		calls.Go(func() {
			if got, err := try(t.Context(), "POST", r.url+"/api/user", bearer(token)); err != nil || got.status != 201 {
				t.Errorf("status %d: %s, %v", got.status, got.body, err)
			}
		})
	}
	calls.Wait()
	if n := c.CallCount(cloud.OpEntraToken); n != 1 {
		t.Errorf("%d tokens were asked for, want 1", n)
	}
}

// What Entra ID says to the app is not the caller's business, and its words are
// nobody's.
func TestSignInFails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		fault   cloud.Fault
		environ string
		status  int
		retry   string
		log     string
	}{
		{"a wrong secret", cloud.Fault{}, "AZURE_CLIENT_SECRET=tops3cret", 500, "", "status 401, AADSTS7000215, correlation id "},
		{"throttled", cloud.Fault{Status: 429, Header: http.Header{"Retry-After": {"17"}}}, "", 429, "17", "status 429"},
		{"down", cloud.Fault{Status: 503}, "", 503, "5", "status 503"},
		{"unreachable", cloud.Fault{Drop: true}, "", 503, "5", "cannot be reached"},
		{"redirected", cloud.Fault{Status: 307, Header: http.Header{"Location": {"https://127.0.0.1:1/"}}, Body: " "}, "", 502, "", "status 307"},
		{"nonsense", cloud.Fault{Status: 200, Body: `tops3cret`}, "", 502, "", "MSAL refused the answer"},
		{"too large", cloud.Fault{Status: 200, Body: strings.Repeat("x", 2<<20)}, "", 503, "5", "cannot be reached"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			if test.fault.Status != 0 || test.fault.Drop {
				test.fault.Op = cloud.OpEntraToken
				c.Inject(test.fault)
			}
			r := startAgainst(t, c, nil, "MAPPING_STORE=memory", "ACS_CONNECTION_STRING=", "ACS_ENDPOINT="+c.ACS.URL, test.environ)
			got := call(t, "POST", r.url+"/api/user", bearer(token))
			if got.status != test.status || got.header.Get("Retry-After") != test.retry {
				t.Errorf("status %d, Retry-After %q, want %d, %q: %s", got.status, got.header.Get("Retry-After"), test.status, test.retry, got.body)
			}
			log := r.stderr.String()
			if !strings.Contains(log, test.log) {
				t.Errorf("not in the log: %s\n%s", test.log, log)
			}
			for _, hidden := range []string{"tops3cret", c.ClientSecret, token, "error_description", "Trace ID"} {
				if strings.Contains(log+got.body, hidden) {
					t.Errorf("%q is in the log or the answer:\n%s\n%s", hidden, log, got.body)
				}
			}
		})
	}
}

// A token that Microsoft Entra ID refuses is replaced by what the file holds by then.
// What the file held stays in use when it goes. Without a good token the server is
// not ready.
func TestFederatedTokenFile(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	token := federatedToken(c)
	path := writeFile(t, c.Entra.AppToken(cloud.TokenOptions{Audience: "api://AzureADTokenExchange"})) // of somebody else
	r := startAgainst(t, c, nil, "AZURE_CLIENT_SECRET=", "AZURE_FEDERATED_TOKEN_FILE="+path)
	r.stderr.line(t, "signing keys loaded")

	post := func() answered {
		return call(t, "POST", r.url+"/api/user", bearer(c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})))
	}
	if got := post(); got.status != 500 || !strings.Contains(got.body, "server_misconfigured") {
		t.Errorf("with a bad token: status %d: %s", got.status, got.body)
	}
	if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := post(); got.status != 201 {
		t.Errorf("with a good token: status %d: %s", got.status, got.body)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := post(); got.status != 201 {
		t.Errorf("with a token that was good before: status %d: %s", got.status, got.body)
	}
	if got := call(t, "GET", r.url+"/readyz"); got.status != 200 {
		t.Errorf("/readyz: status %d: %s", got.status, got.body)
	}
}

func TestExpiredFederatedToken(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	path := writeFile(t, c.Entra.AppToken(cloud.TokenOptions{IssuedAt: time.Now().Add(-2 * time.Hour)}))
	r := startAgainst(t, c, nil, "AZURE_CLIENT_SECRET=", "AZURE_FEDERATED_TOKEN_FILE="+path)
	r.stderr.line(t, "signing keys loaded")
	if got := call(t, "GET", r.url+"/readyz"); got.status != 503 || !strings.Contains(got.body, `["credential of the app"]`) {
		t.Errorf("/readyz: status %d: %s", got.status, got.body)
	}
	replaceFile(t, path, federatedToken(c))
	until(t, func() bool { return call(t, "GET", r.url+"/readyz").status == 200 })
}

// A token that cannot be one is refused where it is read, and is no reason to tell
// callers that theirs is bad.
func TestMalformedFederatedToken(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "\n", "token", "eyJhbGciOiJSUzI1NiJ9.e30", "a.b.c"} {
		path := writeFile(t, content)
		report := reportOf(t, nil, with(enough, "AZURE_CLIENT_SECRET=", "AZURE_FEDERATED_TOKEN_FILE="+path))
		if !strings.Contains(report, "AZURE_FEDERATED_TOKEN_FILE names a file that is of no use: it ") || strings.Contains(report, path+"\n") {
			t.Errorf("%q: %s", content, report)
		}
	}
}
