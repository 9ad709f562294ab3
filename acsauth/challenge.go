package acsauth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// challenge returns the WWW-Authenticate header of RFC 6750 section 3, "" if e comes
// without one. The message is what the body says.
func (p responder) challenge(e *Error, message string) string {
	switch e.Name {
	case "missing_token":
		return bearer("realm", p.realm)
	case "invalid_token":
		return bearer("realm", p.realm, "error", "invalid_token", "error_description", message)
	case "invalid_request":
		if errors.Is(e, errBearerSyntax) {
			return bearer("realm", p.realm, "error", "invalid_request")
		}
	case "insufficient_scope":
		return bearer("realm", p.realm, "error", "insufficient_scope", "scope", p.scope)
	case "consent_required":
		return bearer("realm", p.realm, "error", "insufficient_scope", "scope", p.defaultScope())
	case "insufficient_claims":
		return bearer("realm", "", "authorization_uri", p.authorizeURL, "client_id", p.clientID,
			"error", "insufficient_claims", "claims", base64.StdEncoding.EncodeToString([]byte(e.claims)))
	}
	return ""
}

func (p responder) defaultScope() string { return "api://" + p.clientID + "/.default" }

// bearer builds a challenge from names and values in turn. The parsers in Microsoft's
// JavaScript samples, which many clients use, crash on a comma or a percent sign
// within a value and misread a comma without a space, so no value holds the former,
// whatever it is made of, and comma and space join the parameters.
func bearer(params ...string) string {
	var b strings.Builder
	for i := 0; i < len(params); i += 2 {
		separator := ", "
		if i == 0 {
			separator = "Bearer "
		}
		fmt.Fprintf(&b, `%s%s="%s"`, separator, params[i], plain(params[i+1]))
	}
	return b.String()
}

// plain replaces what a value in a challenge must not hold.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == ',':
			return ';'
		case c == '"' || c == '\\' || c == '%':
			return '\''
		case c < ' ' || c > '~':
			return ' '
		}
		return c
	}, text)
}
