package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// newServerCert returns PEM of a certificate and of its key, and the certificate.
// It names hosts, or else only the address 127.0.0.1; with a host "" nothing. It is good
// for a day.
func newServerCert(t *testing.T, expires time.Time, hosts ...string) (certificate, key string, leaf *x509.Certificate) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "server"}, DNSNames: hosts,
		NotBefore: expires.Add(-24 * time.Hour), NotAfter: expires,
	}
	switch {
	case len(hosts) == 0:
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	case hosts[0] == "":
		template.DNSNames = nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	if leaf, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der), pemOf("PRIVATE KEY", pkcs8), leaf
}

func pemOf(kind string, content []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// keyPairFiles writes a certificate and its key, and returns the settings.
func keyPairFiles(t *testing.T, certificate, key string) (environ []string, certFile, keyFile string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write(t, certFile, certificate)
	write(t, keyFile, key)
	return []string{"TLS_CERT_FILE=" + certFile, "TLS_KEY_FILE=" + keyFile}, certFile, keyFile
}

// trustingCert returns a client that trusts one certificate.
func trustingCert(t *testing.T, leaf *x509.Certificate, change func(*tls.Config)) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	cfg := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if change != nil {
		change(cfg)
	}
	transport := &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(ctx context.Context, client *http.Client, url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err == nil {
		err = openapitest.Check(answer, body)
	}
	return answer, err
}

// What callers and -healthcheck get of a server that speaks TLS.
func TestTLS(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	certificate, key, leaf := newServerCert(t, time.Now().Add(time.Hour))
	environ, certFile, _ := keyPairFiles(t, certificate, key)
	r := startAgainst(t, c, nil, environ...)
	addr := strings.TrimPrefix(r.url, "http://")

	for _, path := range []string{"/healthz", "/api/user", "/nothing"} {
		answer, err := get(t.Context(), trustingCert(t, leaf, nil), "https://"+addr+path)
		if err != nil {
			t.Fatal(err)
		}
		if answer.ProtoMajor != 2 || answer.TLS.Version != tls.VersionTLS13 || answer.Header.Get("Strict-Transport-Security") != "max-age=31536000" {
			t.Errorf("%s: %s over TLS %x, %v", path, answer.Proto, answer.TLS.Version, answer.Header)
		}
	}
	if _, err := get(t.Context(), trustingCert(t, leaf, func(cfg *tls.Config) { cfg.MaxVersion = tls.VersionTLS12 }), "https://"+addr+"/healthz"); err != nil {
		t.Errorf("TLS 1.2: %v", err)
	}
	old := trustingCert(t, leaf, func(cfg *tls.Config) { cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 })
	if _, err := get(t.Context(), old, "https://"+addr+"/healthz"); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	if answer, _ := try(t.Context(), "GET", r.url+"/healthz"); answer.status != 400 { // net/http's own, which the document has not
		t.Errorf("without TLS: %d", answer.status)
	}

	check := func(environ ...string) (status int, said string) {
		var stdout, stderr bytes.Buffer
		status = run(t.Context(), []string{"-healthcheck", "-listen-addr", addr}, environ, &stdout, &stderr)
		return status, stdout.String() + stderr.String()
	}
	if status, said := check(environ...); status != exitOK || said != "" {
		t.Errorf("-healthcheck: exit status %d: %s", status, said)
	}
	if status, said := check(); status != exitFailure || !strings.Contains(said, "400") {
		t.Errorf("-healthcheck without TLS: exit status %d: %s", status, said)
	}
	if status, said := check(environ[0]); status != exitFailure || !strings.Contains(said, "TLS_KEY_FILE is missing") {
		t.Errorf("-healthcheck without the key: exit status %d: %s", status, said)
	}
	// The server goes on with the pair before, and a restart would end that.
	write(t, certFile, "nothing")
	if status, said := check(environ...); status != exitOK || said != "" {
		t.Errorf("-healthcheck with a file of no use: exit status %d: %s", status, said)
	}
}

// The health check needs nothing of the certificate, neither its name nor its time, and
// not even the file.
func TestHealthcheckTakesAnyCertificate(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	for name, make := range map[string]func() (string, string, *x509.Certificate){
		"another host": func() (string, string, *x509.Certificate) {
			return newServerCert(t, time.Now().Add(time.Hour), "acs.contoso.com")
		},
		"a wildcard": func() (string, string, *x509.Certificate) {
			return newServerCert(t, time.Now().Add(time.Hour), "*.contoso.com")
		},
		"no host at all": func() (string, string, *x509.Certificate) {
			return newServerCert(t, time.Now().Add(time.Hour), "")
		},
		"expired": func() (string, string, *x509.Certificate) { return newServerCert(t, time.Now().Add(-time.Hour)) },
	} {
		certificate, key, _ := make()
		environ, certFile, _ := keyPairFiles(t, certificate, key)
		r := startAgainst(t, c, nil, environ...)
		if err := os.Remove(certFile); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		args := []string{"-healthcheck", "-listen-addr", strings.TrimPrefix(r.url, "http://")}
		if status := run(t.Context(), args, environ, &stdout, &stderr); status != exitOK {
			t.Errorf("%s: exit status %d: %s", name, status, &stderr)
		}
	}
}

// Plain HTTP says nothing of TLS, which may well end before it.
func TestWithoutTLS(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	if got := call(t, "GET", startAgainst(t, c, nil).url+"/healthz"); got.header.Get("Strict-Transport-Security") != "" {
		t.Error("Strict-Transport-Security is for whoever ends TLS to say")
	}
}

// Files change one after the other, and may be wrong for a while. No handshake fails
// because of that, and the log tells the story once.
func TestKeyPairChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		certificate1, key1, leaf1 := newServerCert(t, time.Now().Add(23*time.Hour))
		certificate2, key2, leaf2 := newServerCert(t, time.Now().Add(23*time.Hour))
		environ, certFile, keyFile := keyPairFiles(t, certificate1, key1)
		log := newOutput()
		p := new(problems)
		s := load([]source.Layer{source.Environment(environ)}, false, p)
		k := openKeyPair(s, surroundings{logger: slog.New(slog.NewJSONHandler(log, nil))}, p)
		if k == nil {
			t.Fatalf("%v", p.list)
		}
		for _, step := range []struct {
			name     string
			change   func()
			want     *x509.Certificate
			warnings int // so far
			news     int
		}{
			{"at first", func() {}, leaf1, 0, 0},
			{"the certificate alone", func() { write(t, certFile, certificate2) }, leaf1, 1, 0},
			{"both", func() { write(t, keyFile, key2) }, leaf2, 1, 1},
			{"the key alone", func() { write(t, keyFile, key1) }, leaf2, 2, 1},
			{"both again", func() { write(t, certFile, certificate1) }, leaf1, 2, 2},
			{"garbage", func() { write(t, certFile, certificate2[:100]) }, leaf1, 3, 2},
			{"nothing", func() { _ = os.Remove(keyFile) }, leaf1, 4, 2},
			{"as it was before", func() { write(t, certFile, certificate1); write(t, keyFile, key1) }, leaf1, 4, 4}, // of both files
			{"a new pair at once", func() { write(t, certFile, certificate2); write(t, keyFile, key2) }, leaf2, 4, 5},
			{"with its chain", func() { write(t, certFile, certificate2+certificate1) }, leaf2, 4, 6},
		} {
			step.change()
			for range 5 {
				time.Sleep(time.Second)
				got, err := k.current(nil)
				if err != nil || !got.Leaf.Equal(step.want) {
					t.Errorf("%s: %v, or the wrong certificate", step.name, err)
				}
			}
			warned, told := strings.Count(log.String(), `"level":"WARN"`), strings.Count(log.String(), `"level":"INFO"`)
			if warned != step.warnings || told != step.news {
				t.Errorf("%s: %d warnings and %d news, want %d and %d, in:\n%s", step.name, warned, told, step.warnings, step.news, log)
			}
		}
		if got, _ := k.current(nil); len(got.Certificate) != 2 {
			t.Errorf("the chain has %d certificates", len(got.Certificate))
		}
		if strings.Contains(log.String(), certFile) || strings.Contains(log.String(), "BEGIN") {
			t.Errorf("the log names a path, or repeats what a file holds:\n%s", log)
		}
	})
}

