package acsauth

import (
	"context"
	"errors"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
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
	s.repair(ctx, u)
	acsID, err := s.store.lookup(ctx, u)
	switch {
	case errors.Is(err, ErrNotMapped):
		return nil
	case errors.Is(err, ErrMappingInvalid):
		return s.letGo(ctx, u, "", "invalid")
	case err != nil:
		return err
	case s.isForeign(acsID):
		return s.letGo(ctx, u, acsID, "foreign")
	case s.isDeleted(acsID):
		return s.letGo(ctx, u, acsID, "gone")
	}
	return s.deleteBoth(ctx, u, acsID)
}

// deleteBoth deletes an identity and the mapping to it.
func (s *Service) deleteBoth(ctx context.Context, u User, acsID string) error {
	report, err := s.openReport(ctx, u, EntryDelete, acsID)
	if err != nil {
		return err
	}
	err = s.cfg.Identities.DeleteIdentity(ctx, acsID)
	switch verdict := s.judge(acsID, err); {
	case verdict == foreign:
		report.close(ctx, "foreign")
		return s.letGo(ctx, u, acsID, "foreign")
	case verdict == accepted && err != nil:
		if isRefused(err) {
			report.close(ctx, "not deleted")
		} else {
			report.leave(ctx, err)
		}
		return err
	case err == nil:
		s.learn(acsID)
	}
	s.markDeleted(acsID)
	s.audit(ctx, "identity_deleted", u, acsID)
	if err := s.store.delete(ctx, u, acsID); err != nil {
		report.leave(ctx, err)
		return err
	}
	s.markUnmapped(acsID)
	report.close(ctx, "deleted")
	return nil
}

// isRefused reports whether ACS said that it did not, and will not, do something.
func isRefused(err error) bool {
	var refused *acsidentity.Error
	return errors.As(err, &refused) && refused.StatusCode >= 400 && refused.StatusCode < 500
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
	acsID, err := s.store.lookup(ctx, u)
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
	s.learn(acsID)
	s.audit(ctx, "tokens_revoked", u, acsID)
	return nil
}
