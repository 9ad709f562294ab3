package acsauth

import (
	"errors"
	"net/http"
	"strings"
)

// maxToken bounds an access token: Entra's have two or three KiB.
const maxToken = 16 << 10

const notOneToken = "The Authorization header must be Bearer followed by one token."

// errBearerSyntax marks an invalid_request that is about the Authorization header.
var errBearerSyntax = errors.New("the Authorization header is malformed")

// bearerToken returns what the Authorization header has in the place of the token.
// Tokens in the query or in a form are ignored: they end up in logs.
func bearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", standard("missing_token", nil)
	}
	if len(values) > 1 {
		return "", badHeader("There must be exactly one Authorization header.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", standard("missing_token", nil)
	}
	token = strings.TrimLeft(token, " ")
	switch {
	case len(token) > maxToken && !isToken68(token):
		return "", badHeader(notOneToken)
	case len(token) > maxToken:
		return "", invalid("The access token is longer than 16 KiB.")
	case strings.HasPrefix(token, "{"):
		return "", badHeader(compactHint)
	}
	return token, nil
}

// isToken68 reports whether s has the syntax of bearer tokens (RFC 6750 section
// 2.1).
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

func badHeader(message string) error {
	return &Error{Name: "invalid_request", Message: message, Err: errBearerSyntax}
}
