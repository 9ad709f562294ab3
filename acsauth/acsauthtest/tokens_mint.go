package acsauthtest

import (
	"encoding/base64"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

const (
	// otherID is a GUID that means nothing to anybody.
	otherID = "99999999-9999-4999-8999-999999999999"
	// maxToken is the longest access token that is accepted.
	maxToken = 16 << 10
)

// A mint makes the tokens of one user.
type mint struct {
	*Cloud
	entra *cloud.Entra
	user  cloud.User
	now   time.Time
	// A good token: the whole, its parts, and the JSON of its first two parts.
	token                 string
	parts                 []string
	headerJSON, claimJSON string
}

func (c *Cloud) newMint(u User) *mint {
	m := &mint{Cloud: c, entra: c.cloud.Entra, user: u.entra(), now: time.Now()}
	m.token = m.with(cloud.TokenOptions{})
	m.parts = strings.Split(m.token, ".")
	m.headerJSON, m.claimJSON = unencoded(m.parts[0]), unencoded(m.parts[1])
	return m
}

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func unencoded(part string) string {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		panic("acsauthtest: the cloud makes tokens that are no tokens: " + err.Error())
	}
	return string(text)
}

// with returns a token that is good but for the options.
func (m *mint) with(o cloud.TokenOptions) string { return m.entra.UserToken(m.user, o) }

// claim returns a token that is good but for a claim, which nil removes.
func (m *mint) claim(name string, value any) string {
	return m.with(cloud.TokenOptions{Claims: map[string]any{name: value}})
}

// v1 is claim for a v1.0 token.
func (m *mint) v1(name string, value any) string {
	return m.with(cloud.TokenOptions{Version: 1, Claims: map[string]any{name: value}})
}

// head returns a token that is good but for a member of its header.
func (m *mint) head(name string, value any) string {
	return m.with(cloud.TokenOptions{Header: map[string]any{name: value}})
}

// seconds returns a date as tokens have it.
func (m *mint) seconds(fromNow time.Duration) int64 { return m.now.Add(fromNow).Unix() }

// signed returns a token of any header and payload, with a genuine signature.
func (m *mint) signed(header, payload string) string {
	return m.seal(encoded(header) + "." + encoded(payload))
}

// seal adds a genuine signature to the first two parts of a token.
func (m *mint) seal(input string) string {
	return input + "." + m.entra.Sign(input, cloud.KeyCurrent, "")
}

// payload returns a token of the usual header and any payload, genuinely signed.
func (m *mint) payload(text string) string { return m.signed(m.headerJSON, text) }

// header returns a token of any header and the usual payload, genuinely signed.
func (m *mint) header(text string) string { return m.signed(text, m.claimJSON) }

// rawClaim is claim with a value that is JSON, or nearly so.
func (m *mint) rawClaim(name, value string) string {
	without := unencoded(strings.Split(m.claim(name, nil), ".")[1])
	return m.payload(more(without, `"`+name+`":`+value))
}

// more adds members to the text of an object.
func more(object, members string) string {
	return strings.TrimSuffix(object, "}") + "," + members + "}"
}

// ofLength returns a token that is good but for its length, and at most three
// characters shorter than asked for.
func (m *mint) ofLength(length int) string {
	missing := length - len(m.claim("filler", ""))
	return m.claim("filler", strings.Repeat("x", missing*3/4))
}

// admitted is a token that must get through.
func admitted(name, why, token string) TokenCase {
	return TokenCase{Name: name, Why: why, Authorization: []string{"Bearer " + token}}
}

// refused is a token that must not get through.
func refused(status int, code, name, why, token string) TokenCase {
	return TokenCase{Name: name, Why: why, Authorization: []string{"Bearer " + token}, Status: status, Error: code}
}

// invalid is a token that nobody should believe.
func invalid(name, why, token string) TokenCase {
	return refused(401, "invalid_token", name, why, token)
}
