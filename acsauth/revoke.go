package acsauth

import (
	"context"
	"errors"
)

// Revoke makes ACS refuse all tokens that were issued for the user's identity so
// far, which may take ACS up to 15 minutes. It succeeds if the user has no
// identity, or one that is gone.
func (s *Service) Revoke(ctx context.Context, u User) error {
	if err := u.check(); err != nil {
		return err
	}
	_, _, err := s.flights.do(ctx, u, "revoke", func(ctx context.Context) (string, error) {
		return "", s.revoke(ctx, u)
	})
	return inWords(err)
}

func (s *Service) revoke(ctx context.Context, u User) error {
	acsID, err := s.store.lookup(ctx, u)
	switch {
	case errors.Is(err, ErrNotMapped), err == nil && s.isDead(acsID):
		return nil
	case err != nil:
		return err
	case s.isForeign(acsID):
		return errForeign
	}
	err = s.cfg.Identities.RevokeTokens(ctx, acsID)
	if err := s.confirm(ctx, u, acsID, err); err != nil {
		return err
	}
	switch verdict := s.judge(acsID, err); {
	case verdict == gone:
		return nil
	case verdict == foreign:
		return errForeign
	case err != nil:
		return err
	}
	s.learn(acsID)
	s.audit(ctx, "tokens_revoked", u, acsID)
	return nil
}
