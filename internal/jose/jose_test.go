package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func newKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign makes a compact JWS of any header and payload.
func sign(t testing.TB, key *rsa.PrivateKey, header, payload string) string {
	t.Helper()
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(signature)
}

func TestCompact(t *testing.T) {
	t.Parallel()
	key, other := newKey(t, 2048), newKey(t, 2048)
	token := sign(t, key, `{"alg":"RS256","typ":"JWT","kid":"k1"}`, `{"a":1}`)
	c, err := jose.ParseCompact(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(jose.Header{Algorithm: "RS256", KeyID: "k1", Type: "JWT"}, c.Header); diff != "" {
		t.Error(diff)
	}
	if payload, err := c.Verify(&key.PublicKey); err != nil || string(payload) != `{"a":1}` {
		t.Errorf("Verify: %s, %v", payload, err)
	}
	if payload, err := c.Verify(&other.PublicKey); !errors.Is(err, jose.ErrSignature) || payload != nil {
		t.Errorf("Verify with another key: %s, %v", payload, err)
	}
	for _, header := range []string{`{"alg":"RS256","crit":["x"],"nonce":"n"}`, `{"alg":"RS256","crit":null,"nonce":null}`} {
		c, err := jose.ParseCompact(sign(t, key, header, `{}`))
		if err != nil || !c.Header.Critical || !c.Header.Nonce {
			t.Errorf("%s: %+v, %v", header, c.Header, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	good := b64([]byte(`{"alg":"RS256"}`))
	for name, test := range map[string]struct {
		token string
		want  error
	}{
		"empty":                  {"", jose.ErrMalformed},
		"one part":               {good, jose.ErrMalformed},
		"two parts":              {good + ".e30", jose.ErrMalformed},
		"four parts":             {good + ".e30.AA.AA", jose.ErrMalformed},
		"five parts":             {good + ".e30.AA.AA.AA", jose.ErrEncrypted},
		"no payload":             {good + "..AA", jose.ErrMalformed},
		"padding":                {good + ".e30=.AA", jose.ErrMalformed},
		"loose last bits":        {good + ".e30.AB", jose.ErrMalformed},
		"line break":             {good + ".e3\n0.AA", jose.ErrMalformed},
		"header no JSON":         {b64([]byte(`{`)) + ".e30.AA", jose.ErrMalformed},
		"header no object":       {b64([]byte(`[]`)) + ".e30.AA", jose.ErrMalformed},
		"two algorithms":         {b64([]byte(`{"alg":"RS256","ALG":"none"}`)) + ".e30.AA", jose.ErrMalformed},
		"algorithm is no string": {b64([]byte(`{"alg":1}`)) + ".e30.AA", jose.ErrMalformed},
	} {
		if _, err := jose.ParseCompact(test.token); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// jwk returns the members of a usable key, with changes; a nil value removes one.
func jwk(key *rsa.PublicKey, kid string, changes map[string]any) map[string]any {
	members := map[string]any{"kty": "RSA", "use": "sig", "kid": kid, "n": b64(key.N.Bytes()), "e": "AQAB", "issuer": "https://issuer/{tenantid}"}
	maps.Copy(members, changes)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
	return members
}

func TestParseKeySet(t *testing.T) {
	t.Parallel()
	key := &newKey(t, 2048).PublicKey
	small := &newKey(t, 1024).PublicKey
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(map[string]any{"keys": []any{
		jwk(key, "plain", nil),
		jwk(key, "no use, no issuer", map[string]any{"use": nil, "issuer": nil}),
		jwk(key, "RS256", map[string]any{"alg": "RS256"}),
		jwk(key, "for encryption", map[string]any{"use": "enc"}),
		jwk(key, "another algorithm", map[string]any{"alg": "RS512"}),
		jwk(key, "issuer of no string", map[string]any{"issuer": 7}),
		jwk(key, "", nil),
		jwk(key, "twice", nil),
		jwk(key, "twice", nil),
		jwk(small, "small", nil),
		jwk(key, "no modulus", map[string]any{"n": nil}),
		map[string]any{"kty": "EC", "kid": "elliptic", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])},
		map[string]any{"kty": "oct", "kid": "symmetric", "k": "c2VjcmV0"},
		map[string]any{"kty": "AKP", "kid": "of a kind that is not known yet", "alg": "ML-DSA-44"},
		"no object",
	}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := jose.ParseKeySet(document)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, k := range keys {
		got[k.ID] = k.Issuer
		if !k.Public.Equal(key) {
			t.Errorf("%s: another public key", k.ID)
		}
	}
	want := map[string]string{"plain": "https://issuer/{tenantid}", "no use, no issuer": "", "RS256": "https://issuer/{tenantid}"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseKeySetFailures(t *testing.T) {
	t.Parallel()
	for _, document := range []string{``, `[]`, `{"keys":7}`, `<html>`} {
		if keys, err := jose.ParseKeySet([]byte(document)); err == nil {
			t.Errorf("%q: %v", document, keys)
		}
	}
	if _, err := jose.ParseKeySet([]byte(`{"keys":[]}`)); !errors.Is(err, jose.ErrNoKeys) {
		t.Errorf("no keys: %v", err)
	}
}

// No input may crash the parsers, and what passes is what was signed.
func FuzzParseCompact(f *testing.F) {
	key := newKey(f, 2048)
	f.Add(sign(f, key, `{"alg":"RS256","kid":"k"}`, `{}`))
	f.Add("a.b.c")
	f.Add("....")
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := jose.ParseCompact(token)
		if err != nil {
			return
		}
		parts := strings.Split(token, ".")
		if b64(c.Unverified()) != parts[1] {
			t.Error("the payload does not encode to what was there")
		}
		if payload, err := c.Verify(&key.PublicKey); err == nil && !slices.Equal(payload, c.Unverified()) {
			t.Error("another payload was verified")
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB","issuer":"x"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"},{}]}`))
	f.Add([]byte(`{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := jose.ParseKeySet(document)
		for _, k := range keys {
			if err != nil || k.ID == "" || k.Public.N.BitLen() < jose.MinRSABits {
				t.Errorf("unusable key %q, %v", k.ID, err)
			}
		}
	})
}
