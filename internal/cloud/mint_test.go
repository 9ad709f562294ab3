package cloud_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A token that is put together by hand is as genuine as a minted one.
func TestSign(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
	dot := strings.LastIndex(token, ".")
	if got := c.Entra.Sign(token[:dot], cloud.KeyCurrent, ""); got != token[dot+1:] {
		t.Errorf("signed %s, minted %s", got, token[dot+1:])
	}
	if got := c.Entra.Sign(token[:dot], cloud.KeyUnlisted, "RS256"); got == token[dot+1:] {
		t.Error("two keys sign alike")
	}
	for alg, size := range map[string]int{"none": 0, "HS256": 32, "ES256": 64, "RS256": 256, "PS256": 256} {
		signature, err := base64.RawURLEncoding.DecodeString(c.Entra.Sign("not even JSON", cloud.KeyCurrent, alg))
		if err != nil || len(signature) != size {
			t.Errorf("%s: %d bytes, %v; want %d", alg, len(signature), err, size)
		}
	}
}

// Entra shows keys that it does not list, to those who ask for them by name.
func TestJWK(t *testing.T) {
	t.Parallel()
	c := start(t, cloud.Config{InProcess: true})
	u := c.Entra.AddUser(cloud.User{})
	for _, key := range []string{cloud.KeyCurrent, cloud.KeyMSA, cloud.KeyUnlisted, c.Entra.RotateKey()} {
		jwk := c.Entra.JWK(key)
		if !verifies(t, []map[string]any{jwk}, c.Entra.UserToken(u, cloud.TokenOptions{Key: key})) {
			t.Errorf("%q: its key does not verify its token", key)
		}
		if jwk["kty"] != "RSA" || jwk["x5t"] != jwk["kid"] || jwk["issuer"] != nil {
			t.Errorf("%q: %v", key, jwk)
		}
	}
}
