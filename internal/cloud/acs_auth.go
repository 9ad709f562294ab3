package cloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// What ACS says of requests that it cannot attribute.
const (
	denied          = "Denied by the resource provider."
	deniedBodyHash  = "Request 'x-ms-content-sha256' differs from generated content hash."
	maxSkew         = 5 * time.Minute // not documented for identities; other parts of ACS allow as much
	signatureScheme = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
)

// authenticate returns what is wrong with the credentials of x, or "", and the
// generation of the access key that signed it, 0 for an Entra token.
func (r *Resource) authenticate(x *exchange) (generation int, problem string) {
	if token, ok := bearer(x.Request); ok {
		return 0, r.checkToken(token)
	}
	return r.checkSignature(x)
}

// checkToken accepts the tokens of the apps and managed identities of the home
// tenant that have a role on the resource.
func (r *Resource) checkToken(token string) (problem string) {
	entra := r.acs.cloud.Entra
	t, err := parseJWT(token)
	if err != nil || !entra.genuine(t) || !t.validAt(r.acs.cloud.now()) || !t.claims.appOnly() ||
		t.claims.str("aud") != acsAudience || t.claims.str("tid") != r.acs.cloud.TenantID {
		return denied
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.roles[t.claims.str("appid")+t.claims.str("azp")] {
		return denied
	}
	return ""
}

// checkSignature checks the signature by an access key, over the verb, the
// request target as received, the date, the host and the hash of the body. A
// signature over the plain Date header, which SDKs used before 2021, is refused.
func (r *Resource) checkSignature(x *exchange) (generation int, problem string) {
	stamp, hash := x.Header.Get("x-ms-date"), x.Header.Get("x-ms-content-sha256")
	signature, ok := strings.CutPrefix(x.Header.Get("Authorization"), signatureScheme)
	at, err := time.Parse(http.TimeFormat, stamp)
	if !ok || err != nil || at.Sub(r.acs.cloud.now()).Abs() > maxSkew {
		return 0, denied
	}
	got, err := base64.StdEncoding.Strict().DecodeString(signature)
	if err != nil {
		return 0, denied
	}
	toSign := x.Method + "\n" + x.RequestURI + "\n" + stamp + ";" + x.Host + ";" + hash
	r.mu.Lock()
	keys := r.keys
	r.mu.Unlock()
	for _, key := range keys {
		mac := hmac.New(sha256.New, key.secret)
		mac.Write([]byte(toSign))
		if hmac.Equal(mac.Sum(nil), got) {
			generation = key.generation
		}
	}
	if generation == 0 {
		return 0, denied
	}
	if sum := sha256.Sum256(x.raw); hash != base64.StdEncoding.EncodeToString(sum[:]) {
		return 0, deniedBodyHash
	}
	return generation, ""
}
