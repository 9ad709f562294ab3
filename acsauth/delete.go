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
	if err := u.check(); err != nil {
		return err
	}
	_, _, err := s.flights.do(ctx, u, "delete", func(ctx context.Context) (string, error) {
		return "", s.delete(ctx, u)
	})
	return inWords(err)
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
