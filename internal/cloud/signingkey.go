package cloud

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" // names keys, as Entra does; nothing relies on its strength
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// A signingKey is an RSA key with the self-signed certificate that names it.
type signingKey struct {
	private *rsa.PrivateKey
	cert    []byte // DER
	x5t     string // base64url of the certificate's SHA-1
}

// keyPool holds the keys of all clouds of this process: making an RSA key takes
// longer than most tests. It is no setting: nothing depends on its content but
// time. Which cloud uses which key is a matter of position only.
var keyPool struct {
	sync.Mutex
	keys []*signingKey
}

// Positions in the pool. Rotation takes the positions from poolRotated on.
const (
	poolEntra = iota
	poolMSA
	poolUnlisted
	poolACS
	poolRotated
)

// pooledKey returns the key at a position, and makes it if nobody has before.
func pooledKey(position int) *signingKey {
	keyPool.Lock()
	defer keyPool.Unlock()
	for len(keyPool.keys) <= position {
		keyPool.keys = append(keyPool.keys, nil)
	}
	if keyPool.keys[position] == nil {
		keyPool.keys[position] = newSigningKey()
	}
	return keyPool.keys[position]
}

func newSigningKey() *signingKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("cloud: " + err.Error()) // crypto/rand never fails
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "accounts.accesscontrol.embedded"},
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), // any clock of any test
		NotAfter:     time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		panic("cloud: " + err.Error())
	}
	thumbprint := sha1.Sum(cert)
	return &signingKey{private: private, cert: cert, x5t: base64.RawURLEncoding.EncodeToString(thumbprint[:])}
}

// sign signs data by a JWS algorithm (RFC 7518 section 3). HS256 uses the PEM of
// the public key as the secret, which is the classic attack on verifiers that
// believe the header; "none" signs nothing.
func (k *signingKey) sign(alg, data string) ([]byte, error) {
	hash, ok := map[string]crypto.Hash{
		"RS256": crypto.SHA256, "RS384": crypto.SHA384, "RS512": crypto.SHA512, "PS256": crypto.SHA256,
	}[alg]
	switch {
	case alg == "none":
		return nil, nil
	case alg == "HS256":
		mac := hmac.New(sha256.New, k.publicPEM())
		mac.Write([]byte(data))
		return mac.Sum(nil), nil
	case alg == "ES256":
		return signES256(data)
	case !ok:
		return nil, fmt.Errorf("cloud: cannot sign with alg %q; use RS256, RS384, RS512, PS256, ES256, HS256 or none", alg)
	}
	h := hash.New()
	h.Write([]byte(data))
	if alg == "PS256" {
		return rsa.SignPSS(rand.Reader, k.private, hash, h.Sum(nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}
	return rsa.SignPKCS1v15(nil, k.private, hash, h.Sum(nil))
}

// signES256 signs data with a key that nobody has seen before or will see again.
func signES256(data string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(data))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return nil, err
	}
	return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
}

func (k *signingKey) publicPEM() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.private.Public())
	if err != nil {
		panic("cloud: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// jwk is the key as Entra lists it: with the certificate and the issuer it
// signs for, without alg.
func (k *signingKey) jwk(issuer string) map[string]any {
	listed := map[string]any{
		"kty": "RSA",
		"use": "sig",
		"kid": k.x5t,
		"x5t": k.x5t,
		"n":   base64.RawURLEncoding.EncodeToString(k.private.N.Bytes()),
		"e":   "AQAB",
		"x5c": []string{base64.StdEncoding.EncodeToString(k.cert)},
	}
	if issuer != "" {
		listed["issuer"] = issuer
	}
	return listed
}
