package acsauth

import (
	"context"
	"net/http"
)

// teamsTokenHeader is where the sibling samples' clients put it.
const teamsTokenHeader = "Teams-User-Aad-Token"

type userAnswer struct {
	ACSUserIdentity string `json:"acsUserIdentity"`
}

// GET /user
func (h *Handler) getUser(ctx context.Context, w http.ResponseWriter, _ *http.Request, u User) error {
	acsID, err := h.cfg.Service.Identity(ctx, u)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, userAnswer{acsID})
	return nil
}

// POST /user. A body is ignored: net/http discards what is small and closes the
// connection otherwise.
func (h *Handler) postUser(ctx context.Context, w http.ResponseWriter, _ *http.Request, u User) error {
	acsID, created, err := h.cfg.Service.Create(ctx, u)
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
func (h *Handler) deleteUser(ctx context.Context, w http.ResponseWriter, _ *http.Request, u User) error {
	if err := h.cfg.Service.Delete(ctx, u); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}

// GET /token
func (h *Handler) getToken(ctx context.Context, w http.ResponseWriter, _ *http.Request, u User) error {
	token, acsID, err := h.cfg.Service.Token(ctx, u)
	if err != nil {
		return err
	}
	writeToken(w, token, acsID)
	return nil
}

// GET /token/teams
func (h *Handler) getTeamsToken(ctx context.Context, w http.ResponseWriter, r *http.Request, u User) error {
	sent := r.Header.Values(teamsTokenHeader)
	switch {
	case len(sent) == 0 || len(sent) == 1 && sent[0] == "":
		return refuse("invalid_request", "The header teams-user-aad-token is missing or empty. It must hold the user's Entra token for Teams.")
	case len(sent) > 1:
		return refuse("invalid_request", "There must be exactly one header teams-user-aad-token.")
	case len(sent[0]) > maxToken:
		return refuse("invalid_request", "The header teams-user-aad-token is longer than 16 KiB.")
	}
	assertion, err := h.cfg.Authenticator.VerifyTeams(ctx, u, sent[0])
	if err != nil {
		return err
	}
	token, err := h.cfg.Service.TeamsToken(ctx, assertion)
	if err != nil {
		return err
	}
	writeToken(w, token, "")
	return nil
}

// POST /token/revoke
func (h *Handler) postRevoke(ctx context.Context, w http.ResponseWriter, _ *http.Request, u User) error {
	if err := h.cfg.Service.Revoke(ctx, u); err != nil {
		return err
	}
	writeNothing(w)
	return nil
}
