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
	"math/big"
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
	if payload, err := c.Verify(&key.PublicKey); err != nil || payload != `{"a":1}` {
		t.Errorf("Verify: %s, %v", payload, err)
	}
	if payload, err := c.Verify(&other.PublicKey); !errors.Is(err, jose.ErrSignature) || payload != "" {
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
		"a line break behind":    {good + ".e30.AA\n", jose.ErrMalformed},
		"a carriage return":      {good + ".e30.A\rA", jose.ErrMalformed},
		"white space":            {good + ".e30 .AA", jose.ErrMalformed},
		"the other alphabet":     {good + ".e30.A+A/", jose.ErrMalformed},
		"flattened":              {`{"payload":"e30","protected":"` + good + `","signature":"AA"}`, jose.ErrSerialisation},
		"general":                {`{"payload":"e30","signatures":[]}`, jose.ErrSerialisation},
		"header no JSON":         {b64([]byte(`{`)) + ".e30.AA", jose.ErrMalformed},
		"header no object":       {b64([]byte(`[]`)) + ".e30.AA", jose.ErrMalformed},
		"two algorithms":         {b64([]byte(`{"alg":"RS256","ALG":"none"}`)) + ".e30.AA", jose.ErrMalformed},
		"algorithm twice":        {b64([]byte(`{"alg":"RS256","alg":"RS256"}`)) + ".e30.AA", jose.ErrMalformed},
		"algorithm with escape":  {b64([]byte(`{"alg":"RS256","\u0061lg":"none"}`)) + ".e30.AA", jose.ErrMalformed},
		"algorithm is null":      {b64([]byte(`{"alg":null}`)) + ".e30.AA", jose.ErrMalformed},
		"key id is no string":    {b64([]byte(`{"kid":["k"]}`)) + ".e30.AA", jose.ErrMalformed},
		"type is no string":      {b64([]byte(`{"typ":{}}`)) + ".e30.AA", jose.ErrMalformed},
		"header and more":        {b64([]byte(`{"alg":"RS256"}{}`)) + ".e30.AA", jose.ErrMalformed},
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
		jwk(key, "no issuer but an empty one", map[string]any{"issuer": ""}),
		jwk(key, "two issuers", map[string]any{"Issuer": "https://another"}),
		jwk(key, "two uses", map[string]any{"Use": "enc"}),
		jwk(key, "another name", map[string]any{"kty": nil, "Kty": "RSA"}),
		jwk(key, "use of no string", map[string]any{"use": []string{"sig"}}),
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
	for _, document := range []string{``, `[]`, `{"keys":7}`, `<html>`, `{"keys":[],"keys":[]}`, `{"keys":[]}x`} {
		if keys, err := jose.ParseKeySet([]byte(document)); err == nil {
			t.Errorf("%q: %v", document, keys)
		}
	}
	alone, err := json.Marshal(jwk(&newKey(t, 2048).PublicKey, "a", nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range []string{`{"keys":[]}`, `{"keys":null}`, `{"Keys":[` + string(alone) + `]}`, string(alone)} {
		if keys, err := jose.ParseKeySet([]byte(document)); !errors.Is(err, jose.ErrNoKeys) {
			t.Errorf("%s: %v, %v; want ErrNoKeys", document, keys, err)
		}
	}
}

// What passes is spelled in the only way there is, its header is read as encoding/json
// reads it, and only what was signed verifies.
func FuzzParseCompact(f *testing.F) {
	key := newKey(f, 2048)
	genuine := []string{
		sign(f, key, `{"alg":"RS256","kid":"k"}`, `{}`),
		sign(f, key, `{"typ":"JWT","alg":"RS256","kid":"k","x5t":"k"}`, `{"tid":"t","aud":["a"],"exp":4102444800}`),
		sign(f, key, ` {"kid":"\u006b","nonce":"n","crit":["b64"],"b64":false}`, `[]`),
	}
	for _, token := range genuine {
		f.Add(token)
		f.Add(token + "=")
		f.Add(token[:len(token)-1])
		f.Add(strings.Replace(token, ".", "..", 1))
	}
	for _, seed := range []string{"a.b.c", "....", "e30.e30.", "eyJhbGciOm51bGx9.e30.AA", "eyJhbGciOiJSUzI1NiIsIkFMRyI6Im5vbmUifQ.e30.AA", `{"payload":""}`, "e30.e3\n0.AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := jose.ParseCompact(token)
		if err != nil {
			return
		}
		parts := strings.Split(token, ".")
		header, err := base64.RawURLEncoding.DecodeString(parts[0])
		if err != nil || len(parts) != 3 || b64(header) != parts[0] || b64([]byte(c.Unverified())) != parts[1] {
			t.Fatalf("%q passed, which has another spelling: %v", token, err)
		}
		var members map[string]any
		if err := json.Unmarshal(header, &members); err != nil {
			t.Fatalf("the header %q passed: %v", header, err)
		}
		text := func(name string) string {
			value, isText := members[name].(string)
			if _, there := members[name]; there != isText {
				t.Errorf("the header %q passed", header)
			}
			return value
		}
		_, critical := members["crit"]
		_, nonce := members["nonce"]
		if diff := cmp.Diff(jose.Header{Algorithm: text("alg"), KeyID: text("kid"), Type: text("typ"), Critical: critical, Nonce: nonce}, c.Header); diff != "" {
			t.Errorf("the header %q (-encoding/json +jose):\n%s", header, diff)
		}
		if payload, err := c.Verify(&key.PublicKey); (err == nil) != slices.Contains(genuine, token) || err == nil && payload != c.Unverified() {
			t.Errorf("Verify: %q, %v", payload, err)
		}
	})
}

// A key that is returned stands in the document, once, and is good for RS256
// signatures there too.
func FuzzParseKeySet(f *testing.F) {
	key := &newKey(f, 2048).PublicKey
	for _, changes := range []map[string]any{
		nil, {"use": "enc"}, {"alg": "RS512"}, {"alg": "RS256"}, {"issuer": 7}, {"kty": "EC"}, {"kid": 1}, {"n": nil}, {"e": "AA"}, {"d": "AQ"}, {"kid": ""}, {"Kid": "b"}, {"key_ops": []string{"encrypt"}},
	} {
		document, err := json.Marshal(map[string]any{"keys": []any{jwk(key, "a", changes), jwk(key, "b", nil)}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(document)
	}
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","k":"AA"},{},null,7]}`))
	f.Add([]byte(`{"keys":[]}`))
	f.Add([]byte(`{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		keys, err := jose.ParseKeySet(document)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		var listed struct{ Keys []json.RawMessage }
		_ = json.Unmarshal(document, &listed)
		ids := map[string]bool{}
		for _, k := range keys {
			if ids[k.ID] {
				t.Errorf("%q was returned twice", k.ID)
			}
			ids[k.ID] = true
			if !slices.ContainsFunc(listed.Keys, func(raw json.RawMessage) bool { return lists(raw, k) }) {
				t.Errorf("the key %+v was returned, which is not listed", k)
			}
		}
	})
}

// lists reports whether raw is the key k, and good for RS256 signatures.
func lists(raw json.RawMessage, k jose.Key) bool {
	var entry map[string]any
	if json.Unmarshal(raw, &entry) != nil {
		return false
	}
	absentOr := func(name, value string) bool { return entry[name] == nil || entry[name] == "" || entry[name] == value }
	modulus, _ := entry["n"].(string)
	n, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(modulus, "="))
	return entry["kid"] == k.ID && k.ID != "" && entry["kty"] == "RSA" && absentOr("use", "sig") && absentOr("alg", "RS256") && absentOr("issuer", k.Issuer) &&
		err == nil && k.Public.N.Cmp(new(big.Int).SetBytes(n)) == 0 && k.Public.N.BitLen() >= jose.MinRSABits
}
