package cloud

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxTokens bounds how many tokens of one identity are remembered for
// [Resource.TokenValid].
const maxTokens = 4096

// An accessToken is a token for an identity. Only its hash is remembered.
type accessToken struct {
	text     string // "" once remembered
	hash     [sha256.Size]byte
	issued   time.Time
	expires  time.Time
	signedBy int // see acsCall
}

// acsClaims is the payload of an ACS token, in the order of the real ones. It
// has neither iss nor aud: nobody but ACS may verify it.
type acsClaims struct {
	SkypeID          string `json:"skypeid"`
	Scope            int    `json:"scp"` // a bit mask of unknown meaning
	CSI              string `json:"csi"`
	Expires          int64  `json:"exp"`
	Region           string `json:"rgn"`
	ACSScope         string `json:"acsScope"`
	ResourceID       string `json:"resourceId"`
	ResourceLocation string `json:"resourceLocation"`
	IssuedAt         int64  `json:"iat"`
}

// newToken makes a token. It takes a millisecond, so nobody should hold a lock
// meanwhile.
func (r *Resource) newToken(id string, scopes []string, lifetime time.Duration, signedBy int) *accessToken {
	now := r.acs.cloud.now()
	t := &accessToken{issued: now, expires: now.Add(lifetime), signedBy: signedBy}
	t.text = r.signToken(id, scopes, t.expires)
	t.hash = sha256.Sum256([]byte(t.text))
	return t
}

// signToken makes the text of a token.
func (r *Resource) signToken(id string, scopes []string, expires time.Time) string {
	key := pooledKey(poolACS)
	thumbprint, _ := base64.RawURLEncoding.DecodeString(key.x5t) // made by newSigningKey
	now := r.acs.cloud.now()
	signed := encodeJSON(map[string]string{
		"alg": "RS256", "typ": "JWT", "x5t": key.x5t, "kid": strings.ToUpper(hex.EncodeToString(thumbprint)),
	}) + "." + encodeJSON(acsClaims{
		SkypeID:          strings.TrimPrefix(id, "8:"),
		Scope:            1792,
		CSI:              strconv.FormatInt(now.Unix(), 10),
		Expires:          expires.Unix(),
		Region:           "amer",
		ACSScope:         strings.Join(scopes, ","),
		ResourceID:       r.id,
		ResourceLocation: "unitedstates",
		IssuedAt:         now.Unix(),
	})
	signature, err := key.sign("RS256", signed)
	if err != nil {
		panic("cloud: " + err.Error()) // RS256 always works
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// remember counts t as a token of id. The caller holds Resource.mu.
func (id *identity) remember(t *accessToken) {
	id.Issued++
	if len(id.tokens) >= maxTokens {
		id.tokens = slices.DeleteFunc(id.tokens, func(old *accessToken) bool { return !t.issued.Before(old.expires) })
	}
	if len(id.tokens) >= maxTokens {
		id.tokens = slices.Delete(id.tokens, 0, maxTokens/2)
	}
	kept := *t
	kept.text = ""
	id.tokens = append(id.tokens, &kept)
}

func (t *accessToken) body() map[string]any { return tokenBody(t.text, t.expires) }

// tokenBody is an access token as ACS writes it, with seven decimals of the
// second.
func tokenBody(token string, expires time.Time) map[string]any {
	return map[string]any{"token": token, "expiresOn": expires.UTC().Format("2006-01-02T15:04:05.0000000+00:00")}
}

// TokenValid reports whether an access token of one of the resource's
// identities is good: issued, and neither expired nor revoked, with its identity
// and its access key still there. (The real service may take 15 minutes to
// apply a revocation.) Tokens with the same scopes that an identity gets within
// one second are equal, so that one revoked may be good again.
func (r *Resource) TokenValid(token string) bool {
	hash, now := sha256.Sum256([]byte(token)), r.acs.cloud.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range r.identities {
		for _, t := range id.tokens {
			if t.hash == hash {
				return now.Before(t.expires)
			}
		}
	}
	return false
}
