package acsauth

import (
	"context"
	"iter"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// A store is the mapper as [Service] uses it: with whatever it offers besides
// mappings, and with every call observed.
type store struct {
	mapper   IdentityMapper
	renewing RenewingMapper   // nil: its mappings do not grow old
	journal  JournalingMapper // nil: it keeps no journal
	lag      time.Duration    // how far its reads may be behind
	calls    *observer
}

func newStore(mapper IdentityMapper, t TelemetryConfig) *store {
	s := &store{mapper: mapper, calls: t.newObserver("acsauth.store", "How long calls of the mapping store take.")}
	s.renewing, _ = mapper.(RenewingMapper)
	s.journal, _ = mapper.(JournalingMapper)
	if lagging, ok := mapper.(LaggingMapper); ok {
		s.lag = lagging.ReadLag()
	}
	return s
}

func (s *store) lookup(ctx context.Context, u User) (acsID string, err error) {
	err = s.calls.observe(ctx, "lookup", func(ctx context.Context) (err error) {
		acsID, err = s.mapper.Lookup(ctx, u)
		return err
	})
	return acsID, err
}

// lookupRenew looks for a mapping that is about to be used for some time.
func (s *store) lookupRenew(ctx context.Context, u User) (acsID string, err error) {
	if s.renewing == nil {
		return s.lookup(ctx, u)
	}
	err = s.calls.observe(ctx, "lookup", func(ctx context.Context) (err error) {
		acsID, err = s.renewing.LookupRenew(ctx, u)
		return err
	})
	return acsID, err
}

func (s *store) create(ctx context.Context, u User, acsID string) error {
	return s.calls.observe(ctx, "create", func(ctx context.Context) error { return s.mapper.Create(ctx, u, acsID) })
}

func (s *store) delete(ctx context.Context, u User, acsID string) error {
	return s.calls.observe(ctx, "delete", func(ctx context.Context) error { return s.mapper.Delete(ctx, u, acsID) })
}

// catchUp waits until what others have stored before now is to be seen.
func (s *store) catchUp(ctx context.Context) error {
	if s.lag <= 0 {
		return nil
	}
	return httpx.Sleep(ctx, s.lag)
}

// The calls below must not be made without a journal.

func (s *store) openEntry(ctx context.Context, e JournalEntry) error {
	return s.calls.observe(ctx, "journal_open", func(ctx context.Context) error { return s.journal.OpenEntry(ctx, e) })
}

func (s *store) identifyEntry(ctx context.Context, e JournalEntry) error {
	return s.calls.observe(ctx, "journal_identify", func(ctx context.Context) error { return s.journal.IdentifyEntry(ctx, e) })
}

func (s *store) closeEntry(ctx context.Context, e JournalEntry) error {
	return s.calls.observe(ctx, "journal_close", func(ctx context.Context) error { return s.journal.CloseEntry(ctx, e) })
}

// openEntries yields the entries that were opened before a time. It is not
// observed, as its time would be that of whoever uses the entries.
func (s *store) openEntries(ctx context.Context, u User, before time.Time) iter.Seq2[JournalEntry, error] {
	return s.journal.OpenEntries(ctx, u, before)
}
