package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// Unless this is a server of its own, the platform that the tests run on, with its
// managed identities, is none of their business.
func init() {
	if os.Getenv(asServer) == "" {
		for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"} {
			_ = os.Unsetenv(name)
		}
	}
}

// A reroute takes requests to the address of virtual machines' endpoint to the
// embedded machine.
type reroute struct{ to *cloud.Cloud }

func (r reroute) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == "169.254.169.254" {
		inside := req.Clone(req.Context())
		inside.URL.Scheme, inside.URL.Host, _ = strings.Cut(r.to.Machine.URL, "://")
		inside.Host = ""
		req = inside
	}
	return r.to.HTTPClient().Transport.RoundTrip(req)
}

// startOnMachine runs a server on the embedded machine.
func startOnMachine(t *testing.T, c *cloud.Cloud, adjust func(*settings), environ ...string) *running {
	t.Helper()
	return start(t, func(ctx context.Context, _, stderr io.Writer) int {
		p := new(problems)
		s := load(cloudLayers(c, environ...), true, p)
		if adjust != nil {
			adjust(s)
		}
		return serve(ctx, s, &http.Client{Transport: reroute{c}}, stderr, p, announceNothing)
	})
}

// trustIdentity assigns an identity to the machine that the app trusts.
func trustIdentity(c *cloud.Cloud, audience string) cloud.ManagedIdentity {
	id := c.Machine.Assign(cloud.ManagedIdentity{})
	c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: id.PrincipalID, Audience: audience})
	return id
}

func TestManagedIdentity(t *testing.T) {
	t.Parallel()
	fixed := func(environ ...string) func(*cloud.Cloud) []string {
		return func(*cloud.Cloud) []string { return environ }
	}
	toACS := func(environ ...string) func(*cloud.Cloud) []string {
		return func(c *cloud.Cloud) []string {
			return append([]string{"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=" + c.ACS.URL}, environ...)
		}
	}
	tests := map[string]struct {
		audience string // of the federated credential
		environ  func(*cloud.Cloud) []string
		direct   bool // the identity itself signs in to ACS
		asked    int  // tokens that the machine was asked for
		entra    int  // and Entra ID
	}{
		"for the exchange":       {"", fixed(), false, 1, 1},
		"named, beside a secret": {"", fixed("AZURE_CLIENT_SECRET=unused", "OBO_CREDENTIAL=managed-identity"), false, 1, 1},
		"in another cloud": {"api://AzureADTokenExchangeUSGov",
			fixed("AZURE_CLOUD=usgov", "GRAPH_SCOPE=https://graph.microsoft.com/.default"), false, 1, 1},
		"for the exchange and for ACS": {"", toACS(), true, 2, 1},
		"for ACS only":                 {"", toACS("MAPPING_STORE=memory", "ACS_CREDENTIAL=managed-identity"), true, 1, 0},
		"for the exchange only, with a secret for ACS": {"", func(c *cloud.Cloud) []string {
			return toACS("AZURE_CLIENT_SECRET="+c.ClientSecret, "OBO_CREDENTIAL=managed-identity", "ACS_CREDENTIAL=secret")(c)
		}, false, 1, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			id := trustIdentity(c, test.audience)
			environ := append([]string{"AZURE_CLIENT_SECRET=", "MANAGED_IDENTITY_CLIENT_ID=" + id.ClientID}, test.environ(c)...)
			if test.direct {
				c.ACS.RemoveRole(c.ClientID)
				c.ACS.AssignRole(id.ClientID)
			}
			r := startOnMachine(t, c, nil, environ...)
			r.stderr.line(t, "signing keys loaded")
			if got := call(t, "GET", r.url+"/readyz"); got.status != 200 || c.CallCount(cloud.OpIdentityToken) != 0 {
				t.Errorf("/readyz: status %d: %s, or the identity was asked for", got.status, got.body)
			}
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					if got, err := try(t.Context(), "POST", r.url+"/api/user", bearer(token)); err != nil || got.status/100 != 2 {
						t.Errorf("status %d: %s, %v", got.status, got.body, err)
					}
				})
			}
			calls.Wait()
			if got := call(t, "GET", r.url+"/api/token", bearer(token)); got.status != 201 {
				t.Errorf("status %d: %s", got.status, got.body)
			}
			if n := c.CallCount(cloud.OpIdentityToken); n != test.asked {
				t.Errorf("the machine was asked for %d tokens, want %d", n, test.asked)
			}
			if n := c.CallCount(cloud.OpEntraToken); n != test.entra {
				t.Errorf("Entra ID was asked for %d tokens, want %d", n, test.entra)
			}
		})
	}
}

