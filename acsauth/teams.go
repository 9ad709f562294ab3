package acsauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

// TeamsAudience is the API that a Teams user's Entra token must be for.
const TeamsAudience = "https://auth.msft.communication.azure.com"

// TeamsToken exchanges the caller's own Entra token for Teams for an ACS token
// with which the caller acts as a Teams user. It needs no mapping. The application
// that acquired teamsToken must be one of TeamsClients, which need not be the API.
//
// ACS verifies teamsToken, and that it belongs to the caller. The error is an
// [*Error] named invalid_teams_token or teams_user_mismatch if the token is to
// blame.
func (s *Service) TeamsToken(ctx context.Context, u User, teamsToken Secret) (acsidentity.AccessToken, error) {
	client, err := teamsClient(teamsToken.Reveal())
	if err != nil {
		return acsidentity.AccessToken{}, err
	}
	if !slices.Contains(s.cfg.TeamsClients, client) {
		return acsidentity.AccessToken{}, &Error{
			Name:    "teams_user_mismatch",
			Message: fmt.Sprintf("The Teams user's token was acquired by the application %s, which is not among those whose tokens may be exchanged (TEAMS_CLIENT_IDS).", client),
		}
	}
	token, err := s.cfg.Identities.ExchangeTeamsToken(ctx, acsidentity.TeamsExchange{
		Token: teamsToken.Reveal(), AppID: client, UserID: u.ObjectID,
	})
	if err != nil {
		return acsidentity.AccessToken{}, teamsRefusal(err)
	}
	s.audit(ctx, "teams_token_exchanged", u, "", slog.Time("expires", token.ExpiresOn), slog.String("teams_client_id", client))
	return token, nil
}

// teamsClient returns the application that acquired a Teams user's token, which
// ACS wants to be told. Nothing is verified here: ACS does that.
func teamsClient(token string) (string, error) {
	compact, err := jose.ParseCompact(token)
	if err != nil {
		return "", &Error{Name: "invalid_teams_token", Message: answers["invalid_teams_token"].message, Err: err}
	}
	var azp, appID string
	targets := map[string]*string{"azp": &azp, "appid": &appID}
	err = jose.EachMember(compact.Unverified(), func(name string, value []byte) error {
		if target := targets[name]; target != nil {
			return json.Unmarshal(value, target)
		}
		return nil
	})
	client := strings.ToLower(cmp.Or(azp, appID))
	if err != nil || !isGUID(client) {
		return "", &Error{Name: "invalid_teams_token", Message: answers["invalid_teams_token"].message, Err: err}
	}
	return client, nil
}

// teamsRefusal turns what ACS says about a Teams user's token into our words.
func teamsRefusal(err error) error {
	var refused *acsidentity.Error
	if !errors.As(err, &refused) {
		return err
	}
	name := ""
	switch {
	case refused.Code == acsidentity.CodeInvalidAccessToken:
		name = "invalid_teams_token"
	case refused.Code == acsidentity.CodeValidationError && (refused.Target == "appId" || refused.Target == "userId"):
		name = "teams_user_mismatch"
	default:
		return err
	}
	return &Error{Name: name, Message: answers[name].message, Err: err}
}
