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
	unrepaired := s.repair(ctx, u, true)
	acsID, err := s.store.lookup(ctx, u)
	outdated, err := s.deleteShown(ctx, u, acsID, err, unrepaired)
	if err != nil || !outdated || s.store.lag <= 0 {
		return err
	}
	switch next, err := s.store.lookup(ctx, u); {
	case errors.Is(err, ErrNotMapped), errors.Is(err, ErrMappingInvalid):
		return nil
	case err != nil:
		return err
	case next == acsID, s.isDead(next), s.isForeign(next): // it still shows what was removed
		return nil
	default: // whoever deleted that has created another, which shows only now
		_, err = s.deleteBoth(ctx, u, next)
		return err
	}
}

// deleteShown deletes what the store has shown, and reports whether that may have been
// out of date: it was none of our identities, or none that was alive.
func (s *Service) deleteShown(ctx context.Context, u User, acsID string, err error, unrepaired map[string]error) (outdated bool, _ error) {
	switch {
	case errors.Is(err, ErrNotMapped):
		return false, nil
	case errors.Is(err, ErrMappingInvalid):
		return true, s.letGo(ctx, u, "", "invalid")
	case err != nil:
		return false, err
	case s.isForeign(acsID):
		return true, s.letGo(ctx, u, acsID, "foreign")
	case s.isDead(acsID):
		return true, s.letGo(ctx, u, acsID, "gone")
	case unrepaired[acsID] != nil:
		return false, unrepaired[acsID] // it was tried just now, and its entry is open
	}
	return s.deleteBoth(ctx, u, acsID)
}

// deleteBoth deletes an identity and the mapping to it. It reports whether that mapping
// may have been out of date.
func (s *Service) deleteBoth(ctx context.Context, u User, acsID string) (outdated bool, err error) {
	report, err := s.openReport(ctx, u, EntryDelete, acsID)
	if err != nil {
		return false, err
	}
	err = s.cfg.Identities.DeleteIdentity(ctx, acsID)
	// Whatever ACS answers last: an attempt before that may have taken effect.
	unknown := errors.Is(err, acsidentity.ErrOutcomeUnknown)
	if unknown {
		s.note(acsID, doubtful)
	}
	verdict := s.judge(acsID, err)
	if failure := s.confirm(ctx, u, acsID, err); failure != nil {
		verdict, err = accepted, failure
	}
	switch {
	case verdict == foreign:
		err = s.letGo(ctx, u, acsID, "foreign")
		if err != nil && unknown {
			report.leave(ctx, err)
		} else {
			report.close(ctx, "foreign")
		}
		return true, err
	case verdict == accepted && unknown:
		report.leave(ctx, err)
		return false, err
	case verdict == accepted && err != nil:
		report.close(ctx, "not deleted")
		return false, err
	case err == nil:
		s.learn(acsID)
	}
	s.note(acsID, dead)
	s.audit(ctx, "identity_deleted", u, acsID)
	if outdated, err = verdict == gone, nil; outdated {
		err = s.store.catchUp(ctx)
	}
	if err == nil {
		err = s.store.delete(ctx, u, acsID)
	}
	if err != nil {
		report.leave(ctx, err)
		return outdated, err
	}
	s.note(acsID, unmapped)
	report.close(ctx, "deleted")
	return outdated, nil
}