// A managed identity's token is renewed when half of its life is left, as MSAL says, or a
// quarter, and not only in its last minutes, in which the platform may be down.
func TestManagedIdentityRenewal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		c.Entra.SetTokenLifetime(24 * time.Hour)
		id := c.Machine.Assign(cloud.ManagedIdentity{})
		p := new(problems)
		s := load(cloudLayers(c, "ACS_CONNECTION_STRING=", "AZURE_CLIENT_SECRET=", "ACS_ENDPOINT="+c.ACS.URL,
			"MANAGED_IDENTITY_CLIENT_ID="+id.ClientID, "ACS_CREDENTIAL=managed-identity"), true, p)
		around := surroundings{client: &http.Client{Transport: reroute{c}}, logger: slog.New(slog.DiscardHandler)}
		_, forACS := chooseCredentials(s, around, p)
		tokens := newSignIn(s, forACS, around, p)
		if p.any() {
			t.Fatal(p.list)
		}
		for began := time.Now(); time.Since(began) < 20*time.Hour; time.Sleep(time.Minute) {
			if _, err := tokens.token(t.Context()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if n := c.CallCount(cloud.OpIdentityToken); n != 2 {
			t.Errorf("the platform was asked for %d tokens in 20 hours, want 2", n)
		}
	})
}

func TestManagedIdentityFails(t *testing.T) {
	t.Parallel()
	toACS := []string{"ACS_CONNECTION_STRING=", "MAPPING_STORE=memory", "ACS_CREDENTIAL=managed-identity"}
	tests := []struct {
		name    string
		change  func(c *cloud.Cloud, id cloud.ManagedIdentity)
		environ []string
		status  int
		log     string
	}{
		{"no such identity", func(c *cloud.Cloud, id cloud.ManagedIdentity) { c.Machine.Unassign(id) }, nil, 500,
			"status 400: it has no identity with the client id in MANAGED_IDENTITY_CLIENT_ID"},
		{"no such identity, for ACS", func(c *cloud.Cloud, id cloud.ManagedIdentity) { c.Machine.Unassign(id) }, toACS, 500,
			"status 400: it has no identity with the client id in MANAGED_IDENTITY_CLIENT_ID"},
		{"not trusted", func(c *cloud.Cloud, id cloud.ManagedIdentity) {
			c.Machine.Assign(cloud.ManagedIdentity{ClientID: id.ClientID})
		}, nil, 500, "AADSTS700213"},
		{"no role", func(*cloud.Cloud, cloud.ManagedIdentity) {}, toACS, 500, "status 401 Denied"},
		{"no answer", func(c *cloud.Cloud, _ cloud.ManagedIdentity) {
			c.Inject(cloud.Fault{Op: cloud.OpIdentityToken, Hang: true})
		}, toACS, 504, "managed identit"}, // whoever notices first
		{"nonsense", func(c *cloud.Cloud, _ cloud.ManagedIdentity) {
			c.Inject(cloud.Fault{Op: cloud.OpIdentityToken, Status: 200, Body: "tops3cret"})
		}, toACS, 502, "MSAL refused the answer for the managed identity"},
		{"too much", func(c *cloud.Cloud, _ cloud.ManagedIdentity) {
			c.Inject(cloud.Fault{Op: cloud.OpIdentityToken, Status: 200, Body: strings.Repeat("tops3cret", 1<<18)})
		}, toACS, 503, "the platform's endpoint for managed identities cannot be reached"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			id := trustIdentity(c, "")
			test.change(c, id)
			environ := append([]string{"AZURE_CLIENT_SECRET=", "MANAGED_IDENTITY_CLIENT_ID=" + id.ClientID}, test.environ...)
			if test.environ != nil {
				environ = append(environ, "ACS_ENDPOINT="+c.ACS.URL)
			}
			r := startOnMachine(t, c, func(s *settings) {
				if test.status == 504 {
					s.upstreamTimeout = 300 * time.Millisecond
				}
			}, environ...)
			got := call(t, "POST", r.url+"/api/user", bearer(token))
			if got.status != test.status || test.status == 500 && !strings.Contains(got.body, "server_misconfigured") {
				t.Errorf("status %d, want %d: %s", got.status, test.status, got.body)
			}
			log := r.stderr.String()
			if !strings.Contains(log, test.log) {
				t.Errorf("not in the log: %s\n%s", test.log, log)
			}
			for _, hidden := range []string{"tops3cret", token, "eyJ", "error_description"} {
				if strings.Contains(log+got.body, hidden) {
					t.Errorf("%q is in the log or the answer:\n%s\n%s", hidden, log, got.body)
				}
			}
		})
	}
}

