package acsauth_test

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A memoryJournal is a store in memory that keeps a journal.
type memoryJournal struct {
	acsauth.MemoryMapper

	mu      sync.Mutex
	entries map[string]acsauth.JournalEntry
}

var _ acsauth.JournalingMapper = (*memoryJournal)(nil)

func (m *memoryJournal) OpenEntry(_ context.Context, e acsauth.JournalEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[string]acsauth.JournalEntry{}
	}
	m.entries[e.ID] = e
	return nil
}

func (m *memoryJournal) IdentifyEntry(_ context.Context, e acsauth.JournalEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, open := m.entries[e.ID]; open {
		m.entries[e.ID] = e
	}
	return nil
}

func (m *memoryJournal) CloseEntry(_ context.Context, e acsauth.JournalEntry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, e.ID)
	return nil
}

func (m *memoryJournal) OpenEntries(_ context.Context, u acsauth.User, before time.Time) iter.Seq2[acsauth.JournalEntry, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	open := slices.SortedFunc(maps.Values(m.entries), func(a, b acsauth.JournalEntry) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	return func(yield func(acsauth.JournalEntry, error) bool) {
		for _, e := range open {
			of := u.ObjectID == "" || u.TenantID == e.TenantID && u.ObjectID == e.ObjectID
			if of && e.Opened.Before(before) && !yield(e, nil) {
				return
			}
		}
	}
}