// That a certificate does not hold now, or not for much longer, is said at the start and
// when it has been replaced. It is used nevertheless: callers judge it.
func TestCertificateDates(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		expires time.Duration // from now, after a life of a day
		want    string        // "": no warning
	}{
		{"expired", -time.Second, "the TLS certificate has expired"},
		{"in its last tenth", 2 * time.Hour, "the TLS certificate expires soon"},
		{"before that", 3 * time.Hour, ""},
		{"not valid yet", 25 * time.Hour, "the TLS certificate is not valid yet"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, _ := startCloud(t)
			certificate, key, _ := newServerCert(t, time.Now().Add(test.expires))
			environ, certFile, keyFile := keyPairFiles(t, certificate, key)
			r := startAgainst(t, c, nil, environ...)
			r.end()
			r.wait(t)
			wantWarning(t, r.stderr.String(), test.want)

			synctest.Test(t, func(t *testing.T) {
				good, goodKey, _ := newServerCert(t, time.Now().Add(20*time.Hour))
				write(t, certFile, good)
				write(t, keyFile, goodKey)
				log := newOutput()
				p := new(problems)
				k := openKeyPair(load([]source.Layer{source.Environment(environ)}, false, p), surroundings{logger: slog.New(slog.NewJSONHandler(log, nil))}, p)
				certificate, key, leaf := newServerCert(t, time.Now().Add(test.expires))
				write(t, certFile, certificate)
				write(t, keyFile, key)
				time.Sleep(2 * time.Second)
				if got, err := k.current(nil); err != nil || !got.Leaf.Equal(leaf) {
					t.Errorf("%v, or the certificate before", err)
				}
				wantWarning(t, log.String(), test.want)
			})
		})
	}
}

