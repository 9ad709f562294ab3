package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// replaceFile replaces a file in one step, as tools that care do, with one that was
// written a while ago.
func replaceFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path+".new", old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// until tries again and again, until done or the test has no more time.
func until(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !done() {
		select {
		case <-deadline:
			t.Fatal("it does not happen")
		default:
		}
	}
}

// Traffic is users who sign up, and ask for tokens, without a break.
type traffic struct {
	requests atomic.Int64
	stop     func() // and wait
}

func startTraffic(t *testing.T, c *cloud.Cloud, url string) *traffic {
	t.Helper()
	var l traffic
	var stop atomic.Bool
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for !stop.Load() {
				token := bearer(c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{}))
				for _, request := range []string{"POST /api/user", "GET /api/token", "GET /api/user"} {
					method, path, _ := strings.Cut(request, " ")
					got, err := try(t.Context(), method, url+path, token)
					if err != nil || got.status >= 300 {
						t.Errorf("%s: status %d: %s, %v", request, got.status, got.body, err)
						stop.Store(true)
					}
					l.requests.Add(1)
				}
			}
		})
	}
	l.stop = func() {
		stop.Store(true)
		users.Wait()
	}
	t.Cleanup(l.stop)
	return &l
}

// more waits until that many further requests have been answered.
func (l *traffic) more(t *testing.T, n int64) {
	t.Helper()
	from := l.requests.Load()
	until(t, func() bool { return t.Failed() || l.requests.Load() >= from+n })
}

// Everything that is secret can be replaced while the server works, before or after
// the other side has changed, and no request fails.
func TestRotation(t *testing.T) {
	t.Parallel()
	const used = "a file has changed, and what it holds is in use"
	newToken := func(c *cloud.Cloud, subject string) string {
		c.Entra.AddFederatedCredential(cloud.FederatedCredential{Issuer: c.Entra.V2Issuer(c.TenantID), Subject: subject})
		return c.Entra.AppToken(cloud.TokenOptions{Audience: "api://AzureADTokenExchange", Claims: map[string]any{"sub": subject}})
	}
	// Each returns the settings, the name of the file in the log, what the file
	// is replaced by, and what the other side then does.
	tests := map[string]func(t *testing.T, c *cloud.Cloud) (environ []string, path, name, next string, retire func()){
		"client secret": func(t *testing.T, c *cloud.Cloud) ([]string, string, string, string, func()) {
			path := writeFile(t, c.ClientSecret+"\n")
			c.Entra.AddClientSecret("second-secret")
			return []string{"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_SECRET_FILE=" + path}, path, "AZURE_CLIENT_SECRET_FILE",
				"second-secret\n", func() { c.Entra.RemoveClientSecret(c.ClientSecret) }
		},
		"client secret, for ACS too": func(t *testing.T, c *cloud.Cloud) ([]string, string, string, string, func()) {
			path := writeFile(t, c.ClientSecret+"\n")
			c.Entra.AddClientSecret("second-secret")
			return []string{"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_SECRET_FILE=" + path, "ACS_CONNECTION_STRING=", "ACS_ENDPOINT=" + c.ACS.URL}, path,
				"AZURE_CLIENT_SECRET_FILE", "second-secret\n", func() { c.Entra.RemoveClientSecret(c.ClientSecret) }
		},
		"certificate": func(t *testing.T, c *cloud.Cloud) ([]string, string, string, string, func()) {
			first, old := newCertificate(t)
			second, certificate := newCertificate(t)
			if err := c.Entra.AddCertificate(old); err != nil {
				t.Fatal(err)
			}
			if err := c.Entra.AddCertificate(certificate); err != nil {
				t.Fatal(err)
			}
			path := writeFile(t, first)
			return []string{"AZURE_CLIENT_SECRET=", "AZURE_CLIENT_CERTIFICATE_PATH=" + path}, path, "AZURE_CLIENT_CERTIFICATE_PATH",
				second, func() { c.Entra.RemoveCertificate(old) }
		},
		"federated token": func(t *testing.T, c *cloud.Cloud) ([]string, string, string, string, func()) {
			path := writeFile(t, newToken(c, "first"))
			return []string{"AZURE_CLIENT_SECRET=", "AZURE_FEDERATED_TOKEN_FILE=" + path}, path, "AZURE_FEDERATED_TOKEN_FILE",
				newToken(c, "second"), func() {}
		},
		"access key": func(t *testing.T, c *cloud.Cloud) ([]string, string, string, string, func()) {
			path := writeFile(t, c.ACS.ConnectionString()+"\n")
			return []string{"ACS_CONNECTION_STRING=", "ACS_CONNECTION_STRING_FILE=" + path}, path, "ACS_CONNECTION_STRING_FILE",
				c.ACS.SecondaryConnectionString(), c.ACS.RegeneratePrimaryKey
		},
		"mapping keys": func(t *testing.T, c *cloud.Cloud) ([]string, string, string, string, func()) {
			second := base64.StdEncoding.EncodeToString([]byte("the second key, of 32 bytes or so"))
			path := writeFile(t, key1+"\n")
			return []string{"GRAPH_MAPPING_KEYS=", "GRAPH_MAPPING_KEYS_FILE=" + path}, path, "GRAPH_MAPPING_KEYS_FILE",
				second + "," + key1, func() {}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := startCloud(t)
			environ, path, logged, next, retire := test(t, c)
			r := startAgainst(t, c, nil, environ...)
			r.stderr.line(t, "signing keys loaded")
			work := startTraffic(t, c, r.url)
			work.more(t, 20)

			// Half of it, then nothing at all: what was there before stays.
			replaceFile(t, path, next[:len(next)/3])
			work.more(t, 20)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			work.more(t, 20)

			replaceFile(t, path, next)
			until(t, func() bool { return t.Failed() || inUse(t, r, logged, used) })
			work.more(t, 20)
			retire()
			work.more(t, 20)
			work.stop()

			log := r.stderr.String()
			for _, secret := range []string{path, strings.TrimSpace(next), c.ClientSecret} {
				if strings.Contains(log, secret) {
					t.Errorf("a secret or its path is in the log:\n%s", log)
				}
			}
			if n := len(logLines(t, log, "a file is of no use, so what it held before stays in use")); n > 2 {
				t.Errorf("%d warnings about two mistakes", n)
			}
		})
	}
}

