package acsauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// An Outcome says what became of a journal entry in [Service.Reconcile].
type Outcome string

// What becomes of a journal entry.
const (
	// OutcomeMapped: the identity is mapped as was intended. The entry is closed.
	OutcomeMapped Outcome = "mapped"
	// OutcomeDeleted: the identity was deleted, and with it the user's mapping
	// to it, if there was one. The entry is closed.
	OutcomeDeleted Outcome = "deleted"
	// OutcomeUnknown: nobody knows the identity, nor whether there is one. The
	// entry stays, as the only trace of it, unless DropUnknown is set.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeFailed: the store or ACS failed. The entry stays.
	OutcomeFailed Outcome = "failed"
)

// ReconcileOptions say how [Service.Reconcile] works. The zero value is ready.
type ReconcileOptions struct {
	// MinAge spares entries that are younger, since their operations may be
	// under way. Default: as long as an operation can take, by the Service's
	// Timeout, and half a minute for clocks that differ. Less is safe only
	// while no server is running.
	MinAge time.Duration
	// DryRun makes it look and not touch: outcomes are what would be done.
	DryRun bool
	// DropUnknown closes entries whose identity nobody knows.
	DropUnknown bool
	// Progress, if not nil, is called after each entry, err being not nil only
	// with [OutcomeFailed].
	Progress func(e JournalEntry, outcome Outcome, err error)
}

// Reconcile repairs what was left by operations that never came to their end, such
// as those of a process that was killed: identities that were created and not
// mapped are deleted, deletions are finished. It can be repeated any number of times, and
// run on any number of machines at once, while servers are running too.
//
// It returns how many entries had which outcome. The error is the store's if it
// could not list its entries, or tells that some entries failed; it is
// [errors.ErrUnsupported] if the store keeps no journal ([JournalingMapper]).
func (s *Service) Reconcile(ctx context.Context, o ReconcileOptions) (map[Outcome]int, error) {
	if s.store.journal == nil {
		return nil, fmt.Errorf("acsauth: the mapping store keeps no journal: %w", errors.ErrUnsupported)
	}
	if o.MinAge == 0 {
		o.MinAge = s.abandonedAfter()
	}
	outcomes := make(map[Outcome]int)
	for e, err := range s.store.openEntries(ctx, User{}, s.cfg.Now().Add(-o.MinAge)) {
		if err != nil {
			return outcomes, err
		}
		outcome, err := s.reconcile(ctx, e, o)
		outcomes[outcome]++
		if o.Progress != nil {
			o.Progress(e, outcome, err)
		}
	}
	if failed := outcomes[OutcomeFailed]; failed > 0 {
		return outcomes, fmt.Errorf("acsauth: %d journal entries could not be repaired and stay open", failed)
	}
	return outcomes, nil
}

// reconcile repairs one entry in turn with the operations of its user.
func (s *Service) reconcile(ctx context.Context, e JournalEntry, o ReconcileOptions) (outcome Outcome, err error) {
	if o.DryRun {
		outcome, err = s.foresee(ctx, e.user(), e)
	} else {
		var settled string
		settled, _, err = s.flights.do(ctx, e.user(), "repair "+e.ID, func(ctx context.Context) (string, error) {
			outcome, err := s.repairEntry(ctx, e.user(), e)
			return string(outcome), err
		})
		outcome = Outcome(settled)
		if err == nil && outcome == OutcomeUnknown && o.DropUnknown {
			err = s.store.closeEntry(ctx, e)
		}
	}
	if err != nil {
		outcome = OutcomeFailed
	}
	return outcome, err
}

