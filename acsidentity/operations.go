package acsidentity

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// maxID bounds an identity id; real ones have 81 characters, or about 160 if
// they name a Microsoft Entra user.
const maxID = 256

// CreateIdentity creates an identity and returns its id, such as
// "8:acs:<resource>_<guid>". Store it: there is no way to find it again. If the
// error matches [ErrOutcomeUnknown], there may be an identity nevertheless.
func (c *Client) CreateIdentity(ctx context.Context) (id string, err error) {
	err = c.do(ctx, call{
		operation: "CreateIdentity",
		method:    http.MethodPost,
		path:      "/identities",
		success:   http.StatusCreated,
		once:      true,
		decode: func(body []byte) error {
			answer, err := decodeIdentity(body)
			if err == nil {
				id = answer.Identity.ID
			}
			return err
		},
	})
	return id, err
}

// CreateIdentityWithToken creates an identity together with its first token, in
// one call. What [Client.CreateIdentity] says goes for it too. If the answer holds
// an id but no usable token, the error matches [ErrOutcomeUnknown], and id is that
// of the identity, to be used or deleted.
func (c *Client) CreateIdentityWithToken(ctx context.Context, o TokenOptions) (id string, t AccessToken, err error) {
	const operation = "CreateIdentityWithToken"
	if err := o.Validate(); err != nil {
		return "", AccessToken{}, optionsError(operation, err)
	}
	err = c.do(ctx, call{
		operation: operation,
		method:    http.MethodPost,
		path:      "/identities",
		body: encode(struct {
			Scopes  []Scope `json:"createTokenWithScopes"`
			Minutes int64   `json:"expiresInMinutes,omitempty"`
		}{o.Scopes, int64(o.ExpiresIn / time.Minute)}),
		success: http.StatusCreated,
		once:    true,
		decode: func(body []byte) error {
			answer, err := decodeIdentity(body)
			if err != nil {
				return err
			}
			id = answer.Identity.ID
			t, err = answer.AccessToken.parse()
			return err
		},
	})
	return id, t, err
}

// IssueToken issues a token of the identity id. Tokens issued earlier stay
// valid.
func (c *Client) IssueToken(ctx context.Context, id string, o TokenOptions) (AccessToken, error) {
	const operation = "IssueToken"
	if err := validateID(id); err != nil {
		return AccessToken{}, &Error{Operation: operation, Err: err}
	}
	if err := o.Validate(); err != nil {
		return AccessToken{}, optionsError(operation, err)
	}
	return c.token(ctx, call{
		operation: operation,
		path:      identitiesPath + id + issuePath,
		escaped:   identitiesPath + url.QueryEscape(id) + issuePath,
		body:      o.appendRequest(make([]byte, 0, 64)),
	})
}

// RevokeTokens makes all tokens of the identity id invalid. The service may take
// 15 minutes until every part of it knows. New tokens can be issued at any time.
func (c *Client) RevokeTokens(ctx context.Context, id string) error {
	return c.change(ctx, "RevokeTokens", http.MethodPost, id, "/:revokeAccessTokens")
}

// DeleteIdentity deletes the identity id, its data and its chat messages, and
// revokes its tokens. What the service answers if it did so before is not
// documented: success, or an error of which [Error.RefusesIdentity] is true. That may
// even be the answer to a first call that took effect in an attempt whose answer got
// lost; the error then matches [ErrOutcomeUnknown] too.
func (c *Client) DeleteIdentity(ctx context.Context, id string) error {
	return c.change(ctx, "DeleteIdentity", http.MethodDelete, id, "")
}

// ExchangeTeamsToken exchanges a Microsoft Entra token of a Teams user for an
// ACS token that acts as this Teams user, and lives as long. ACS checks that x
// names the application and the user that the Entra token is for; a server that
// takes x.UserID and x.AppID from elsewhere than x.Token relies on this.
func (c *Client) ExchangeTeamsToken(ctx context.Context, x TeamsExchange) (AccessToken, error) {
	const operation = "ExchangeTeamsToken"
	if x.Token == "" || x.AppID == "" || x.UserID == "" {
		err := failure{httpx.KindUnusable, "Token, AppID and UserID of a TeamsExchange are all required"}
		return AccessToken{}, &Error{Operation: operation, Err: err}
	}
	return c.token(ctx, call{
		operation: operation,
		path:      "/teamsUser/:exchangeAccessToken",
		body: encode(struct {
			Token  string `json:"token"`
			AppID  string `json:"appId"`
			UserID string `json:"userId"`
		}{x.Token, x.AppID, x.UserID}),
	})
}

// token posts cl and reads a token from the answer.
func (c *Client) token(ctx context.Context, cl call) (t AccessToken, err error) {
	cl.method, cl.success = http.MethodPost, http.StatusOK
	cl.decode = func(body []byte) (err error) {
		t, err = decodeToken(body)
		return err
	}
	err = c.do(ctx, cl)
	return t, err
}

// change does something to an identity that has no answer but success.
func (c *Client) change(ctx context.Context, operation, method, id, action string) error {
	if err := validateID(id); err != nil {
		return &Error{Operation: operation, Err: err}
	}
	return c.do(ctx, call{
		operation: operation,
		method:    method,
		path:      identitiesPath + id + action,
		escaped:   identitiesPath + url.QueryEscape(id) + action,
		success:   http.StatusNoContent,
	})
}

// In the path of an identity the colons of its id are escaped, as Microsoft's
// libraries do, and others are not.
const (
	identitiesPath = "/identities/"
	issuePath      = "/:issueAccessToken"
)

// validateID refuses what cannot be an id and might, in a path, name something
// else than an identity.
func validateID(id string) error {
	if id == "" {
		return failure{httpx.KindUnusable, "the identity id is empty"}
	}
	if len(id) > maxID || !syntax.IsVisible(id) || id == "." || id == ".." || strings.ContainsAny(id, `/\`) {
		return failure{httpx.KindUnusable, "the identity id is malformed: it must look like 8:acs:<resource>_<guid>"}
	}
	return nil
}

func optionsError(operation string, err error) error {
	return &Error{Operation: operation, Err: also(failure{httpx.KindMisconfigured, "unusable options"}, err)}
}

// encode returns v as JSON. The requests are structs of strings and numbers,
// which can always be encoded.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
