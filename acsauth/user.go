package acsauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// A User is the caller that an access token stands for. TenantID and ObjectID
// together identify a person within Microsoft Entra ID; neither does alone, nor
// do names and addresses, which change and are reused.
type User struct {
	// TenantID is the "tid" claim, a GUID in lower case.
	TenantID string
	// ObjectID is the "oid" claim, a GUID in lower case.
	ObjectID string
	// ClientID is the application that the token was issued to: "azp" in v2.0
	// tokens, "appid" in v1.0 tokens.
	ClientID string
	// Scopes are the delegated permissions in the token's "scp" claim.
	Scopes []string
	// TokenID is the "uti" claim, for audit logs. It may be empty.
	TokenID string
	// ExpiresAt is the "exp" claim, without any allowance for clock skew.
	ExpiresAt time.Time
	// Assertion is the access token itself, for the On-Behalf-Of exchange.
	Assertion Secret
}

// Pseudonym returns a stable key for logs: the first 16 hex digits of the
// SHA-256 of tenant and object id. It tells users apart without naming them,
// and whoever knows the ids can compute it.
func (u User) Pseudonym() string {
	key := make([]byte, 0, 80) // of two GUIDs, without memory from the heap
	key = append(append(append(key, u.TenantID...), '/'), u.ObjectID...)
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:8])
}

// check refuses a user who is nobody in particular, such as the zero User of whoever
// does not look at what else [UserFromContext] returns: all strangers would share one
// identity, and with it each other's conversations.
func (u User) check() error {
	switch {
	case u.TenantID == "", u.ObjectID == "":
		return internal(detail{errors.New("the User lacks a TenantID or an ObjectID: nobody has checked a token, or UserFromContext returned false")})
	case strings.Contains(u.TenantID, "/"): // the keys of users would not be unique
		return internal(detail{errors.New("the User's TenantID has a slash in it, and no tenant id of Microsoft Entra ID has")})
	}
	return nil
}

func (u User) key() string { return u.TenantID + "/" + u.ObjectID }

type userKey struct{}

// ContextWithUser returns a context that carries u. [Authenticator.Require] does
// this for every request that it lets through; tests of one's own handlers may.
func ContextWithUser(ctx context.Context, u User) context.Context {
	return context.WithValue(ctx, userKey{}, u)
}

// UserFromContext returns the user that [Authenticator.Require] found in the
// request, and whether there is one. Where there is none, the handler is not behind
// Require: nobody has checked who is calling.
func UserFromContext(ctx context.Context) (User, bool) {
	u, ok := ctx.Value(userKey{}).(User)
	return u, ok
}
