package acsauthtest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A Cloud is a running stand-in for Microsoft Entra ID, Microsoft Graph and Azure
// Communication Services. Its fields are what settings would name; they must not
// be changed. It is safe for concurrent use.
type Cloud struct {
	TenantID            string // directory (tenant) id
	ClientID            string // of the API's app registration
	ClientSecret        string // of the API's app registration
	AuthorityHost       string // address of Microsoft Entra ID
	GraphURL            string // base address of Microsoft Graph, version included
	ACSConnectionString string // of the ACS resource

	cloud *cloud.Cloud
}

// NewCloud starts a cloud, which is stopped when the test ends.
func NewCloud(t testing.TB) *Cloud {
	t.Helper()
	c, err := cloud.Start(cloud.Config{})
	if err != nil {
		t.Fatalf("acsauthtest: starting the embedded cloud: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("acsauthtest: stopping the embedded cloud: %v", err)
		}
	})
	return &Cloud{
		TenantID:            c.TenantID,
		ClientID:            c.ClientID,
		ClientSecret:        c.ClientSecret,
		AuthorityHost:       c.Entra.URL,
		GraphURL:            c.Graph.URL,
		ACSConnectionString: c.ACS.ConnectionString(),
		cloud:               c,
	}
}

// HTTPClient returns a client that trusts the cloud's certificates.
func (c *Cloud) HTTPClient() *http.Client { return c.cloud.HTTPClient() }

// Setenv sets the environment variables with which the reference server, the
// examples and whatever reads the same ones use this cloud, until the test ends. So
// long, [http.DefaultTransport], and with it every client that has none of its own,
// trusts the cloud's certificates besides those of the system. Processes that are
// started do so where Go reads SSL_CERT_FILE, which is not on macOS and Windows.
func (c *Cloud) Setenv(t testing.TB) {
	t.Helper()
	certificates := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(certificates, c.cloud.CAPEM(), 0o600); err != nil {
		t.Fatalf("acsauthtest: %v", err)
	}
	for name, value := range map[string]string{
		"AZURE_TENANT_ID":       c.TenantID,
		"AZURE_CLIENT_ID":       c.ClientID,
		"AZURE_CLIENT_SECRET":   c.ClientSecret,
		"AZURE_AUTHORITY_HOST":  c.AuthorityHost,
		"GRAPH_BASE_URL":        c.GraphURL,
		"GRAPH_MAPPING_KEYS":    base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32)),
		"ACS_CONNECTION_STRING": c.ACSConnectionString,
		"SSL_CERT_FILE":         certificates,
	} {
		t.Setenv(name, value)
	}
	c.trust(t)
}

// trust adds the cloud's certificate authority to those of the default transport.
func (c *Cloud) trust(t testing.TB) {
	usual := http.DefaultTransport
	transport, ok := usual.(*http.Transport)
	if !ok {
		return // the program's own: it knows what to trust
	}
	transport = transport.Clone()
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	roots := transport.TLSClientConfig.RootCAs
	if roots == nil {
		var err error
		if roots, err = x509.SystemCertPool(); err != nil {
			roots = x509.NewCertPool() // a system without any
		}
	}
	roots = roots.Clone()
	roots.AppendCertsFromPEM(c.cloud.CAPEM())
	transport.TLSClientConfig.RootCAs = roots
	http.DefaultTransport = transport
	t.Cleanup(func() {
		http.DefaultTransport = usual
		transport.CloseIdleConnections()
	})
}

// AuthenticatorConfig returns the configuration of an Authenticator that accepts
// the cloud's tokens. Change it as you like.
func (c *Cloud) AuthenticatorConfig() acsauth.AuthenticatorConfig {
	return acsauth.AuthenticatorConfig{
		TenantID:      c.TenantID,
		ClientID:      c.ClientID,
		AuthorityHost: c.AuthorityHost,
		HTTPClient:    c.HTTPClient(),
	}
}

// A User is a person in the cloud's directory.
type User struct {
	TenantID string // directory (tenant) id
	ObjectID string // of the user in the tenant
	Name     string // display name
}

func (u User) entra() cloud.User {
	return cloud.User{TenantID: u.TenantID, ObjectID: u.ObjectID, Name: u.Name}
}

// AddUser adds a user with this display name to the directory.
func (c *Cloud) AddUser(name string) User {
	u := c.cloud.Entra.AddUser(cloud.User{Name: name})
	return User{TenantID: u.TenantID, ObjectID: u.ObjectID, Name: u.Name}
}

// FailNext lets the next requests to a service, "entra", "graph" or "acs", fail
// with an HTTP status before they have any effect. Requests that are tried again
// count each time. It panics if there is no such service.
func (c *Cloud) FailNext(service string, status, times int) {
	if !slices.Contains([]string{"entra", "graph", "acs"}, service) {
		panic("acsauthtest: FailNext: there is no service " + strconv.Quote(service))
	}
	c.cloud.Inject(cloud.Fault{Op: service + ".", Status: status, Times: times})
}

// RequireConsent makes Microsoft Entra ID refuse to exchange the user's tokens,
// because they have not consented, until allow is called. A token that was exchanged
// before, and a mapping that [acsauth.Service] remembers, are not affected; a token
// that was refused goes on being refused for 30 seconds after allow. So use a new
// [Cloud.Token] after either call.
func (c *Cloud) RequireConsent(u User) (allow func()) {
	return c.cloud.Entra.Refuse(cloud.Refusal{User: u.ObjectID, Tenant: u.TenantID, Code: cloud.ConsentRequired})
}

// RequireClaims makes Microsoft Entra ID answer the exchange of the user's tokens
// with a claims challenge, until allow is called, for the same tokens as
// [Cloud.RequireConsent] does. A token of [Cloud.SteppedUpToken] satisfies it.
func (c *Cloud) RequireClaims(u User) (allow func()) {
	return c.cloud.Entra.Refuse(cloud.Refusal{User: u.ObjectID, Tenant: u.TenantID, Code: cloud.MFARequired, Claims: cloud.MFAClaims})
}

// Calls returns the operations that the cloud was asked for so far, in order, such
// as "entra.token", "graph.lookup" and "acs.create".
func (c *Cloud) Calls() []string {
	var ops []string
	for _, call := range c.cloud.Calls() {
		ops = append(ops, call.Op)
	}
	return ops
}

// Token returns an access token of u for the API, good for an hour.
func (c *Cloud) Token(u User) string {
	return c.cloud.Entra.UserToken(u.entra(), cloud.TokenOptions{Lifetime: time.Hour})
}

// SteppedUpToken returns a token like [Cloud.Token] that comes from a sign-in with
// a second factor.
func (c *Cloud) SteppedUpToken(u User) string {
	return c.cloud.Entra.UserToken(u.entra(), cloud.TokenOptions{Lifetime: time.Hour, StepUp: true})
}

// TeamsToken returns an access token of u for the exchange into an ACS token for
// Teams, acquired by the application clientID.
func (c *Cloud) TeamsToken(u User, clientID string) string {
	return c.cloud.Entra.TeamsToken(u.entra(), cloud.TokenOptions{ClientID: clientID})
}
