package acsauth

import (
	"context"
	"errors"
	"log/slog"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// TeamsToken exchanges a Teams user's Entra token for an ACS token with which the
// user acts as a Teams user, for as long as the Entra token is good. It needs no
// mapping.
//
// ACS checks the token again. The error is an [*Error] named invalid_teams_token or
// teams_user_mismatch if the token is to blame.
func (s *Service) TeamsToken(ctx context.Context, t TeamsAssertion) (acsidentity.AccessToken, error) {
	if t.token.Reveal() == "" {
		return acsidentity.AccessToken{}, invalidTeams("was not verified", nil)
	}
	token, err := s.cfg.Identities.ExchangeTeamsToken(ctx, acsidentity.TeamsExchange{
		Token: t.token.Reveal(), AppID: t.clientID, UserID: t.user.ObjectID,
	})
	if err != nil {
		return acsidentity.AccessToken{}, teamsRefusal(err)
	}
	s.audit(ctx, "teams_token_exchanged", t.user, "", slog.Time("expires", token.ExpiresOn), slog.String("teams_client_id", t.clientID))
	return token, nil
}

// teamsRefusal turns what ACS says about a Teams user's token into our words.
func teamsRefusal(err error) error {
	var refused *acsidentity.Error
	if !errors.As(err, &refused) {
		return inWords(err)
	}
	name := ""
	switch {
	case refused.Code == acsidentity.CodeInvalidAccessToken:
		name = "invalid_teams_token"
	case refused.Code == acsidentity.CodeValidationError && (refused.Target == "appId" || refused.Target == "userId"):
		name = "teams_user_mismatch"
	default:
		return inWords(err)
	}
	return &Error{Name: name, Message: answers[name].message, Err: err}
}
