package jose

import (
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// What [ParseCompact] and [Compact.Verify] answer.
var (
	// ErrMalformed: not a JSON Web Signature in compact serialisation.
	ErrMalformed = errors.New("not a compact JSON Web Signature")
	// ErrEncrypted: a JSON Web Encryption, which has five parts instead of three.
	ErrEncrypted = errors.New("an encrypted token")
	// ErrSignature: the signature is not of this key and content.
	ErrSignature = errors.New("the signature does not match")
)

// Strict: a token has one spelling only.
var encoding = base64.RawURLEncoding.Strict()

// A Header is what matters of a JOSE header. Absent members are empty.
type Header struct {
	Algorithm string
	KeyID     string
	Type      string
	Critical  bool // there is a "crit" member
	Nonce     bool // there is a "nonce" member: only Microsoft's own services can verify the token
}

// A Compact is a signed token, taken apart but not verified.
type Compact struct {
	Header    Header
	payload   []byte
	signed    []byte
	signature []byte
}

// ParseCompact takes a token in compact serialisation apart. The error wraps
// [ErrMalformed] or [ErrEncrypted].
func ParseCompact(token string) (Compact, error) {
	switch strings.Count(token, ".") {
	case 2:
	case 4:
		return Compact{}, ErrEncrypted
	default:
		return Compact{}, ErrMalformed
	}
	if strings.ContainsAny(token, "\r\n") { // which encoding/base64 skips
		return Compact{}, ErrMalformed
	}
	dot := strings.LastIndexByte(token, '.')
	head, body, _ := strings.Cut(token[:dot], ".")
	header, err := encoding.DecodeString(head)
	if err != nil {
		return Compact{}, ErrMalformed
	}
	c := Compact{signed: []byte(token[:dot])}
	if c.Header, err = parseHeader(header); err != nil {
		return Compact{}, err
	}
	if c.payload, err = encoding.DecodeString(body); err != nil || len(c.payload) == 0 {
		return Compact{}, ErrMalformed
	}
	if c.signature, err = encoding.DecodeString(token[dot+1:]); err != nil {
		return Compact{}, ErrMalformed
	}
	return c, nil
}

// Unverified returns the payload, which anybody may have written.
func (c Compact) Unverified() []byte { return c.payload }

// Verify checks the token's RS256 signature, whatever algorithm its header names,
// and returns the payload. The error wraps [ErrSignature].
func (c Compact) Verify(public *rsa.PublicKey) ([]byte, error) {
	verifier, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		return nil, err
	}
	if err := verifier.Verify(c.signed, c.signature, public); err != nil {
		return nil, ErrSignature
	}
	return c.payload, nil
}

func parseHeader(data []byte) (h Header, err error) {
	members := map[string]any{"alg": &h.Algorithm, "kid": &h.KeyID, "typ": &h.Type, "crit": &h.Critical, "nonce": &h.Nonce}
	err = EachMember(data, func(name string, value []byte) error {
		switch target := members[name].(type) {
		case *string:
			return json.Unmarshal(value, target)
		case *bool:
			*target = true
		}
		return nil
	})
	if err != nil {
		return Header{}, ErrMalformed
	}
	return h, nil
}
