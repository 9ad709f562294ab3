package jose

import (
	"crypto/rsa"
	"errors"
	"fmt"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// MinRSABits is the size of the smallest RSA key that signatures are checked with
// (RFC 7518 section 3.3).
const MinRSABits = 2048

// A Key is a public key for RS256 signatures.
type Key struct {
	ID string
	// Issuer is the non-standard "issuer" member with which Microsoft Entra ID
	// says for which tenants a key may sign; empty if absent.
	Issuer string
	Public *rsa.PublicKey
}

// ErrNoKeys reports a key set without a single usable key.
var ErrNoKeys = errors.New("the key set has no usable RSA signing key")

// ParseKeySet returns the usable keys of a JWK set: RSA of at least [MinRSABits]
// with a key id, not meant for encryption, and for RS256 if an algorithm is named
// at all. Others are skipped, unparseable ones included, because a provider may
// add kinds of keys that this code has never heard of. Of two keys with one id
// neither is used. The error wraps [ErrNoKeys] if nothing is left.
func ParseKeySet(data []byte) ([]Key, error) {
	set, err := jwk.Parse(data, jwk.WithIgnoreParseError(true))
	if err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	seen := make(map[string]int, set.Len())
	for i := range set.Len() {
		key, _ := set.Key(i)
		seen[key.KeyID()]++
	}
	var keys []Key
	for i := range set.Len() {
		candidate, _ := set.Key(i)
		if key, ok := usable(candidate); ok && seen[key.ID] == 1 {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	return keys, nil
}

func usable(candidate jwk.Key) (Key, bool) {
	if candidate.KeyType() != jwa.RSA || candidate.KeyID() == "" {
		return Key{}, false
	}
	if use := candidate.KeyUsage(); use != "" && use != string(jwk.ForSignature) {
		return Key{}, false
	}
	if alg := candidate.Algorithm().String(); alg != "" && alg != jwa.RS256.String() {
		return Key{}, false
	}
	public, err := candidate.PublicKey()
	if err != nil {
		return Key{}, false
	}
	var raw rsa.PublicKey
	if err := public.Raw(&raw); err != nil || raw.N.BitLen() < MinRSABits {
		return Key{}, false
	}
	issuer := ""
	if value, ok := candidate.Get("issuer"); ok {
		// Something other than a string must not count as "no restriction".
		if issuer, ok = value.(string); !ok || issuer == "" {
			return Key{}, false
		}
	}
	return Key{ID: candidate.KeyID(), Issuer: issuer, Public: &raw}, true
}