// A certificate that nobody replaces is spoken of once a day, from the last tenth of its
// life on.
func TestCertificateGrowsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		certificate, key, _ := newServerCert(t, time.Now().Add(23*time.Hour))
		environ, _, _ := keyPairFiles(t, certificate, key)
		log := newOutput()
		p := new(problems)
		k := openKeyPair(load([]source.Layer{source.Environment(environ)}, false, p), surroundings{logger: slog.New(slog.NewJSONHandler(log, nil))}, p)
		k.warnOfDates(t.Context())
		for range 72 {
			time.Sleep(time.Hour)
			if _, err := k.current(nil); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(logLines(t, log.String(), "the TLS certificate has expired")); n != 3 {
			t.Errorf("%d warnings in three days, want 3:\n%s", n, log)
		}
	})
}

// wantWarning checks which warning about a certificate is in a log, if any is.
func wantWarning(t *testing.T, log, want string) {
	t.Helper()
	for _, known := range []string{"the TLS certificate has expired", "the TLS certificate is not valid yet", "the TLS certificate expires soon"} {
		if n := len(logLines(t, log, known)); n != map[bool]int{known == want: 1}[true] {
			t.Errorf("%q is said %d times, and %q expected:\n%s", known, n, want, log)
		}
	}
}

func TestKeyPairMistakes(t *testing.T) {
	t.Parallel()
	certificate, key, _ := newServerCert(t, time.Now().Add(time.Hour))
	_, stranger, _ := newServerCert(t, time.Now().Add(time.Hour))
	const secret = "dG9wczNjcmV0"
	for _, test := range []struct {
		name, certificate, key string
		want                   []string
	}{
		{"no files", "", "", []string{"TLS_CERT_FILE names a file that is of no use: no such file", "TLS_KEY_FILE names a file that is of no use: no such file"}},
		{"no certificate", secret, key, []string{"TLS_CERT_FILE names a file that is of no use: it holds no certificate in PEM"}},
		{"the key for both", key, key, []string{"TLS_CERT_FILE names a file that is of no use: it holds no certificate in PEM"}},
		{"a broken certificate", pemOf("CERTIFICATE", []byte(secret)), key, []string{"TLS_CERT_FILE names a file that is of no use: it holds no certificate that can be read"}},
		{"the certificate for both", certificate, certificate, []string{"TLS_KEY_FILE names a file that is of no use: it holds no private key in PEM"}},
		{"a broken key", certificate, pemOf("PRIVATE KEY", []byte(secret)), []string{"TLS_KEY_FILE names a file that is of no use: it holds no private key that can be read"}},
		{"an encrypted key", certificate, pemOf("ENCRYPTED PRIVATE KEY", []byte(secret)), []string{"TLS_KEY_FILE names a file that is of no use: its private key is encrypted"}},
		{"another's key", certificate, stranger, []string{"TLS_KEY_FILE does not hold the key of the certificate in TLS_CERT_FILE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			environ, certFile, keyFile := keyPairFiles(t, test.certificate, test.key)
			if test.certificate == "" {
				_, _ = os.Remove(certFile), os.Remove(keyFile)
			}
			report := reportOf(t, nil, with(enough, environ...))
			things := fmt.Sprintf("%d thing", len(test.want))
			for _, want := range append(test.want, things) {
				if !strings.Contains(report, want) {
					t.Errorf("not said: %s\n%s", want, report)
				}
			}
			if strings.Contains(report, secret) || strings.Contains(report, "BEGIN") {
				t.Errorf("the report repeats what a file holds:\n%s", report)
			}
		})
	}
}

// -dev speaks TLS too, and its guide says how.
func TestDevWithTLS(t *testing.T) {
	t.Parallel()
	certificate, key, leaf := newServerCert(t, time.Now().Add(time.Hour))
	environ, certFile, _ := keyPairFiles(t, certificate, key)
	r := startDev(t, nil, environ...)
	addr := strings.TrimPrefix(r.url, "http://")
	r.stdout.line(t, "export SSL_CERT_FILE=")
	r.stdout.line(t, "# acs-auth-server listens on https://"+addr+".")
	steps := strings.Count(r.stdout.String(), "\ncurl ")
	if n := strings.Count(r.stdout.String(), "\ncurl -i --cacert '"+certFile+"' "); n != steps || strings.Contains(r.stdout.String(), "http://"+addr) {
		t.Errorf("%d of %d commands are for TLS:\n%s", n, steps, r.stdout)
	}
	if answer, err := get(t.Context(), trustingCert(t, leaf, nil), "https://"+addr+"/healthz"); err != nil || answer.StatusCode != 200 {
		t.Errorf("%v, %v", answer, err)
	}
}
