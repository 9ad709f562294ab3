package acsauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// claims are those of an Entra access token that this package reads
// (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
type claims struct {
	issuer    string   // iss
	audience  audience // aud
	tenantID  string   // tid
	objectID  string   // oid
	subject   string   // sub
	version   string   // ver
	idType    string   // idtyp
	scope     string   // scp
	azp       string   // azp, v2.0 tokens
	appID     string   // appid, v1.0 tokens
	tokenID   string   // uti
	expires   numericDate
	notBefore numericDate
}

// parseClaims reads the payload of a token. Names count exactly as written, and a
// payload with two spellings of one of them is refused. So is a claim of another
// type than Entra gives it, null included.
func parseClaims(payload string) (c claims, err error) {
	err = jose.EachMember(payload, func(name, value string) (err error) {
		switch name {
		case "aud":
			c.audience, err = parseAudience(value)
		case "exp":
			c.expires, err = parseDate(value)
		case "nbf":
			c.notBefore, err = parseDate(value)
		default:
			if target := c.text(name); target != nil {
				*target, err = jose.Text(value)
			}
		}
		if err != nil {
			return fmt.Errorf("the claim %q: %w", name, err)
		}
		return nil
	})
	return c, err
}

// text returns where the text of a claim belongs, nil if it is none of those that
// are texts.
func (c *claims) text(name string) *string {
	switch name {
	case "iss":
		return &c.issuer
	case "tid":
		return &c.tenantID
	case "oid":
		return &c.objectID
	case "sub":
		return &c.subject
	case "ver":
		return &c.version
	case "idtyp":
		return &c.idType
	case "scp":
		return &c.scope
	case "azp":
		return &c.azp
	case "appid":
		return &c.appID
	case "uti":
		return &c.tokenID
	}
	return nil
}

// client returns the application that the token was issued to.
func (c claims) client() string {
	if c.version == "1.0" {
		return c.appID
	}
	return c.azp
}

// scopes returns the delegated permissions, which are separated by spaces and by
// nothing else (RFC 6749 section 3.3).
func (c claims) scopes() []string {
	return strings.FieldsFunc(c.scope, func(r rune) bool { return r == ' ' })
}

// user returns whom the token stands for, in memory of its own: who keeps a user for
// long does not keep the whole payload of a token, of which the claims are parts.
func (c claims) user() User {
	u := User{
		TenantID:  strings.ToLower(c.tenantID),
		ObjectID:  strings.ToLower(c.objectID),
		ClientID:  strings.ToLower(c.client()),
		TokenID:   c.tokenID,
		ExpiresAt: c.expires.Time,
	}
	cloneAll(&u.TenantID, &u.ObjectID, &u.ClientID, &u.TokenID, &c.scope)
	u.Scopes = c.scopes()
	return u
}

// cloneAll moves texts into one piece of memory.
func cloneAll(texts ...*string) {
	size := 0
	for _, text := range texts {
		size += len(*text)
	}
	var all strings.Builder
	all.Grow(size)
	for _, text := range texts {
		all.WriteString(*text)
	}
	rest := all.String()
	for _, text := range texts {
		n := len(*text)
		*text, rest = rest[:n], rest[n:]
	}
}

// An audience is a string or an array of strings (RFC 7519 section 4.1.3).
type audience []string

func parseAudience(value string) (audience, error) {
	if one, err := jose.Text(value); err == nil {
		return audience{one}, nil
	}
	var several []*string
	if err := json.Unmarshal([]byte(value), &several); err != nil || several == nil || slices.Contains(several, nil) {
		return nil, errors.New("neither a string nor an array of strings")
	}
	list := make(audience, len(several))
	for i, one := range several {
		list[i] = *one
	}
	return list, nil
}

// among reports whether one of the audiences is accepted: exactly, but a GUID in
// either case.
func (a audience) among(accepted []string) bool {
	return slices.ContainsFunc(a, func(have string) bool {
		return slices.ContainsFunc(accepted, func(want string) bool {
			return have == want || syntax.IsGUID(want) && strings.EqualFold(have, want)
		})
	})
}

// A numericDate is a number of seconds since 1970 (RFC 7519 section 2). The zero
// value stands for an absent claim.
type numericDate struct{ time.Time }

func parseDate(value string) (numericDate, error) {
	const year10000 = 253402300800
	seconds, err := strconv.ParseFloat(value, 64) // of JSON values it reads numbers only
	if err != nil || seconds < 0 || seconds >= year10000 {
		return numericDate{}, errors.New("not a date")
	}
	whole, fraction := math.Modf(seconds)
	return numericDate{time.Unix(int64(whole), int64(fraction*1e9))}, nil
}
