package acsidentity

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// What the service may make us keep and print.
const (
	maxCode    = 128
	maxMessage = 1024
)

// A tokenAnswer is an access token on the wire.
type tokenAnswer struct {
	Token     string `json:"token"`
	ExpiresOn string `json:"expiresOn"`
}

// parse returns the token, or an error that repeats nothing of the answer.
func (a *tokenAnswer) parse() (AccessToken, error) {
	if a == nil {
		return AccessToken{}, errors.New("the answer holds no access token")
	}
	if !syntax.IsVisible(a.Token) {
		return AccessToken{}, errors.New("the token in the answer is empty or malformed")
	}
	// RFC 3339 with zero to seven fractional digits, which time.Parse takes
	// without being told.
	expiresOn, err := time.Parse(time.RFC3339, a.ExpiresOn)
	if err != nil || expiresOn.IsZero() {
		return AccessToken{}, errors.New("the expiresOn in the answer is missing or no date")
	}
	return AccessToken{Token: a.Token, ExpiresOn: expiresOn.UTC()}, nil
}

func decodeToken(body []byte) (AccessToken, error) {
	answer, ok := scanToken(body)
	if !ok {
		if err := json.Unmarshal(body, &answer); err != nil {
			return AccessToken{}, errNotJSON
		}
	}
	return answer.parse()
}

// scanToken reads a token answer in the one form in which the service writes it,
// without a space or an escape: most of what a server does is to read these, and
// encoding/json looks at each of their bytes several times. Whatever has another
// form is not ok, and no less valid.
func scanToken(body []byte) (answer tokenAnswer, ok bool) {
	rest, opened := bytes.CutPrefix(body, []byte(`{"token":"`))
	token, rest, _ := bytes.Cut(rest, []byte(`"`))
	rest, separated := bytes.CutPrefix(rest, []byte(`,"expiresOn":"`))
	expiresOn, rest, _ := bytes.Cut(rest, []byte(`"`))
	if !opened || !separated || string(bytes.TrimRight(rest, "\r\n")) != "}" ||
		bytes.IndexByte(token, '\\') >= 0 || bytes.IndexByte(expiresOn, '\\') >= 0 {
		return tokenAnswer{}, false
	}
	return tokenAnswer{Token: string(token), ExpiresOn: string(expiresOn)}, true
}

// An identityAnswer is a new identity on the wire, with its first token if one
// was asked for.
type identityAnswer struct {
	Identity struct {
		ID string `json:"id"`
	} `json:"identity"`
	AccessToken *tokenAnswer `json:"accessToken"`
}

func decodeIdentity(body []byte) (*identityAnswer, error) {
	var answer identityAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, errNotJSON
	}
	if validateID(answer.Identity.ID) != nil {
		return nil, errors.New("the identity id in the answer is missing or malformed")
	}
	return &answer, nil
}

// errNotJSON stands in for the errors of encoding/json, which quote the input.
var errNotJSON = errors.New("the answer is not the JSON that was expected")

// An errorDetail is why a request was refused.
type errorDetail struct{ Code, Message, Target text }

// read takes over what there is to find in the body of an error answer. Gateways in
// front of the service have forms of their own, HTML included; what is not
// understood is left out, and the status has to speak for itself.
func (e *Error) read(body []byte) {
	var answer struct {
		errorDetail
		Error json.RawMessage
	}
	if json.Unmarshal(body, &answer) != nil {
		return
	}
	detail := answer.errorDetail
	switch inner := bytes.TrimSpace(answer.Error); {
	case bytes.HasPrefix(inner, []byte("{")):
		_ = json.Unmarshal(inner, &detail) // valid, since the whole was
		e.genuine = isGenuine(inner)
	case bytes.HasPrefix(inner, []byte(`"`)):
		_ = json.Unmarshal(inner, &detail.Message)
	}
	e.Code, e.Message, e.Target = printable(string(detail.Code)), cut(string(detail.Message)), printable(string(detail.Target))
}

// isGenuine reports whether an error is as the service itself writes it: with a code
// that is a word, and a message. Others write a status there, or no code.
func isGenuine(inner []byte) bool {
	var detail struct{ Code, Message string }
	return json.Unmarshal(inner, &detail) == nil && detail.Message != "" &&
		detail.Code != "" && printable(detail.Code) != "" && (detail.Code[0] < '0' || detail.Code[0] > '9')
}

// A text is a JSON string, or a number taken for one. Any other JSON value
// leaves it as it is.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	switch c := b[0]; {
	case c == '"':
		return json.Unmarshal(b, (*string)(t))
	case c == '-' || '0' <= c && c <= '9':
		*t = text(b)
	}
	return nil
}

// printable returns s if it looks like a code or an id, and is thus fit for a line of a
// log, else nothing: the names of people and identities have other characters, and
// tokens are longer.
func printable(s string) string {
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._+/=!-", c)
	}
	if len(s) > maxCode || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}

func cut(message string) string {
	if len(message) > maxMessage {
		message = message[:maxMessage]
	}
	return strings.ToValidUTF8(message, "")
}