// inUse reports whether the log says that the last content of a file is in use.
func inUse(t *testing.T, r *running, file, message string) bool {
	t.Helper()
	lines := logLines(t, r.stderr.String(), message)
	return len(lines) > 0 && lines[len(lines)-1]["file"] == file
}

// The other order: what is in use is withdrawn first, and the file follows; or the
// file comes first, and is not known to the other side yet. The very next request
// succeeds.
func TestRotationWithoutOverlap(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	secret, connection := writeFile(t, c.ClientSecret), writeFile(t, c.ACS.ConnectionString())
	r := startAgainst(t, c, nil, "AZURE_CLIENT_SECRET=", "AZURE_CLIENT_SECRET_FILE="+secret,
		"ACS_CONNECTION_STRING=", "ACS_CONNECTION_STRING_FILE="+connection)
	post := func(when string) {
		t.Helper()
		token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
		if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 201 {
			t.Fatalf("%s: status %d: %s\n%s", when, got.status, got.body, r.stderr)
		}
	}
	post("at first")
	for round := range 3 {
		next := fmt.Sprintf("secret-%d", round)
		former, err := os.ReadFile(secret)
		if err != nil {
			t.Fatal(err)
		}
		c.Entra.AddClientSecret(next)
		c.Entra.RemoveClientSecret(string(former))
		replaceFile(t, secret, next)
		c.ACS.RegeneratePrimaryKey()
		replaceFile(t, connection, c.ACS.ConnectionString())
		post("after the withdrawal")
	}

	replaceFile(t, secret, "unknown-as-yet")
	until(t, func() bool {
		post("with a secret that is not known yet")
		return inUse(t, r, "AZURE_CLIENT_SECRET_FILE", "a value was refused, so another one that the file held is tried")
	})
	c.Entra.AddClientSecret("unknown-as-yet")
	c.Entra.RemoveClientSecret("secret-2")
	post("with a secret that has become known")
}

