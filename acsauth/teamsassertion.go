package acsauth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// teamsAudience names the API that a Teams user's Entra token must be for.
const teamsAudience = "https://auth.msft.communication.azure.com"

// teamsAudiences are the spellings that Entra puts into tokens for it, the last
// one being its application id.
var teamsAudiences = []string{teamsAudience, teamsAudience + "/", "1fd5118e-2576-4263-8130-9503064c837a"}

// teamsScopes are the delegated permissions that ACS demands, both of them.
var teamsScopes = []string{"Teams.ManageCalls", "Teams.ManageChats"}

// A TeamsAssertion is a Teams user's Entra token that [Authenticator.VerifyTeams]
// found to be the caller's own. Only that method makes one that
// [Service.TeamsToken] exchanges.
type TeamsAssertion struct {
	user     User
	token    Secret
	clientID string // of the application that acquired the token
}

// VerifyTeams checks that token is a Teams user's Entra token for ACS which belongs
// to the caller u: its tenant and object id, audience, both scopes, time of
// validity, and the application that acquired it, which must be one of
// TeamsClients. Its signature is checked too, unless its header has a nonce, with
// which only Microsoft's own services can verify it; then ACS is the only one to do
// so, as it does in any case.
//
// The error is an [*Error] named invalid_teams_token, teams_user_mismatch or
// keys_unavailable, or internal if u lacks an id.
func (a *Authenticator) VerifyTeams(ctx context.Context, u User, token string) (TeamsAssertion, error) {
	if err := u.check(); err != nil {
		return TeamsAssertion{}, err
	}
	if len(token) > maxToken {
		return TeamsAssertion{}, invalidTeams("is longer than 16 KiB", nil)
	}
	compact, err := jose.ParseCompact(token)
	if err != nil {
		return TeamsAssertion{}, invalidTeams("is not a signed JSON Web Token in compact form", detail{err})
	}
	c, err := parseClaims(compact.Unverified())
	if err != nil {
		return TeamsAssertion{}, invalidTeams("has malformed claims", detail{err})
	}
	if !compact.Header.Nonce {
		if err := a.verifyTeamsSignature(ctx, compact, c); err != nil {
			return TeamsAssertion{}, err
		}
	}
	if err := a.checkTeamsClaims(c, u); err != nil {
		return TeamsAssertion{}, err
	}
	return TeamsAssertion{u, NewSecret(token), strings.ToLower(c.client())}, nil
}

// verifyTeamsSignature checks that the authority of the token's tenant signed it.
func (a *Authenticator) verifyTeamsSignature(ctx context.Context, compact jose.Compact, c claims) error {
	if err := a.checkHeader(compact.Header); err != nil {
		return invalidTeams("is not signed as Microsoft Entra ID signs tokens", err)
	}
	key, err := a.keys.get(ctx, compact.Header.KeyID)
	switch {
	case err != nil && refusal(err).Name == "keys_unavailable":
		return err
	case err != nil:
		return invalidTeams("is signed with a key that the authority does not publish", err)
	}
	if _, err := compact.Verify(key.Public); err != nil {
		return invalidTeams("has a signature that is not valid", detail{err})
	}
	if !a.isIssuer(c.issuer, c.tenantID, c.version) || !a.mayVouch(key.Issuer, c.tenantID) {
		return invalidTeams("is not issued by the authority of its tenant", nil)
	}
	return nil
}

// checkTeamsClaims applies the rules in the order in which their answers help.
func (a *Authenticator) checkTeamsClaims(c claims, u User) error {
	now := a.cfg.Now()
	switch {
	case !c.audience.among(teamsAudiences):
		return invalidTeams("is for another API (aud) than "+teamsAudience, nil)
	case c.expires.IsZero() || !now.Before(c.expires.Add(a.cfg.ClockSkew)):
		return invalidTeams("has expired", nil)
	case now.Add(a.cfg.ClockSkew).Before(c.notBefore.Time):
		return invalidTeams("is not valid yet", nil)
	case !strings.EqualFold(c.tenantID, u.TenantID):
		return teamsMismatch("The Teams user's token is of another tenant than the caller.")
	case !strings.EqualFold(c.objectID, u.ObjectID):
		return teamsMismatch("The Teams user's token belongs to another user than the caller.")
	case !syntax.IsGUID(c.client()):
		return invalidTeams("names no application (appid or azp)", nil)
	case !slices.Contains(a.cfg.TeamsClients, strings.ToLower(c.client())):
		return teamsMismatch(fmt.Sprintf("The Teams user's token was acquired by the application %s, which is not among those whose tokens may be exchanged (%s).", strings.ToLower(c.client()), a.cfg.TeamsClientsSetting))
	}
	for _, scope := range teamsScopes {
		if !slices.Contains(c.scopes(), scope) {
			return invalidTeams("lacks the scope "+scope, nil)
		}
	}
	return nil
}

func invalidTeams(what string, cause error) error {
	return &Error{Name: "invalid_teams_token", Message: "The Teams user's token " + what + ".", Err: cause}
}

func teamsMismatch(message string) error { return refuse("teams_user_mismatch", message) }
