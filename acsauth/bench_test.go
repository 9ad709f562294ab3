package acsauth_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

// benchToken returns a cloud and a token of the size that users in an organisation
// have: a payload of nearly 2 KiB, most of it claims that nobody here reads.
func benchToken(b *testing.B) (*cloud.Cloud, string) {
	b.Helper()
	c := startCloud(b)
	groups := make([]string, 25)
	for i := range groups {
		groups[i] = otherTenant
	}
	token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{Name: "Ada Lovelace"}), cloud.TokenOptions{Claims: map[string]any{
		"aio":    strings.Repeat("A", 96),
		"groups": groups,
		"roles":  []string{"Reader", "Writer"},
		"sid":    otherTenant,
		"wids":   []string{otherTenant},
		"xms_cc": []string{"cp1"},
	}})
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil || len(payload) < 1600 || len(payload) > 2048 {
		b.Fatalf("the payload has %d bytes (%v)", len(payload), err)
	}
	return c, token
}

// The keys are loaded: this is what every request pays.
func BenchmarkVerify(b *testing.B) {
	c, token := benchToken(b)
	auth, err := acsauth.NewAuthenticator(authConfig(c))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := auth.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

// What no implementation can save: the hash and the signature alone. BenchmarkVerify
// takes at most 1.75 times as long.
func BenchmarkRSA(b *testing.B) {
	c, token := benchToken(b)
	key := benchKey(b, c)
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		digest := sha256.Sum256([]byte(token[:dot]))
		if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature); err != nil {
			b.Fatal(err)
		}
	}
}

// benchKey returns the key that signs the cloud's tokens.
func benchKey(b *testing.B, c *cloud.Cloud) *rsa.PublicKey {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, c.Entra.URL+"/common/discovery/v2.0/keys", nil)
	if err != nil {
		b.Fatal(err)
	}
	answer, err := c.HTTPClient().Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	document, err := httpx.ReadBody(answer, httpx.MaxBody)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := jose.ParseKeySet(document)
	if err != nil {
		b.Fatal(err)
	}
	for _, key := range keys {
		if key.ID == c.Entra.KeyID() {
			return key.Public
		}
	}
	b.Fatal("the authority does not list its key")
	return nil
}
