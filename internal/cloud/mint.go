package cloud

import (
	"encoding/base64"
	"maps"
)

// What signs a [TokenSpec]: one of these, or the kid of a key that
// [Entra.RotateKey] or [Entra.KeyID] returned.
const (
	KeyCurrent  = ""         // the key that signs now
	KeyMSA      = "msa"      // the key of personal accounts, listed with an issuer of its own
	KeyUnlisted = "unlisted" // a key that Entra has never listed
)

// A TokenSpec is a token down to its last member.
type TokenSpec struct {
	// Header is laid over typ "JWT", alg and kid; Claims is all of the payload.
	// A nil value removes the member. With a nonce in the header the token is
	// one that only Microsoft's own APIs can verify, as those for Graph are.
	Header, Claims map[string]any
	// Key says which key signs. Default: [KeyCurrent].
	Key string
	// Alg is RS256 (default), RS384, RS512, PS256, ES256 (with a key of that kind
	// made up for the token, as Entra has none), HS256 (with the PEM of the public
	// key as the secret) or none.
	Alg string
}

// Mint makes a token, good or bad. It panics if spec names a key or algorithm
// that does not exist, or values that are no JSON.
func (e *Entra) Mint(spec TokenSpec) string {
	alg := orDefault(spec.Alg, "RS256")
	header := claimSet(overlay(map[string]any{"typ": "JWT", "alg": alg, "kid": e.namedKey(spec.Key).x5t}, spec.Header))
	payload := "." + encodeJSON(overlay(nil, spec.Claims))
	signed := encodeJSON(header) + payload
	toSign := signed
	if header.str("nonce") != "" {
		toSign = protectedInput(header) + payload
	}
	return signed + "." + e.Sign(toSign, spec.Key, alg)
}

// Sign returns the third part of a token of which input is the other two, for
// tokens that [Entra.Mint] cannot make because they are no JSON, or not encoded as
// they should be. Key and alg are as in [TokenSpec].
func (e *Entra) Sign(input, key, alg string) string {
	signature, err := e.namedKey(key).sign(orDefault(alg, "RS256"), input)
	if err != nil {
		panic(err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(signature)
}

func (e *Entra) namedKey(name string) *signingKey {
	switch name {
	case KeyCurrent:
		return e.currentKey()
	case KeyMSA:
		return pooledKey(poolMSA)
	case KeyUnlisted:
		return pooledKey(poolUnlisted)
	}
	var key *signingKey
	e.changeKey(name, func(k *listedKey) { key = k.signingKey })
	return key
}

// overlay returns base with the members of changes, those with a nil value
// removed.
func overlay(base, changes map[string]any) map[string]any {
	merged := maps.Clone(base)
	if merged == nil {
		merged = make(map[string]any)
	}
	for name, value := range changes {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = value
		}
	}
	return merged
}
