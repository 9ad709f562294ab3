package jose

import (
	"crypto/rsa"
	"encoding/base64"
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
	// ErrSerialisation: JSON, perhaps a signature in JSON serialisation, which may
	// hold any number of signatures.
	ErrSerialisation = errors.New("JSON instead of a compact token")
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
	payload   string
	signed    []byte
	signature []byte
}

// ParseCompact takes a token in compact serialisation apart. The error wraps
// [ErrMalformed], [ErrEncrypted] or [ErrSerialisation].
func ParseCompact(token string) (Compact, error) {
	if strings.HasPrefix(token, "{") {
		return Compact{}, ErrSerialisation
	}
	switch strings.Count(token, ".") {
	case 2:
	case 4:
		return Compact{}, ErrEncrypted
	default:
		return Compact{}, ErrMalformed
	}
	dot := strings.LastIndexByte(token, '.')
	first, second, _ := strings.Cut(token[:dot], ".")
	header, err := decode(first)
	if err != nil {
		return Compact{}, err
	}
	payload, err := decode(second)
	if err != nil || len(payload) == 0 {
		return Compact{}, ErrMalformed
	}
	signature, err := decode(token[dot+1:])
	if err != nil {
		return Compact{}, err
	}
	c := Compact{payload: string(payload), signed: []byte(token[:dot]), signature: signature}
	if c.Header, err = parseHeader(string(header)); err != nil {
		return Compact{}, err
	}
	return c, nil
}

// Unverified returns the payload, which anybody may have written.
func (c Compact) Unverified() string { return c.payload }

// Verify checks the token's RS256 signature, whatever algorithm its header names,
// and returns the payload. The error wraps [ErrSignature].
func (c Compact) Verify(public *rsa.PublicKey) (string, error) {
	verifier, err := jws.NewVerifier(jwa.RS256)
	if err != nil {
		return "", err
	}
	if err := verifier.Verify(c.signed, c.signature, public); err != nil {
		return "", ErrSignature
	}
	return c.payload, nil
}

func decode(part string) ([]byte, error) {
	// encoding/base64 skips line breaks, even if it is strict.
	if strings.IndexByte(part, '\r') >= 0 || strings.IndexByte(part, '\n') >= 0 {
		return nil, ErrMalformed
	}
	decoded, err := encoding.DecodeString(part)
	if err != nil {
		return nil, ErrMalformed
	}
	return decoded, nil
}

func parseHeader(text string) (h Header, err error) {
	err = EachMember(text, func(name, value string) (err error) {
		switch name {
		case "alg":
			h.Algorithm, err = Text(value)
		case "kid":
			h.KeyID, err = Text(value)
		case "typ":
			h.Type, err = Text(value)
		case "crit":
			h.Critical = true
		case "nonce":
			h.Nonce = true
		}
		return err
	})
	if err != nil {
		return Header{}, ErrMalformed
	}
	return h, nil
}
