package graphmap

import (
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// challengeHeader is where challenges are found: guard moves them out of the
// sight of kiota.
const (
	challengeHeader       = "Www-Authenticate"
	hiddenChallengeHeader = "X-Graphmap-Www-Authenticate"
)

// claims returns the JSON text of the claims challenge in an answer, "" if there
// is none. Continuous access evaluation sends it with 401, and Conditional Access
// with 401 or 403.
func (r response) claims() string {
	if r.status != http.StatusUnauthorized && r.status != http.StatusForbidden {
		return ""
	}
	for _, name := range []string{challengeHeader, hiddenChallengeHeader} {
		for _, challenge := range r.header.Values(name) {
			if claims := decodeClaims(challengeParameter(challenge, "claims")); claims != "" {
				return claims
			}
		}
	}
	return ""
}

// challengeParameter returns the named parameter of a WWW-Authenticate header
// (RFC 9110, section 11.6.1), "" if it is not there. It also reads values that
// should be quoted and are not.
func challengeParameter(header, name string) string {
	for rest := header; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			return ""
		}
		end := strings.IndexAny(rest, " \t,=\"")
		if end < 0 {
			return ""
		}
		token := rest[:end]
		rest = strings.TrimLeft(rest[end:], " \t")
		if after, isParameter := strings.CutPrefix(rest, "="); isParameter {
			var value string
			value, rest = challengeValue(strings.TrimLeft(after, " \t"))
			if strings.EqualFold(token, name) {
				return value
			}
		} else if strings.HasPrefix(rest, `"`) { // a value without a name: skip it
			_, rest = challengeValue(rest)
		}
	}
}

// challengeValue splits s after the value that it begins with.
func challengeValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, " \t,")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:]
		case '\\':
			if i++; i == len(s) {
				return "", ""
			}
		}
		b.WriteByte(s[i])
	}
	return "", "" // no closing quote
}

// decodeClaims returns the JSON object that encoded holds in base64, of the
// standard or the URL alphabet, padded or not, without white space; "" if it holds
// none that can be passed on.
func decodeClaims(encoded string) string {
	if len(encoded) > base64.StdEncoding.EncodedLen(httpx.MaxClaims) {
		return ""
	}
	encoded = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(encoded, "="))
	decoded, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return ""
	}
	claims, _ := httpx.CompactClaims(string(decoded))
	return claims
}
