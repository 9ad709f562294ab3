package cloud

import "net/http"

// keySet is the JSON Web Key Set. The v2.0 set names the issuer that each key
// signs for. It holds two entries that a careful client must not use for the
// tokens of an organisation: the key of personal accounts, and a key of a type
// that nobody knows yet.
func (e *Entra) keySet(x *exchange, tenant string, v2 bool) answer {
	id, ok := e.tenant(tenant)
	if !ok {
		return e.refuse(x, codeUnknownTenant, "")
	}
	issuer, msaIssuer := "", ""
	if v2 {
		issuer, msaIssuer = e.V2Issuer(orDefault(id, "{tenantid}")), e.V2Issuer(MSATenantID)
	}
	list := []any{map[string]any{"kty": "AKP", "use": "sig", "kid": "post-quantum", "alg": "ML-DSA-65", "pub": "AQAB"}}
	e.mu.Lock()
	for _, k := range e.keys {
		if k.flaps {
			k.seen++
		}
		if k.listed && k.seen%2 == 0 {
			list = append(list, k.jwk(issuer))
		}
	}
	e.mu.Unlock()
	list = append(list, pooledKey(poolMSA).jwk(msaIssuer))
	return jsonAnswer(http.StatusOK, map[string]any{"keys": list}).with("Cache-Control", "max-age=86400, private")
}

// RotateKey makes a new signing key, lists it, signs with it from now on, and
// returns its kid. The former keys stay listed.
func (e *Entra) RotateKey() (kid string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	k := pooledKey(poolRotated + e.rotations)
	e.rotations++
	e.keys = append(e.keys, &listedKey{signingKey: k, listed: true})
	return k.x5t
}

// JWK returns the public key that a [TokenSpec] calls key, as a member of a key set
// that names no issuer.
func (e *Entra) JWK(key string) map[string]any { return e.namedKey(key).jwk("") }

// KeyID returns the kid of the key that signs.
func (e *Entra) KeyID() string { return e.currentKey().x5t }

// ListKey lists a key in the key sets, or takes it off. It signs, if it did,
// all the same. It panics if there is no such key.
func (e *Entra) ListKey(kid string, listed bool) {
	e.changeKey(kid, func(k *listedKey) { k.listed = listed })
}

// FlapKey leaves a key out of every other key set from the next on, or stops
// doing so: Microsoft's front ends have been seen to disagree for hours. It
// panics if there is no such key.
func (e *Entra) FlapKey(kid string, flap bool) {
	e.changeKey(kid, func(k *listedKey) { k.flaps, k.seen = flap, 0 })
}

func (e *Entra) changeKey(kid string, change func(*listedKey)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range e.keys {
		if k.x5t == kid {
			change(k)
			return
		}
	}
	panic("cloud: Entra has no signing key " + kid)
}

func (e *Entra) currentKey() *signingKey {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.keys[len(e.keys)-1].signingKey
}

// genuine reports whether t was signed by a key of this Entra for organisations
// and names the issuer of its tenant: what Entra, Graph and ACS all ask first.
func (e *Entra) genuine(t *jwt) bool {
	tid := t.claims.str("tid")
	iss := t.claims.str("iss")
	if !isGUID(tid) || iss != e.V1Issuer(tid) && iss != e.V2Issuer(tid) {
		return false
	}
	e.mu.Lock()
	keys := e.keys
	e.mu.Unlock()
	for _, k := range keys {
		if k.x5t == t.header.str("kid") {
			return t.verify(&k.private.PublicKey, "RS256") == nil
		}
	}
	return false
}
