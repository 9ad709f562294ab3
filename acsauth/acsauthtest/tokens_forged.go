package acsauthtest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// badHeaders are Authorization headers that hold no token, or more than one.
func (m *mint) badHeaders() []TokenCase {
	header := func(status int, code, name, why string, values ...string) TokenCase {
		return TokenCase{Name: name, Why: why, Authorization: values, Status: status, Error: code}
	}
	missing := func(name string, values ...string) TokenCase {
		const why = "no bearer token was sent: the challenge names no error (RFC 6750 section 3.1)"
		return header(http.StatusUnauthorized, "missing_token", name, why, values...)
	}
	malformed := func(name, why string, values ...string) TokenCase {
		return header(http.StatusBadRequest, "invalid_request", name, why, values...)
	}
	const alone = "Bearer is followed by exactly one token (RFC 6750 section 2.1)"
	good := "Bearer " + m.token
	return []TokenCase{
		missing("no header"),
		missing("an empty header", ""),
		missing("another scheme", "Basic dXNlcjpwYXNzd29yZA=="),
		missing("the scheme of DPoP", "DPoP "+m.token),
		missing("no scheme", m.token),
		missing("no space after the scheme", "Bearer"+m.token),
		missing("a tab after the scheme", "Bearer\t"+m.token),
		malformed("no token after the scheme", alone, "Bearer"),
		malformed("only spaces after the scheme", alone, "Bearer   "),
		malformed("two tokens", alone, good+" "+m.token),
		malformed("two tokens in a list", alone, good+", "+good),
		malformed("the scheme twice", alone, "Bearer "+good),
		malformed("a parameter after the token", alone, good+`, realm="acs"`),
		malformed("a token in quotes", alone, `Bearer "`+m.token+`"`),
		malformed("white space in the token", alone, "Bearer "+m.parts[0]+". "+m.parts[1]+"."+m.parts[2]),
		malformed("characters that no token has", alone, "Bearer "+m.token+"%00"),
		malformed("characters that are no ASCII", alone, "Bearer "+m.token+"\u00e9"),
		malformed("two tokens, together longer than 16 KiB", alone, "Bearer "+m.token+" "+strings.Repeat("x", maxToken)),
		malformed("two headers", "one server may read the first, another the last", good, "Bearer "+m.claim("uti", nil)),
		malformed("the same header twice", "there is exactly one", good, good),
		malformed("two headers of which one is no token", "there is exactly one", "Basic dXNlcjpwYXNzd29yZA==", good),
		malformed("flattened JSON serialisation", "only the compact form is a bearer token", "Bearer "+
			`{"payload":"`+m.parts[1]+`","protected":"`+m.parts[0]+`","signature":"`+m.parts[2]+`"}`),
		malformed("general JSON serialisation", "only the compact form is a bearer token", "Bearer "+
			`{"payload":"`+m.parts[1]+`","signatures":[{"protected":"`+m.parts[0]+`","signature":"`+m.parts[2]+`"}]}`),
		malformed("the answer that the token came in", "only the token is a bearer token", `Bearer {"token_type":"Bearer","access_token":"`+m.token+`"}`),
	}
}

