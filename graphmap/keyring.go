package graphmap

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// A keyring signs mappings with its first key and verifies them with all.
// It is used through a pointer only, so that printing a Mapper shows an address
// instead of keys. A nil keyring has no keys.
type keyring struct {
	keys []signingKey
}

type signingKey struct {
	id     string // public: it tells keys apart within signatures
	secret []byte
}

func newKeyring(secrets [][]byte) *keyring {
	if len(secrets) == 0 {
		return nil
	}
	ring := &keyring{}
	for _, secret := range secrets {
		sum := sha256.Sum256(secret)
		ring.keys = append(ring.keys, signingKey{id: hex.EncodeToString(sum[:4]), secret: slices.Clone(secret)})
	}
	return ring
}

// CheckKeys reports what [New] would report about keys, and that there are none: so
// that Config.CurrentKeys can stay with those that it has, and programs can look at
// their settings one by one.
func CheckKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return errors.New("graphmap: there are no Keys")
	}
	var mistakes []error
	checkKeys(keys, func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("graphmap: "+format, args...))
	})
	return errors.Join(mistakes...)
}

// currentKeyring is newKeyring for keys that nobody has checked yet.
func currentKeyring(secrets [][]byte) (*keyring, error) {
	if err := CheckKeys(secrets); err != nil {
		return nil, unusableKeys{err}
	}
	return newKeyring(secrets), nil
}

// unusableKeys is the [acsauth.Failure] for what Config.CurrentKeys returned.
type unusableKeys struct{ cause error }

func (e unusableKeys) Error() string {
	return "Config.CurrentKeys returned keys of no use: " + e.cause.Error()
}
func (unusableKeys) FailureKind() string { return httpx.KindMisconfigured }

// sign returns what ties acsID to u: "v1", the key's id, and the signature,
// joined by dots.
func (k *keyring) sign(u acsauth.User, acsID string) string {
	return k.keys[0].sign(u, acsID)
}

// verify reports whether one of the keys made signature for u and acsID, and
// whether it was another key than the first.
//
// It makes the signature again instead of taking the stored one apart, so that
// there is one spelling of each and nothing in a stranger's text to parse.
func (k *keyring) verify(u acsauth.User, acsID, signature string) (old, ok bool) {
	for i, key := range k.keys {
		if subtle.ConstantTimeCompare([]byte(key.sign(u, acsID)), []byte(signature)) == 1 {
			return i > 0, true
		}
	}
	return false, false
}

func (key signingKey) sign(u acsauth.User, acsID string) string {
	// No part can hold a newline (see begin and wellFormed), so that no two
	// mappings have the same text.
	text := strings.Join([]string{"acs-mapping/v1", strings.ToLower(u.TenantID), strings.ToLower(u.ObjectID), acsID}, "\n")
	mac := hmac.New(sha256.New, key.secret)
	mac.Write([]byte(text))
	return "v1." + key.id + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
