package acsauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
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
// payload with two spellings of one of them is refused.
func parseClaims(payload []byte) (c claims, err error) {
	targets := map[string]any{
		"iss": &c.issuer, "aud": &c.audience, "tid": &c.tenantID, "oid": &c.objectID, "sub": &c.subject, "ver": &c.version,
		"idtyp": &c.idType, "scp": &c.scope, "azp": &c.azp, "appid": &c.appID, "uti": &c.tokenID, "exp": &c.expires, "nbf": &c.notBefore,
	}
	err = jose.EachMember(payload, func(name string, value []byte) error {
		target, known := targets[name]
		if !known {
			return nil
		}
		if err := json.Unmarshal(value, target); err != nil {
			return fmt.Errorf("the claim %q has the wrong type", name)
		}
		return nil
	})
	return c, err
}

// client returns the application that the token was issued to.
func (c claims) client() string {
	if c.version == "1.0" {
		return c.appID
	}
	return c.azp
}

func (c claims) scopes() []string { return strings.Fields(c.scope) }

// An audience is a string or an array of strings (RFC 7519 section 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// among reports whether one of the audiences is accepted: exactly, but a GUID in
// either case.
func (a audience) among(accepted []string) bool {
	return slices.ContainsFunc(a, func(have string) bool {
		return slices.ContainsFunc(accepted, func(want string) bool {
			return have == want || isGUID(want) && strings.EqualFold(have, want)
		})
	})
}

// A numericDate is a number of seconds since 1970 (RFC 7519 section 2). The zero
// value stands for an absent claim.
type numericDate struct{ time.Time }

func (d *numericDate) UnmarshalJSON(data []byte) error {
	var seconds *float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	const year10000 = 253402300800
	if seconds == nil || *seconds < 0 || *seconds >= year10000 {
		return errors.New("not a date")
	}
	whole, fraction := math.Modf(*seconds)
	d.Time = time.Unix(int64(whole), int64(fraction*1e9))
	return nil
}

// isGUID reports whether s is a GUID in its usual form of 36 characters.
func isGUID(s string) bool {
	return len(s) == 36 && uuid.Validate(s) == nil
}
