package cloud

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// A jwt is a compact JWS taken apart. Nothing in it is true before verify.
type jwt struct {
	header, claims claimSet
	signed         string // what the signature is over
	signature      []byte
}

type claimSet map[string]any

var errBadJWT = errors.New("not a signed JWT in compact form")

func parseJWT(token string) (*jwt, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errBadJWT
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return nil, errBadJWT
	}
	t := &jwt{signed: parts[0] + "." + parts[1], signature: signature}
	for i, part := range []*claimSet{&t.header, &t.claims} {
		raw, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || json.Unmarshal(raw, part) != nil || *part == nil {
			return nil, errBadJWT
		}
	}
	if t.header.str("nonce") != "" {
		t.signed = protectedInput(t.header) + "." + parts[1]
	}
	return t, nil
}

// protectedInput is the encoded header that the signature of a token for
// Microsoft's own APIs is over: with a hash instead of the nonce, so that only
// they can verify it.
func protectedInput(header claimSet) string {
	hashed := claimSet{}
	for name, value := range header {
		hashed[name] = value
	}
	sum := sha256.Sum256([]byte(header.str("nonce")))
	hashed["nonce"] = base64.RawURLEncoding.EncodeToString(sum[:])
	return encodeJSON(hashed)
}

func encodeJSON(value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		panic("cloud: a token's header or claims are no JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// verify checks the signature, by one of the algorithms allowed.
func (t *jwt) verify(key *rsa.PublicKey, algorithms ...string) error {
	alg := t.header.str("alg")
	if !slices.Contains(algorithms, alg) {
		return errors.New("signature algorithm is not allowed")
	}
	sum := sha256.Sum256([]byte(t.signed))
	if alg == "PS256" {
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], t.signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature)
}

// validAt reports whether now lies within the token's lifetime, give or take
// five minutes before its start. A token without an end is not valid.
func (t *jwt) validAt(now time.Time) bool {
	exp, ok := t.claims.time("exp")
	if !ok || !now.Before(exp) {
		return false
	}
	nbf, ok := t.claims.time("nbf")
	return !ok || !now.Add(5*time.Minute).Before(nbf)
}

// str returns a claim if it is a string, else "".
func (c claimSet) str(name string) string {
	s, _ := c[name].(string)
	return s
}

func (c claimSet) time(name string) (time.Time, bool) {
	seconds, ok := c[name].(float64)
	return time.Unix(int64(seconds), 0), ok
}

// scopes returns the delegated permissions.
func (c claimSet) scopes() []string { return strings.Fields(c.str("scp")) }

// appOnly reports whether no user is behind the token.
func (c claimSet) appOnly() bool { return c.str("idtyp") == "app" || c.str("scp") == "" }

// steppedUp reports whether the user has done more than give a password: the
// token carries an authentication context (acrs) or says so in amr.
func (c claimSet) steppedUp() bool {
	if contexts, _ := c["acrs"].([]any); len(contexts) > 0 {
		return true
	}
	methods, _ := c["amr"].([]any)
	return slices.Contains(methods, any("mfa"))
}
