package obo_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// newCertificate returns PEM of a key with bits and a certificate for it, and
// the certificate.
func newCertificate(t testing.TB, bits int, notAfter time.Time) ([]byte, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: notAfter.Add(-365 * 24 * time.Hour), NotAfter: notAfter}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	), certificate
}

func mustNew(t testing.TB, cfg obo.Config) *obo.Client {
	t.Helper()
	client, err := obo.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// mustToken exchanges assertion and fails the test if that fails.
func mustToken(t testing.TB, client *obo.Client, assertion, claims string) string {
	t.Helper()
	token, err := client.Token(t.Context(), tenantID, assertion, claims)
	if err != nil {
		t.Fatalf("Token: %v", err)
	}
	return token
}

// failure returns the error of an exchange, which must be an *obo.Error.
func failure(t testing.TB, ctx context.Context, client *obo.Client, assertion, claims string) *obo.Error {
	t.Helper()
	token, err := client.Token(ctx, tenantID, assertion, claims)
	var e *obo.Error
	if !errors.As(err, &e) || token != "" {
		t.Fatalf("Token = %q, %v (%T); want an *obo.Error", token, err, err)
	}
	return e
}

// clock is a clock that stands still until it is told otherwise.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// refused exchanges a token in vain, and makes sure that neither error nor log
// says more than it may.
func refused(t *testing.T, entra *fakeEntra, cfg obo.Config) *obo.Error {
	t.Helper()
	var log syncBuffer
	cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	client := mustNew(t, cfg)
	assertion := entra.assertion("ada", time.Hour)
	e := failure(t, t.Context(), client, assertion, "")
	if log.String() == "" {
		t.Error("nothing was logged")
	}
	texts := []string{log.String()}
	for err := error(e); err != nil; err = errors.Unwrap(err) {
		texts = append(texts, err.Error(), fmt.Sprintf("%v", err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err))
	}
	texts = append(texts, fmt.Sprintf("%v %+v %#v", *e, *e, *e), fmt.Sprintf("%v %+v %#v", cfg, cfg, cfg))
	signature := assertion[strings.LastIndexByte(assertion, '.'):]
	for _, secret := range []string{clientSecret, assertion, signature, "graph-token"} {
		if i := slices.IndexFunc(texts, func(text string) bool { return strings.Contains(text, secret) }); i >= 0 {
			t.Errorf("%q is in %q", secret, texts[i])
		}
	}
	return e
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
