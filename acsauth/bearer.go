package acsauth

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// maxToken bounds an access token: Entra's have two or three KiB.
const maxToken = 16 << 10

// errBearerSyntax marks an invalid_request that is about the Authorization header.
var errBearerSyntax = errors.New("the Authorization header is malformed")

// token68 is the syntax of bearer tokens (RFC 6750 section 2.1).
var token68 = regexp.MustCompile(`^[A-Za-z0-9\-._~+/]+=*$`)

// bearerToken returns the token in the Authorization header. Tokens in the query
// or in a form are ignored: they end up in logs.
func bearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) == 0 {
		return "", refuse("missing_token", answers["missing_token"].message)
	}
	if len(values) > 1 {
		return "", &Error{Name: "invalid_request", Message: "There must be exactly one Authorization header.", Err: errBearerSyntax}
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse("missing_token", answers["missing_token"].message)
	}
	token = strings.TrimLeft(token, " ")
	if len(token) > maxToken {
		return "", refuse("invalid_token", "The access token is longer than 16 KiB.")
	}
	if !token68.MatchString(token) {
		return "", &Error{Name: "invalid_request", Message: "The Authorization header must be Bearer followed by one token.", Err: errBearerSyntax}
	}
	return token, nil
}