// The same goes for the sign-in to ACS, with each kind of credential.
func TestSignInWithoutOverlap(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, c *cloud.Cloud) (setting, path, next string, retire func()){
		"secret": func(t *testing.T, c *cloud.Cloud) (string, string, string, func()) {
			c.Entra.AddClientSecret("second-secret")
			return "AZURE_CLIENT_SECRET_FILE", writeFile(t, c.ClientSecret), "second-secret", func() { c.Entra.RemoveClientSecret(c.ClientSecret) }
		},
		"certificate": func(t *testing.T, c *cloud.Cloud) (string, string, string, func()) {
			first, _ := newCertificate(t) // which has been removed
			second, certificate := newCertificate(t)
			if err := c.Entra.AddCertificate(certificate); err != nil {
				t.Fatal(err)
			}
			return "AZURE_CLIENT_CERTIFICATE_PATH", writeFile(t, first), second, func() {}
		},
		"workload identity": func(t *testing.T, c *cloud.Cloud) (string, string, string, func()) {
			expired := c.Entra.AppToken(cloud.TokenOptions{Audience: "api://AzureADTokenExchange", IssuedAt: time.Now().Add(-2 * time.Hour)})
			return "AZURE_FEDERATED_TOKEN_FILE", writeFile(t, expired), federatedToken(c), func() {}
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			setting, path, next, retire := test(t, c)
			r := startAgainst(t, c, nil, "MAPPING_STORE=memory", "ACS_CONNECTION_STRING=", "ACS_ENDPOINT="+c.ACS.URL,
				"AZURE_CLIENT_SECRET=", setting+"="+path)
			retire()
			if err := os.WriteFile(path, []byte(next), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 201 {
				t.Errorf("status %d: %s\n%s", got.status, got.body, r.stderr)
			}
		})
	}
}

// A connection string that leads elsewhere is not followed: what is remembered
// about the resource would be wrong.
func TestConnectionStringOfAnotherResource(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	other, err := c.ACS.AddResource(cloud.ResourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, c.ACS.ConnectionString())
	r := startAgainst(t, c, nil, "ACS_CONNECTION_STRING=", "ACS_CONNECTION_STRING_FILE="+path)
	if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 201 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	replaceFile(t, path, other.ConnectionString())
	until(t, func() bool {
		if got := call(t, "GET", r.url+"/api/token", bearer(token)); got.status != 201 {
			t.Fatalf("status %d: %s", got.status, got.body)
		}
		return strings.Contains(r.stderr.String(), "it names another endpoint, which takes a restart")
	})
	if n := len(other.Identities()); n != 0 {
		t.Errorf("%d identities in the other resource", n)
	}
}

// The password in the address of a store is followed, and the place is not.
func TestStorePasswordIsFollowed(t *testing.T) {
	t.Parallel()
	const first, second = "postgres://acs:first@db.contoso.com/mappings", "postgres://acs:second@db.contoso.com/mappings"
	path := writeFile(t, first+"\n")
	p := new(problems)
	s := load([]source.Layer{source.Environment(with(enough, "MAPPING_STORE=", "MAPPING_STORE_FILE="+path))}, false, p)
	if p.any() {
		t.Fatal(p.list)
	}
	log := newOutput()
	var options stores.Options
	followStorePassword(s, &options, surroundings{logger: slog.New(slog.NewJSONHandler(log, nil))})
	if got := options.Current(); got != first {
		t.Errorf("at first it is %s", got)
	}
	replaceFile(t, path, second)
	until(t, func() bool { return options.Current() == second })
	replaceFile(t, path, strings.Replace(second, "/mappings", "/others", 1))
	until(t, func() bool {
		got := options.Current()
		return got != second || strings.Contains(log.String(), "another server or database")
	})
	if got := options.Current(); got != second {
		t.Errorf("then it is %s", got)
	}
	fixed := stores.Options{}
	if followStorePassword(&settings{}, &fixed, surroundings{}); fixed.Current != nil {
		t.Error("an address that is not in a file is followed")
	}
}

// docs/secretless.md explains the lines of the log that are about all this.
func TestLogLinesAreDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/secretless.md")
	if err != nil {
		t.Fatal(err)
	}
	for file, call := range map[string]string{"../../internal/reload/file.go": `Logger\.(?:Info|Warn)\("([^"]+)"`, "signin_token.go": `WarnContext\(ctx, "([^"]+)"`} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := regexp.MustCompile(call).FindAllSubmatch(source, -1)
		if len(lines) == 0 {
			t.Errorf("%s logs nothing", file)
		}
		for _, line := range lines {
			if !bytes.Contains(page, append([]byte("| `"), line[1]...)) {
				t.Errorf("docs/secretless.md does not explain %q", line[1])
			}
		}
	}
}
