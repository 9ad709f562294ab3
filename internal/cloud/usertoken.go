package cloud

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/google/uuid"
)

// TokenOptions bends a token away from the usual. The zero value is a good
// token.
type TokenOptions struct {
	// Version is 1 or 2 (default), of users' and apps' tokens for our API. All
	// other tokens are v1.0, as their audiences have chosen.
	Version int
	// Audience is the aud. Default: our app's client id, or for v1.0 its App ID URI.
	Audience string
	// Scope is the scp, separated by spaces. Default: access_as_user.
	Scope string
	// ClientID is the app that asked for the token. Default: the single-page app.
	ClientID string
	// IssuedAt is iat and nbf. Default: now.
	IssuedAt time.Time
	// Lifetime is from IssuedAt to exp. Default: 75 minutes.
	Lifetime time.Duration
	// StepUp makes it a token from a sign-in with a second factor (acrs, and amr
	// in v1.0), which satisfies claims challenges.
	StepUp bool
	// Header and Claims are laid over the rest. A nil value removes the member.
	Header, Claims map[string]any
	// Key and Alg are as in [TokenSpec].
	Key, Alg string
}

// UserToken returns an access token of u for our API.
func (e *Entra) UserToken(u User, o TokenOptions) string {
	o.Scope = orDefault(o.Scope, "access_as_user")
	o.ClientID = orDefault(o.ClientID, e.cloud.SPAClientID)
	if o.Version == 1 {
		o.Audience = orDefault(o.Audience, "api://"+e.cloud.ClientID)
		return e.mintV1(userClaimsV1(u), o)
	}
	o.Audience = orDefault(o.Audience, e.cloud.ClientID)
	return e.mintV2(map[string]any{
		"oid":                u.ObjectID,
		"tid":                u.TenantID,
		"sub":                pairwise(u.ObjectID),
		"name":               u.Name,
		"preferred_username": u.UPN,
		"azpacr":             "0",
	}, o)
}

// GraphToken returns an access token of u for Microsoft Graph, as the token
// endpoint gives it to ClientID (default: our API). Default Scope: User.Read
// and User.ReadWrite.
func (e *Entra) GraphToken(u User, o TokenOptions) string {
	o.Audience = orDefault(o.Audience, graphResource)
	o.Scope = orDefault(o.Scope, "User.Read User.ReadWrite")
	o.ClientID = orDefault(o.ClientID, e.cloud.ClientID)
	o.Header = overlay(map[string]any{"nonce": randomSecret()}, o.Header)
	return e.mintV1(userClaimsV1(u), o)
}

// TeamsToken returns an access token of u for the exchange against an ACS token
// of a Teams user. Default ClientID: our API; default Scope: both that are needed.
func (e *Entra) TeamsToken(u User, o TokenOptions) string {
	o.Audience = orDefault(o.Audience, teamsAudience)
	o.Scope = orDefault(o.Scope, "Teams.ManageCalls Teams.ManageChats")
	o.ClientID = orDefault(o.ClientID, e.cloud.ClientID)
	return e.mintV1(userClaimsV1(u), o)
}

// AppToken returns a token of an app itself (default ClientID: our API's), with
// no user behind it. Scope is left out unless it is given.
func (e *Entra) AppToken(o TokenOptions) string {
	o.ClientID = orDefault(o.ClientID, e.cloud.ClientID)
	principal := uuid.NewSHA1(uuid.Nil, []byte(o.ClientID)).String() // the app's service principal
	claims := map[string]any{"oid": principal, "sub": principal, "tid": e.cloud.TenantID, "idtyp": "app"}
	if o.Version == 1 {
		o.Audience = orDefault(o.Audience, "api://"+e.cloud.ClientID)
		claims["appidacr"] = "1"
		return e.mintV1(claims, o)
	}
	o.Audience = orDefault(o.Audience, e.cloud.ClientID)
	claims["azpacr"] = "1"
	return e.mintV2(claims, o)
}

func userClaimsV1(u User) map[string]any {
	return map[string]any{
		"oid":         u.ObjectID,
		"tid":         u.TenantID,
		"sub":         pairwise(u.ObjectID),
		"name":        u.Name,
		"unique_name": u.UPN,
		"upn":         u.UPN,
		"acr":         "1",
		"amr":         []string{"pwd"},
		"appidacr":    "0",
		"ipaddr":      "127.0.0.1",
	}
}

func (e *Entra) mintV1(claims map[string]any, o TokenOptions) string {
	tenantID, _ := claims["tid"].(string)
	claims["iss"] = e.V1Issuer(tenantID)
	claims["appid"] = o.ClientID
	claims["ver"] = "1.0"
	if o.StepUp {
		claims["amr"] = []string{"pwd", "mfa"}
	}
	kid := e.namedKey(o.Key).x5t
	o.Header = overlay(map[string]any{"x5t": kid}, o.Header)
	return e.mintCommon(claims, o)
}

func (e *Entra) mintV2(claims map[string]any, o TokenOptions) string {
	tenantID, _ := claims["tid"].(string)
	claims["iss"] = e.V2Issuer(tenantID)
	claims["azp"] = o.ClientID
	claims["ver"] = "2.0"
	return e.mintCommon(claims, o)
}

// mintCommon adds what both versions have.
func (e *Entra) mintCommon(claims map[string]any, o TokenOptions) string {
	issuedAt := o.IssuedAt
	if issuedAt.IsZero() {
		issuedAt = e.cloud.now()
	}
	lifetime := o.Lifetime
	if lifetime == 0 {
		lifetime = 75 * time.Minute
	}
	claims["aud"] = o.Audience
	claims["iat"] = issuedAt.Unix()
	claims["nbf"] = issuedAt.Unix()
	claims["exp"] = issuedAt.Add(lifetime).Unix()
	claims["uti"] = randomSecret()[:22]
	claims["rh"] = "1.embedded."
	if o.Scope != "" {
		claims["scp"] = o.Scope
	}
	if o.StepUp {
		claims["acrs"] = []string{"c1"}
	}
	return e.Mint(TokenSpec{Header: o.Header, Claims: overlay(claims, o.Claims), Key: o.Key, Alg: o.Alg})
}

// pairwise is a sub, which differs from the object id. (The real one differs by
// app too.)
func pairwise(objectID string) string {
	sum := sha256.Sum256([]byte("pairwise " + objectID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
