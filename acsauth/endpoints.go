package acsauth

import (
	"net/http"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// teamsTokenHeader is where the sibling samples' clients put it.
const teamsTokenHeader = "Teams-User-Aad-Token"

type userAnswer struct {
	ACSUserIdentity string `json:"acsUserIdentity"`
}

type tokenAnswer struct {
	Token     string      `json:"token"`
	ExpiresOn string      `json:"expiresOn"`
	User      *identifier `json:"user,omitempty"`
}

// An identifier is the union of what clients of both sibling samples read.
type identifier struct {
	CommunicationUserID string `json:"communicationUserId"`
	ID                  string `json:"id"`
	RawID               string `json:"rawId"`
	Kind                string `json:"kind"`
}

func newTokenAnswer(token acsidentity.AccessToken) tokenAnswer {
	return tokenAnswer{Token: token.Token, ExpiresOn: token.ExpiresOn.UTC().Truncate(time.Second).Format(time.RFC3339)}
}

// GET /user
func (h *Handler) getUser(w http.ResponseWriter, r *http.Request, u User) error {
	acsID, err := h.cfg.Service.Identity(r.Context(), u)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, userAnswer{acsID})
	return nil
}

// POST /user. A body is ignored: net/http discards what is small and closes the
// connection otherwise.
func (h *Handler) postUser(w http.ResponseWriter, r *http.Request, u User) error {
	acsID, created, err := h.cfg.Service.Create(r.Context(), u)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	writeJSON(w, status, userAnswer{acsID})
	return nil
}

// DELETE /user
func (h *Handler) deleteUser(w http.ResponseWriter, r *http.Request, u User) error {
	if err := h.cfg.Service.Delete(r.Context(), u); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

// GET /token. 201 is odd for GET, but both sibling samples answer so and clients
// check it.
func (h *Handler) getToken(w http.ResponseWriter, r *http.Request, u User) error {
	token, acsID, err := h.cfg.Service.Token(r.Context(), u)
	if err != nil {
		return err
	}
	answer := newTokenAnswer(token)
	answer.User = &identifier{CommunicationUserID: acsID, ID: acsID, RawID: acsID, Kind: "communicationUser"}
	writeJSON(w, http.StatusCreated, answer)
	return nil
}

// GET /token/teams
func (h *Handler) getTeamsToken(w http.ResponseWriter, r *http.Request, u User) error {
	sent := r.Header.Values(teamsTokenHeader)
	switch {
	case len(sent) == 0 || len(sent) == 1 && sent[0] == "":
		return refuse("invalid_request", "The header teams-user-aad-token is missing or empty. It must hold the user's Entra token for Teams.")
	case len(sent) > 1:
		return refuse("invalid_request", "There must be exactly one header teams-user-aad-token.")
	case len(sent[0]) > maxToken:
		return refuse("invalid_request", "The header teams-user-aad-token is longer than 16 KiB.")
	}
	assertion, err := h.cfg.Authenticator.VerifyTeams(r.Context(), u, sent[0])
	if err != nil {
		return err
	}
	token, err := h.cfg.Service.TeamsToken(r.Context(), assertion)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, newTokenAnswer(token))
	return nil
}

// POST /token/revoke
func (h *Handler) postRevoke(w http.ResponseWriter, r *http.Request, u User) error {
	if err := h.cfg.Service.Revoke(r.Context(), u); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

func writeNothing(w http.ResponseWriter) {
	setHeaders(w)
	w.WriteHeader(http.StatusNoContent)
}
