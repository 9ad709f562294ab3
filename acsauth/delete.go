package acsauth

import (
	"context"
	"errors"
)

// Delete deletes the user's ACS identity, which revokes its tokens, and the
// mapping. It succeeds if there is nothing to delete, and can be repeated after a
// failure until it succeeds. A mapping that cannot be trusted, or whose identity
// belongs to another ACS resource, is removed without touching any identity.
func (s *Service) Delete(ctx context.Context, u User) error {
	_, _, err := s.flights.do(ctx, u, "delete", func(ctx context.Context) (string, error) {
		return "", s.delete(ctx, u)
	})
	return err
}

// delete deletes the identity first and the mapping after, so that a call that
// failed half-way still knows what to finish.
func (s *Service) delete(ctx context.Context, u User) error {
	s.forget(u)
	acsID, err := s.cfg.Mapper.Lookup(ctx, u)
	switch {
	case errors.Is(err, ErrNotMapped):
		return nil
	case errors.Is(err, ErrMappingInvalid):
		return s.letGo(ctx, u, "", "invalid")
	case err != nil:
		return err
	case s.isForeign(acsID):
		return s.letGo(ctx, u, acsID, "foreign")
	case !s.isDeleted(acsID):
		err := s.cfg.Identities.DeleteIdentity(ctx, acsID)
		switch verdict := s.judge(acsID, err); {
		case verdict == foreign:
			return s.letGo(ctx, u, acsID, "foreign")
		case verdict == accepted && err != nil:
			return err
		case err == nil:
			s.learn(resourceOf(acsID))
		}
		s.markDeleted(acsID)
		s.audit(ctx, "identity_deleted", u, acsID)
	}
	return s.cfg.Mapper.Delete(ctx, u, acsID)
}

// Revoke makes ACS refuse all tokens that were issued for the user's identity so
// far, which may take ACS up to 15 minutes. It succeeds if the user has no
// identity, or one that is gone.
func (s *Service) Revoke(ctx context.Context, u User) error {
	_, _, err := s.flights.do(ctx, u, "revoke", func(ctx context.Context) (string, error) {
		return "", s.revoke(ctx, u)
	})
	return err
}

func (s *Service) revoke(ctx context.Context, u User) error {
	acsID, err := s.cfg.Mapper.Lookup(ctx, u)
	switch {
	case errors.Is(err, ErrNotMapped), err == nil && s.isDeleted(acsID):
		return nil
	case err != nil:
		return err
	case s.isForeign(acsID):
		return errForeign
	}
	err = s.cfg.Identities.RevokeTokens(ctx, acsID)
	switch verdict := s.judge(acsID, err); {
	case verdict == gone:
		return nil
	case verdict == foreign:
		return errForeign
	case err != nil:
		return err
	}
	s.learn(resourceOf(acsID))
	s.audit(ctx, "tokens_revoked", u, acsID)
	return nil
}