// malformed are genuinely signed, but no compact JWS of a JSON object.
func (m *mint) malformed() []TokenCase {
	const (
		compact  = "three parts, each in base64url without padding (RFC 7515 section 7.1): a token has one spelling only"
		within   = "no bearer token has an equals sign but at its end (RFC 6750 section 2.1)"
		object   = "header and payload are JSON objects (RFC 7515 section 4, RFC 7519 section 3)"
		complete = "nothing stands before or after the object: parsers disagree about it"
		valid    = "JSON is what RFC 8259 says, in UTF-8"
		bounded  = "what takes long to read is not read"
	)
	return []TokenCase{
		invalid("opaque", compact, "not-a-token"),
		invalid("a refresh token", compact, "1.AXEA"+strings.Repeat("aB3-", 100)),
		invalid("two parts", compact, m.parts[0]+"."+m.parts[1]),
		invalid("four parts", compact, m.token+"."+m.parts[2]),
		invalid("encrypted (five parts)", "an API that cannot decrypt says so", m.token+".a.b"),
		invalid("a dot in front", compact, "."+m.token),
		invalid("a dot behind", compact, m.token+"."),
		refused(http.StatusBadRequest, "invalid_request", "a padded JOSE header", within, m.seal(padded(m.headerJSON)+"."+m.parts[1])),
		refused(http.StatusBadRequest, "invalid_request", "a padded payload", within, m.seal(m.parts[0]+"."+padded(m.claimJSON))),
		invalid("a padded signature", compact, m.token+"=="),
		invalid("a payload in the alphabet of base64", compact, m.seal(m.parts[0]+"."+otherAlphabet(m.claimJSON))),
		invalid("another spelling of the signature", compact, m.token[:len(m.token)-1]+nextLetter(m.token[len(m.token)-1])),
		invalid("no JOSE header", object, m.seal("."+m.parts[1])),
		invalid("an empty JOSE header", object, m.header("{}")),
		invalid("an array as the JOSE header", object, m.header("["+m.headerJSON+"]")),
		invalid("null as the JOSE header", object, m.header("null")),
		invalid("something behind the JOSE header", complete, m.header(m.headerJSON+"{}")),
		invalid("no payload", object, m.seal(m.parts[0]+".")),
		invalid("an empty payload", "a token without claims says nothing", m.payload("{}")),
		invalid("an array as the payload", object, m.payload("["+m.claimJSON+"]")),
		invalid("a text as the payload", object, m.payload(`"`+m.user.ObjectID+`"`)),
		invalid("null as the payload", object, m.payload("null")),
		invalid("a token as the payload", "tokens are not nested (cty)", m.signed(more(m.headerJSON, `"cty":"JWT"`), m.token)),
		invalid("a word behind the payload", complete, m.payload(m.claimJSON+"x")),
		invalid("another object behind the payload", complete, m.payload(m.claimJSON+m.claimJSON)),
		invalid("a NUL behind the payload", complete, m.payload(m.claimJSON+"\x00")),
		invalid("a byte order mark", complete, m.payload("\ufeff"+m.claimJSON)),
		invalid("a payload in UTF-16", valid, m.payload(strings.Join(strings.Split(m.claimJSON, ""), "\x00")+"\x00")),
		invalid("bytes that are no UTF-8", valid, m.payload(more(m.claimJSON, "\"x\":\"\xff\""))),
		invalid("a name that is no UTF-8", valid, m.payload(more(m.claimJSON, "\"ti\xe4\":0"))),
		invalid("a raw line break in a text", valid, m.payload(more(m.claimJSON, "\"x\":\"\n\""))),
		invalid("a trailing comma", valid, m.payload(more(m.claimJSON, ""))),
		invalid("a comment", valid, m.payload(more(m.claimJSON, `"x":0/**/`))),
		invalid("names without quotes", valid, m.payload(more(m.claimJSON, `x:0`))),
		invalid("a number with a leading zero", valid, m.payload(more(m.claimJSON, `"x":01`))),
		invalid("not a number", valid, m.payload(more(m.claimJSON, `"x":NaN`))),
		invalid("nested too deeply", bounded, m.payload(more(m.claimJSON, `"x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)))),
		invalid("too many claims", bounded, m.payload(more(m.claimJSON, manyMembers(300)))),
		invalid("longer than 16 KiB", bounded, m.ofLength(maxToken+4)),
	}
}

// padded encodes an object so that padding is needed, and there.
func padded(object string) string {
	if len(object)%3 == 0 {
		object += " "
	}
	return base64.URLEncoding.EncodeToString([]byte(object))
}

// otherAlphabet encodes an object in base64, where "~~~" is "fn5+" and not "fn5-".
func otherAlphabet(object string) string {
	return base64.RawStdEncoding.EncodeToString([]byte(more(object, `"x":"~~~~~~"`)))
}

// manyMembers returns the text of as many members.
func manyMembers(count int) string {
	members := make([]string, count)
	for i := range members {
		members[i] = fmt.Sprintf(`"x%d":0`, i)
	}
	return strings.Join(members, ",")
}

// nextLetter changes the last letter of a signature of 256 bytes, of which only the
// first two of six bits count.
func nextLetter(last byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, last)+1])
}

// forged are signed by somebody else, or in a way that Entra does not use, or with a
// header that wants the server to believe so.
func (m *mint) forged() []TokenCase {
	const (
		algorithm = "the server decides on the algorithm, not the token: RS256 and nothing else"
		keys      = "keys come from the authority, never from the token"
		exact     = "the header names one of the authority's keys, exactly"
		signature = "the signature is of this key and over these bytes"
		header    = "whatever changes the meaning of a token must be understood"
	)
	attackers := func(header map[string]any) string {
		header["kid"] = m.entra.KeyID()
		return m.with(cloud.TokenOptions{Key: cloud.KeyUnlisted, Header: header})
	}
	jwk := m.entra.JWK(cloud.KeyUnlisted)
	middle := len(m.parts[2]) / 2
	flipped := "A"
	if m.parts[2][middle] == 'A' {
		flipped = "B"
	}
	unsigned := m.parts[0] + "." + m.parts[1] + "."
	others := strings.Split(m.claim("oid", otherID), ".")
	return []TokenCase{
		invalid("unsigned (alg none)", algorithm, m.with(cloud.TokenOptions{Alg: "none"})),
		invalid("unsigned (alg None)", algorithm, m.with(cloud.TokenOptions{Alg: "none", Header: map[string]any{"alg": "None"}})),
		invalid("alg none, but signed", algorithm, m.head("alg", "none")),
		invalid("HS256 with the public key as the secret", algorithm, m.with(cloud.TokenOptions{Alg: "HS256"})),
		invalid("RS384", algorithm, m.with(cloud.TokenOptions{Alg: "RS384"})),
		invalid("RS512", algorithm, m.with(cloud.TokenOptions{Alg: "RS512"})),
		invalid("PS256", algorithm, m.with(cloud.TokenOptions{Alg: "PS256"})),
		invalid("ES256", algorithm, m.with(cloud.TokenOptions{Alg: "ES256"})),
		invalid("RS256 in lower case", algorithm, m.head("alg", "rs256")),
		invalid("RS256 with a space", algorithm, m.head("alg", "RS256 ")),
		invalid("no algorithm", algorithm, m.head("alg", nil)),
		invalid("an algorithm that is no text", algorithm, m.head("alg", []string{"RS256"})),
		invalid("the algorithm twice", algorithm, m.header(more(m.headerJSON, `"alg":"RS256"`))),
		invalid("two algorithms", algorithm, m.header(more(m.headerJSON, `"alg":"none"`))),
		invalid("two algorithms, one in upper case", algorithm, m.header(more(m.headerJSON, `"ALG":"none"`))),
		invalid("two algorithms, one with an escape", algorithm, m.header(more(m.headerJSON, `"\u0061lg":"none"`))),

		invalid("signed with an unpublished key", keys, m.with(cloud.TokenOptions{Key: cloud.KeyUnlisted})),
		invalid("signed with another key than the header names", signature, attackers(map[string]any{})),
		invalid("a key of its own in the header (jwk)", keys, attackers(map[string]any{"jwk": jwk})),
		invalid("an address of its own in the header (jku)", keys, attackers(map[string]any{"jku": "https://attacker.example/keys"})),
		invalid("a certificate of its own in the header (x5c)", keys, attackers(map[string]any{"x5c": jwk["x5c"], "x5t": jwk["x5t"]})),
		invalid("an address of its own certificate in the header (x5u)", keys, attackers(map[string]any{"x5u": "https://attacker.example/certificate"})),
		invalid("a key of its own under its own name", keys, m.with(cloud.TokenOptions{Key: cloud.KeyUnlisted, Header: map[string]any{"jwk": jwk}})),
		invalid("no key id", exact, m.head("kid", nil)),
		invalid("an empty key id", exact, m.head("kid", "")),
		invalid("a key id that is no text", exact, m.head("kid", 1)),
		invalid("a key id that is a path", exact, m.head("kid", "../../etc/passwd")),
		invalid("a key id with a space", exact, m.head("kid", m.entra.KeyID()+" ")),
		invalid("a key id in upper case", exact, m.head("kid", strings.ToUpper(m.entra.KeyID()))),
		invalid("two key ids", exact, m.header(more(m.headerJSON, `"Kid":"`+m.entra.KeyID()+`"`))),
		invalid("signed with the key of personal accounts", "a key signs for the issuer that the authority lists it with", m.with(cloud.TokenOptions{Key: cloud.KeyMSA})),

		invalid("no signature", signature, unsigned),
		invalid("another user's claims under this signature", signature, m.parts[0]+"."+others[1]+"."+m.parts[2]),
		invalid("another header under this signature", signature, strings.Split(m.head("x", 1), ".")[0]+"."+m.parts[1]+"."+m.parts[2]),
		invalid("another signature under these claims", signature, unsigned+others[2]),
		invalid("a changed bit in the signature", signature, unsigned+m.parts[2][:middle]+flipped+m.parts[2][middle+1:]),
		invalid("a signature cut short", signature, m.token[:len(m.token)-4]),
		invalid("something behind the signature", signature, unsigned+m.parts[2][:len(m.parts[2])-2]+"AAAA"),
		invalid("a signature of zeros", signature, unsigned+strings.Repeat("A", len(m.parts[2]))),

		invalid("critical extensions", header, m.head("crit", []string{"exp"})),
		invalid("an empty list of critical extensions", header, m.head("crit", []string{})),
		invalid("critical extensions: null", header, m.header(more(m.headerJSON, `"crit":null`))),
		invalid("an unencoded payload (b64)", header, m.with(cloud.TokenOptions{Header: map[string]any{"b64": false, "crit": []string{"b64"}}})),
		invalid("another type of token", header, m.head("typ", "secevent+jwt")),
		invalid("a proof of DPoP", header, m.head("typ", "dpop+jwt")),
		invalid("a type that is no text", header, m.head("typ", true)),
		invalid("a nonce in the header", "only Microsoft can verify such a token", m.header(more(m.headerJSON, `"nonce":"abc"`))),
	}
}
