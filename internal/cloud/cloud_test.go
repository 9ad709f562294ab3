package cloud_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

func TestStartReportsAllMistakes(t *testing.T) {
	t.Parallel()
	_, err := cloud.Start(cloud.Config{TenantID: "contoso", ClientID: "{22222222-2222-4222-8222-222222222222}", SPAClientID: strings.ToUpper("a" + cloud.DefaultSPAClientID[1:])})
	if err == nil {
		t.Fatal("no error")
	}
	for _, field := range []string{"TenantID", "ClientID", "SPAClientID"} {
		if !strings.Contains(err.Error(), "Config."+field+" must be a GUID") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	a, b := start(t, cloud.Config{InProcess: true}), start(t, cloud.Config{InProcess: true})
	if a.TenantID != cloud.DefaultTenantID || a.ClientID != cloud.DefaultClientID || a.SPAClientID != cloud.DefaultSPAClientID {
		t.Errorf("defaults: %s %s %s", a.TenantID, a.ClientID, a.SPAClientID)
	}
	if len(a.ClientSecret) < 40 || a.ClientSecret == b.ClientSecret {
		t.Error("the default secret must be random")
	}
	own := cloud.Config{TenantID: foreignTenant, ClientID: cloud.DefaultSPAClientID, SPAClientID: cloud.DefaultClientID, ClientSecret: "s", InProcess: true}
	if c := start(t, own); c.TenantID != own.TenantID || c.ClientID != own.ClientID || c.SPAClientID != own.SPAClientID || c.ClientSecret != "s" {
		t.Errorf("own: %+v", c)
	}
}

// The listeners are trusted by those who trust CAPEM, under all loopback names,
// and by nobody else.
func TestTLS(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(c.CAPEM()) {
		t.Fatal("CAPEM is no certificate")
	}
	const document = "/common/v2.0/.well-known/openid-configuration"
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer trusting.CloseIdleConnections()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		url := strings.Replace(c.Entra.URL, "127.0.0.1", host, 1) + document
		if r := send(t, trusting, newRequest(t, "GET", url, "")); r.status != 200 {
			t.Errorf("%s: %d", host, r.status)
		}
	}
	if _, err := try(&http.Client{Transport: &http.Transport{}}, newRequest(t, "GET", c.Entra.URL+document, "")); err == nil {
		t.Error("a client that does not know the authority trusts it")
	}
	// The services are reached in process at the same addresses.
	if r := send(t, &http.Client{Transport: c.Transport()}, newRequest(t, "GET", c.Entra.URL+document, "")); r.status != 200 {
		t.Errorf("in process: %d", r.status)
	}
}

func TestInProcessOpensNoSockets(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	if c.CAPEM() != nil {
		t.Error("there is an authority")
	}
	if _, err := try(&http.Client{Transport: &http.Transport{}}, newRequest(t, "GET", c.Entra.URL, "")); err == nil {
		t.Error("the address is real")
	}
	for _, url := range []string{"https://example.com/", "http" + strings.TrimPrefix(c.Entra.URL, "https")} {
		if _, err := try(c.HTTPClient(), newRequest(t, "POST", url, "body")); err == nil || !strings.Contains(err.Error(), "there is no service") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	for _, inProcess := range []bool{false, true} {
		c := start(t, cloud.Config{InProcess: inProcess})
		for size, want := range map[int]int{1 << 20: 400, 1<<20 + 1: 413} {
			r, err := try(c.HTTPClient(), newRequest(t, "POST", c.Entra.TokenURL(c.TenantID), strings.Repeat("x", size)))
			if err != nil || r.status != want {
				t.Errorf("in process %t, %d bytes: %d, %v", inProcess, size, r.status, err)
			}
		}
	}
}
