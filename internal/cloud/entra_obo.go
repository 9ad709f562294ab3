package cloud

import (
	"encoding/json"
	"slices"
	"strings"
)

// onBehalfOf exchanges a user's token for our app against one for Graph.
func (e *Entra) onBehalfOf(req *tokenRequest) answer {
	assertion := req.form.Get("assertion")
	if assertion == "" || req.form.Get("requested_token_use") != "on_behalf_of" {
		return e.refuse(req.exchange, codeMissingParameter, "")
	}
	t, err := parseJWT(assertion)
	if err != nil {
		return e.refuse(req.exchange, codeMalformedToken, "")
	}
	if number := e.checkAssertion(req, t); number != 0 {
		return e.refuse(req.exchange, number, "")
	}
	u, ok := e.user(req.tenantID, t.claims.str("oid"))
	if !ok {
		return e.refuse(req.exchange, codeUnknownUser, "")
	}
	req.setUser(u.ObjectID)
	steppedUp := t.claims.steppedUp() || answersChallenge(req.form.Get("claims"))
	if r, refused := e.refusal(u, steppedUp); refused {
		return e.refuse(req.exchange, r.Code, r.Claims)
	}
	scopes := strings.Fields(req.form.Get("scope"))
	granted, number := e.graphScopes(scopes)
	if number != 0 {
		return e.refuse(req.exchange, number, "")
	}
	members := map[string]any{
		"scope": strings.Join(echoedScopes(scopes, granted), " "),
		"access_token": e.GraphToken(u, TokenOptions{Scope: strings.Join(granted, " "), ClientID: e.cloud.ClientID,
			Lifetime: e.tokenLifetime(), StepUp: steppedUp}),
	}
	if slices.Contains(scopes, "offline_access") {
		members["refresh_token"] = "0." + randomSecret() // opaque, and never accepted: nobody should need it
	}
	if slices.Contains(scopes, "openid") {
		members["id_token"] = e.UserToken(u, TokenOptions{Lifetime: e.tokenLifetime(),
			Claims: map[string]any{"scp": nil, "azp": nil, "azpacr": nil}})
	}
	if req.form.Get("client_info") == "1" {
		members["client_info"] = clientInfo(u)
	}
	return e.issued(req, members)
}

// checkAssertion returns the number of the error, 0 if t is a good token of a
// user for our app, in the tenant that the request goes to.
func (e *Entra) checkAssertion(req *tokenRequest, t *jwt) int {
	switch {
	// Entra's real words for a token of another tenant are not public.
	case !e.genuine(t) || t.claims.str("tid") != req.tenantID:
		return AssertionRefused
	case !t.validAt(e.cloud.now()):
		return codeExpired
	case t.claims.str("aud") != e.cloud.ClientID && t.claims.str("aud") != "api://"+e.cloud.ClientID:
		return codeWrongAudience
	case t.claims.str("scp") != "":
		return 0
	case t.claims.str("idtyp") == "app" || t.claims.str("azp")+t.claims.str("appid") != "":
		return codeAppOnlyAssertion
	default:
		return codeIDToken
	}
}

// answersChallenge reports whether the claims parameter asks for more than
// client capabilities, which MSAL sends in it too.
func answersChallenge(claims string) bool {
	var request struct {
		AccessToken map[string]any `json:"access_token"`
	}
	if json.Unmarshal([]byte(claims), &request) != nil {
		return false
	}
	delete(request.AccessToken, "xms_cc")
	return len(request.AccessToken) > 0
}

// graphScopes turns requested scopes into the delegated Graph permissions that
// the token gets: all that were consented to, as a v2.0 endpoint gives them.
func (e *Entra) graphScopes(requested []string) (granted []string, number int) {
	e.mu.Lock()
	granted = slices.Clone(e.permissions)
	e.mu.Unlock()
	resources := make(map[string]bool)
	for _, scope := range requested {
		resource, name := graphResource, scope
		if i := strings.LastIndex(scope, "/"); i >= 0 {
			resource, name = scope[:i], scope[i+1:]
		} else if isOpenIDScope(scope) {
			continue
		}
		if resource == graphAppID {
			resource = graphResource
		}
		resources[resource] = true
		if name != ".default" && !slices.ContainsFunc(granted, func(g string) bool { return strings.EqualFold(g, name) }) {
			number = ConsentRequired
		}
	}
	switch {
	case len(resources) == 0:
		return nil, codeScope
	case len(resources) > 1:
		return nil, codeManyResources
	case !resources[graphResource]:
		return nil, codeUnknownResource
	case len(granted) == 0:
		return nil, ConsentRequired
	}
	return granted, number
}

func isOpenIDScope(s string) bool {
	return s == "openid" || s == "profile" || s == "email" || s == "offline_access"
}

// echoedScopes is the scope member of the answer: what was granted, in full,
// and ".default" if that was asked for. The OpenID scopes are not echoed.
func echoedScopes(requested, granted []string) []string {
	var echoed []string
	for _, name := range granted {
		echoed = append(echoed, graphResource+"/"+name)
	}
	for _, scope := range requested {
		if !isOpenIDScope(scope) && !slices.Contains(echoed, scope) {
			echoed = append(echoed, scope)
		}
	}
	return echoed
}
