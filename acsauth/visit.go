package acsauth

import (
	"context"
	"errors"
)

// A visit is what is told of one request once it has been answered.
type visit struct {
	ctx  context.Context
	user User
	err  error
}

// identify takes in who was refused, where that is known without a user: the token is
// genuine, but the caller may not call.
func (v *visit) identify(err error) {
	var refused *Error
	if errors.As(err, &refused) && refused.user != nil {
		v.user = *refused.user
	}
}

// report tells the configured function of a visit.
func (h *Handler) report(v *visit) {
	if h.cfg.Observe == nil {
		return
	}
	var refused *Error
	if v.err != nil {
		refused = refusal(v.err)
	}
	h.cfg.Observe(v.ctx, v.user, refused)
}