// What the platform refuses is read by its status alone.
func TestIdentityRefused(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]string{
		400: httpx.KindMisconfigured, 401: httpx.KindMisconfigured, 403: httpx.KindMisconfigured,
		404: httpx.KindUnavailable, 410: httpx.KindUnavailable, 500: httpx.KindUnavailable, 503: httpx.KindUnavailable,
		429: httpx.KindThrottled, 302: httpx.KindUnusable,
	} {
		err := identityRefused(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"7"}}})
		if got := err.FailureKind(); got != kind || err.RetryDelay() != 7*time.Second {
			t.Errorf("status %d is %s, retry after %s, want %s", status, got, err.RetryDelay(), kind)
		}
	}
}

// On App Service the platform's variables say where the endpoint is, and the header
// proves that a request is of this machine.
func TestAppService(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	id := trustIdentity(c, "")
	ca := writeFile(t, string(c.CAPEM()))
	for header, status := range map[string]int{c.Machine.IdentityHeader: 201, "wrong": 500} {
		environ := []string{"LISTEN_ADDR=127.0.0.1:0", "SSL_CERT_FILE=" + ca, "IDENTITY_ENDPOINT=" + c.Machine.IdentityEndpoint(), "IDENTITY_HEADER=" + header,
			"MANAGED_IDENTITY_CLIENT_ID=" + id.ClientID}
		for name, v := range devSettings(c).Values {
			if name != "AZURE_CLIENT_SECRET" {
				environ = append(environ, name+"="+v.Text)
			}
		}
		server := startProcess(t, environ)
		server.stderr.line(t, "signing keys loaded")
		if got := call(t, "POST", server.url+"/api/user", bearer(token)); got.status != status {
			t.Errorf("status %d, want %d: %s\n%s", got.status, status, got.body, server.stderr)
		}
	}
}

// Not every platform with managed identities lets one choose among them.
func TestPlatformWithoutChoice(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program)
	c.Env = with(enough, "AZURE_CLIENT_SECRET=", "MANAGED_IDENTITY_CLIENT_ID="+guid1, "MSI_ENDPOINT=http://127.0.0.1:1/", asServer+"=1")
	report, err := c.CombinedOutput()
	if want := "MANAGED_IDENTITY_CLIENT_ID is of no use here: this platform (CloudShell, by its variables)"; err == nil || !strings.Contains(string(report), want) {
		t.Errorf("%v, no %q in:\n%s", err, want, report)
	}
}

// The endpoints refuse what comes through a proxy.
func TestDirectClient(t *testing.T) {
	t.Parallel()
	transport, ok := directClient().Transport.(*http.Transport)
	if !ok || transport.Proxy != nil {
		t.Error("requests to the platform may go through a proxy")
	}
}
