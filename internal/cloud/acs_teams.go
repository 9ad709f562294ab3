package cloud

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// teamsAudiences are the ways in which tokens name the API for Teams users.
var teamsAudiences = []string{teamsAudience, teamsAudience + "/", "1fd5118e-2576-4263-8130-9503064c837a"}

// teams exchanges a Teams user's Entra token for an ACS token of the same
// lifetime.
func (a *ACS) teams(call *acsCall) answer {
	var body struct {
		Token  *string `json:"token"`
		AppID  *string `json:"appId"`
		UserID *string `json:"userId"`
	}
	if !isJSON(call.Request) || json.Unmarshal(call.raw, &body) != nil {
		return validationError("The request body is not valid.", "")
	}
	for _, member := range []struct {
		name  string
		value *string
	}{{"Token", body.Token}, {"AppId", body.AppID}, {"UserId", body.UserID}} {
		if member.value == nil { // modelled on the recorded answer for Scopes
			return validationError(member.name+": The "+member.name+" field is required.", member.name)
		}
	}
	t, err := parseJWT(*body.Token)
	if err != nil || !a.goodTeamsToken(t) {
		return acsFailure(http.StatusUnauthorized, "InvalidAccessToken", "Provided access token is not valid.", "")
	}
	call.setUser(t.claims.str("oid"))
	switch {
	case !isGUID(strings.ToLower(*body.AppID)):
		return validationError("Provided AppId has invalid format.", "appId")
	case !strings.EqualFold(*body.AppID, orDefault(t.claims.str("appid"), t.claims.str("azp"))):
		return validationError("AAD application is not the expected one.", "appId")
	case !strings.EqualFold(*body.UserID, t.claims.str("oid")):
		return validationError("Provided AAD token issued for unexpected user.", "userId")
	}
	expires, _ := t.claims.time("exp") // a good token has one
	// The claims of such a token are not public.
	token := call.resource.signToken("8:orgid:"+t.claims.str("oid"), []string{"chat", "voip"}, expires)
	return jsonAnswer(http.StatusOK, tokenBody(token, expires))
}

func (a *ACS) goodTeamsToken(t *jwt) bool {
	scopes := t.claims.scopes()
	return a.cloud.Entra.genuine(t) && t.validAt(a.cloud.now()) && slices.Contains(teamsAudiences, t.claims.str("aud")) &&
		slices.Contains(scopes, "Teams.ManageCalls") && slices.Contains(scopes, "Teams.ManageChats")
}
