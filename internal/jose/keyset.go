package jose

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
	var texts []json.RawMessage
	err := EachMember(string(data), func(name, value string) error {
		if name != "keys" {
			return nil
		}
		return json.Unmarshal([]byte(value), &texts)
	})
	if err != nil {
		return nil, fmt.Errorf("not a JSON Web Key Set: %w", err)
	}
	entries := make([]entry, len(texts))
	seen := make(map[string]int, len(texts))
	for i, text := range texts {
		entries[i] = parseEntry(string(text))
		seen[entries[i].keyID]++
	}
	var keys []Key
	for i, e := range entries {
		if !e.usable || seen[e.keyID] > 1 {
			continue
		}
		if public, ok := parsePublic(texts[i]); ok {
			keys = append(keys, Key{ID: strings.Clone(e.keyID), Issuer: strings.Clone(e.issuer), Public: public})
		}
	}
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	return keys, nil
}

// An entry is what a key set says about a key, apart from its numbers.
type entry struct {
	keyID  string
	issuer string
	usable bool // for RS256 signatures
}

// parseEntry reads the members by their exact names, which jwx does not.
func parseEntry(text string) entry {
	var e entry
	var keyType, use, algorithm string
	err := EachMember(text, func(name, value string) (err error) {
		switch name {
		case "kid":
			e.keyID, err = Text(value)
		case "kty":
			keyType, err = Text(value)
		case "use":
			use, err = Text(value)
		case "alg":
			algorithm, err = Text(value)
		case "issuer":
			// An issuer that is none must not count as "no restriction".
			if e.issuer, err = Text(value); err == nil && e.issuer == "" {
				err = errors.New("an empty issuer")
			}
		}
		return err
	})
	e.usable = err == nil && e.keyID != "" && keyType == jwa.RSA.String() &&
		(use == "" || use == string(jwk.ForSignature)) && (algorithm == "" || algorithm == jwa.RS256.String())
	return e
}

// parsePublic returns the public part of an RSA key, if it is large enough.
func parsePublic(text []byte) (*rsa.PublicKey, bool) {
	key, err := jwk.ParseKey(text)
	if err != nil {
		return nil, false
	}
	if key, err = key.PublicKey(); err != nil {
		return nil, false
	}
	var public rsa.PublicKey
	if err := key.Raw(&public); err != nil || public.N.BitLen() < MinRSABits {
		return nil, false
	}
	return &public, true
}