// repair repairs what was left by operations of a user that never came to their end,
// within a part of the time that there is: a failure must not keep the user from what
// they want now. It returns why identities could not be deleted, by identity.
//
// What may still be under way on another replica is left alone. Not so deletions if it
// is urgent, because the user wants to know whether an identity is alive, or to delete
// it: to delete twice harms nobody. Of several entries about one identity the first
// decides.
func (s *Service) repair(ctx context.Context, u User, urgent bool) (failed map[string]error) {
	if s.store.journal == nil {
		return nil
	}
	failed, deleted := make(map[string]error), make(map[string]bool)
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout/3)
	defer cancel()
	abandoned := s.cfg.Now().Add(-s.abandonedAfter())
	before := abandoned
	if urgent {
		before = s.cfg.Now().Add(clockDifference)
	}
	for e, err := range s.store.openEntries(ctx, u, before) {
		outcome := OutcomeFailed
		switch {
		case err != nil:
		case failed[e.ACSID] != nil, e.Kind == EntryCreate && !e.Opened.Before(abandoned):
			continue
		case deleted[e.ACSID]:
			outcome, err = OutcomeDeleted, s.store.closeEntry(ctx, e)
		default:
			outcome, err = s.repairEntry(ctx, u, e)
			deleted[e.ACSID] = outcome == OutcomeDeleted && err == nil
			if err != nil && e.Kind == EntryDelete {
				failed[e.ACSID] = err
			}
		}
		if err != nil {
			s.cfg.Logger.WarnContext(ctx, "the journal could not be repaired", "report", e.ID, "user", u.Pseudonym(), "error", err)
		} else if outcome != OutcomeUnknown {
			s.cfg.Logger.InfoContext(ctx, "journal entry repaired", "report", e.ID, "user", u.Pseudonym(), "kind", string(e.Kind), "outcome", string(outcome))
		}
	}
	return failed
}

// repairEntry brings what e was opened for u for to its end: a creation is undone
// unless its identity is mapped, a deletion is finished.
func (s *Service) repairEntry(ctx context.Context, u User, e JournalEntry) (Outcome, error) {
	outcome, err := s.foresee(ctx, u, e)
	if err != nil || outcome == OutcomeUnknown {
		return outcome, err
	}
	if outcome == OutcomeDeleted {
		s.note(e.ACSID, doubtful)
		// An identity in our journal is our own: if ACS refuses it, it is gone.
		err := s.cfg.Identities.DeleteIdentity(ctx, e.ACSID)
		if failure := s.confirm(ctx, u, e.ACSID, err); failure != nil {
			return OutcomeFailed, failure
		}
		if s.judge(e.ACSID, err) == accepted && err != nil {
			return OutcomeFailed, err
		}
		s.note(e.ACSID, dead)
		s.forget(u)
		if err := s.store.delete(ctx, u, e.ACSID); err != nil {
			return OutcomeFailed, err
		}
		s.note(e.ACSID, unmapped)
		s.audit(ctx, "identity_repaired", u, e.ACSID, slog.String("report", e.ID))
	}
	return outcome, s.store.closeEntry(ctx, e)
}

// foresee tells what repairing an entry of u will come to.
func (s *Service) foresee(ctx context.Context, u User, e JournalEntry) (Outcome, error) {
	switch {
	case e.ACSID == "":
		return OutcomeUnknown, nil
	case e.Kind == EntryDelete:
		return OutcomeDeleted, nil
	}
	mapped, err := s.store.lookup(ctx, u)
	switch {
	case err == nil && mapped == e.ACSID:
		return OutcomeMapped, nil
	case err == nil, errors.Is(err, ErrNotMapped), errors.Is(err, ErrMappingInvalid):
		return OutcomeDeleted, nil
	}
	return OutcomeFailed, err
}

// clockDifference is how far the clocks of replicas may differ.
const clockDifference = 30 * time.Second

// abandonedAfter is how old an open entry is when its operation cannot be under
// way any more.
func (s *Service) abandonedAfter() time.Duration {
	return s.cfg.Timeout + CleanupTime + clockDifference
}

func (e JournalEntry) user() User { return User{TenantID: e.TenantID, ObjectID: e.ObjectID} }
