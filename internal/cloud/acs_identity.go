package cloud

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// tokenRequestBody is the body of a create or an issue. Unknown members are ignored.
type tokenRequestBody struct {
	Scopes        *[]string `json:"scopes"`
	CreateScopes  []string  `json:"createTokenWithScopes"`
	ExpiresInMins *int      `json:"expiresInMinutes"`
}

func (a *ACS) create(call *acsCall) answer {
	body, refusal := readTokenRequest(call)
	if body == nil {
		return refusal
	}
	if len(body.CreateScopes) > 0 {
		if problem := checkScopes(call.version, body.CreateScopes, "createTokenWithScopes"); problem != nil {
			return *problem
		}
	}
	r := call.resource
	id := r.newID()
	call.setUser(id)
	result := map[string]any{"identity": map[string]string{"id": id}}
	var token *accessToken
	if len(body.CreateScopes) > 0 {
		token = r.newToken(id, body.CreateScopes, body.lifetime(call.version), call.signedBy)
		result["accessToken"] = token.body()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	created := r.register(id)
	if token != nil {
		created.remember(token)
	}
	return jsonAnswer(http.StatusCreated, result)
}

func (a *ACS) issue(call *acsCall) answer {
	body, refusal := readTokenRequest(call)
	switch {
	case body == nil:
		return refusal
	case body.Scopes == nil:
		return validationError("Scopes: The Scopes field is required.", "Scopes")
	case len(*body.Scopes) == 0:
		return validationError("Invalid scopes - Scopes field is required.", "scopes")
	}
	if problem := checkScopes(call.version, *body.Scopes, "scopes"); problem != nil {
		return *problem
	}
	r := call.resource
	token := r.newToken(call.id, *body.Scopes, body.lifetime(call.version), call.signedBy)
	r.mu.Lock()
	defer r.mu.Unlock()
	id, refusal := a.own(call)
	if id == nil {
		if refusal.status == http.StatusNoContent {
			refusal = notOwned() // there is no token to give
		}
		return refusal
	}
	id.remember(token)
	return jsonAnswer(http.StatusOK, token.body())
}

func (a *ACS) revoke(call *acsCall) answer {
	call.resource.mu.Lock()
	defer call.resource.mu.Unlock()
	id, refusal := a.own(call)
	if id == nil {
		return refusal
	}
	id.tokens = nil
	return jsonAnswer(http.StatusNoContent, nil)
}

func (a *ACS) delete(call *acsCall) answer {
	call.resource.mu.Lock()
	defer call.resource.mu.Unlock()
	id, refusal := a.own(call)
	if id == nil {
		return refusal
	}
	call.resource.bury(id)
	return jsonAnswer(http.StatusNoContent, nil)
}

// own finds the live identity that the call is about. A nil identity means that
// the answer is final. The caller holds the resource's lock.
func (a *ACS) own(call *acsCall) (*identity, answer) {
	if id := call.resource.identities[call.id]; id != nil && id.Live {
		return id, answer{}
	}
	if !strings.HasPrefix(call.id, "8:acs:"+call.resource.id+"_") {
		return nil, notOwned()
	}
	a.mu.Lock()
	gone := a.gone
	a.mu.Unlock()
	switch gone {
	case GoneNotFound:
		return nil, acsFailure(http.StatusNotFound, "IdentityNotFound", "Provided identity doesn't exist.", "")
	case GoneNoContent:
		return nil, jsonAnswer(http.StatusNoContent, nil)
	default:
		return nil, notOwned()
	}
}

func notOwned() answer {
	return acsFailure(http.StatusUnauthorized, "IdentityNotOwned", "Provided identity doesn't belong to the resource.", "")
}

// readTokenRequest reads and checks a body, which may be absent. A nil body
// means that the answer is final.
func readTokenRequest(call *acsCall) (*tokenRequestBody, answer) {
	body := new(tokenRequestBody)
	if len(call.raw) == 0 {
		return body, answer{}
	}
	if !isJSON(call.Request) {
		return nil, acsFailure(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The content type must be application/json.", "")
	}
	if err := json.Unmarshal(call.raw, body); err != nil { // the real words are not public
		return nil, validationError("The request body is not valid.", "")
	}
	if minutes := body.ExpiresInMins; minutes != nil && call.version >= versionTTL && (*minutes < 60 || *minutes > 1440) {
		return nil, validationError(fmt.Sprintf("ExpiresInMinutes value %d is invalid. Value must be within the [60, 1440] interval.", *minutes),
			"ExpiresInMinutes")
	}
	return body, answer{}
}

// lifetime is how long the token asked for shall live.
func (b *tokenRequestBody) lifetime(version string) time.Duration {
	if b.ExpiresInMins == nil || version < versionTTL {
		return 24 * time.Hour
	}
	return time.Duration(*b.ExpiresInMins) * time.Minute
}

// checkScopes returns the answer to scopes that the version does not have, or
// nil. Its words are a guess.
func checkScopes(version string, scopes []string, target string) *answer {
	known := []string{"chat", "voip"}
	if version >= versionJoin {
		known = append(known, "chat.join", "chat.join.limited", "voip.join")
	}
	for _, scope := range scopes {
		if !slices.Contains(known, scope) {
			refusal := validationError("Invalid scopes - Scope '"+scope+"' is not supported.", target)
			return &refusal
		}
	}
	return nil
}
