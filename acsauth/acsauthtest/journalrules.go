package acsauthtest

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// journalRules hold for an acsauth.JournalingMapper.
var journalRules = []rule{
	{
		name: "journal: opened", explanation: "An open entry is listed as it was written, for its user and for everybody, until it is closed.",
		check: func(s *subject) {
			u := s.user()
			first, second := s.open(u, acsauth.EntryDelete, newID()), s.open(u, acsauth.EntryCreate, "")
			s.lists(u, first, second)
			s.listsAmongAll(first, second)
			s.closeEntry(first)
			s.lists(u, second)
			s.closeEntry(second)
			s.lists(u)
		},
	},
	{
		name: "journal: identified", explanation: "IdentifyEntry adds the identity to an open entry, and changes nothing else.",
		check: func(s *subject) {
			u := s.user()
			e, other := s.open(u, acsauth.EntryCreate, ""), s.open(u, acsauth.EntryCreate, "")
			e.ACSID = newID()
			s.identify(e)
			s.identify(e) // repeated, since an answer may get lost
			s.lists(u, e, other)
		},
	},
	{
		name: "journal: closed is closed", explanation: "Neither IdentifyEntry nor CloseEntry of an entry that is not open does anything, nor is it an error.",
		check: func(s *subject) {
			u := s.user()
			e := s.open(u, acsauth.EntryCreate, "")
			s.closeEntry(e)
			s.closeEntry(e)
			e.ACSID = newID()
			s.identify(e)
			s.lists(u)
		},
	},
	{
		name: "journal: repeated", explanation: "OpenEntry with an entry that is open already leaves one entry.",
		check: func(s *subject) {
			u := s.user()
			e := s.open(u, acsauth.EntryCreate, "")
			_ = s.journal().OpenEntry(s.Context(), e) // whether this is an error is the store's affair
			s.lists(u, e)
		},
	},
	{
		name: "journal: age", explanation: "OpenEntries yields entries that were opened before the time given, the oldest first.",
		check: func(s *subject) {
			u := s.user()
			now := time.UnixMilli(time.Now().UnixMilli())
			var entries []acsauth.JournalEntry
			for _, age := range []time.Duration{time.Minute, 3 * time.Hour, 2 * time.Hour} {
				e := newEntry(u, acsauth.EntryCreate, "")
				e.Opened = now.Add(-age)
				s.openEntry(e)
				entries = append(entries, e)
			}
			s.listsBefore(now.Add(-time.Hour), u, entries[1], entries[2])
			s.listsBefore(now, u, entries[1], entries[2], entries[0])
		},
	},
	{
		name: "journal: users apart", explanation: "A user's entries are nobody else's.",
		check: func(s *subject) {
			one, other := s.user(), s.user()
			e := s.open(one, acsauth.EntryCreate, "")
			s.lists(other)
			another := s.open(other, acsauth.EntryCreate, "")
			s.closeEntry(another)
			s.lists(one, e)
		},
	},
	{
		name: "journal: mappings apart", explanation: "Entries are no mappings, and outlive them.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			e := s.open(u, acsauth.EntryCreate, id)
			s.maps(u, "")
			s.create(u, id)
			s.delete(u, id)
			s.lists(u, e)
		},
	},
	{
		name: "journal: at once", explanation: "Entries that are opened and closed at the same time do not disturb each other.",
		check: func(s *subject) {
			u := s.user()
			kept := make([]acsauth.JournalEntry, 8)
			atOnce(len(kept), func(i int) {
				s.closeEntry(s.open(u, acsauth.EntryDelete, newID()))
				kept[i] = s.open(u, acsauth.EntryCreate, "")
			})
			s.lists(u, kept...)
		},
	},
	{
		name: "journal: cancelled", explanation: "An ended context ends every call with an error.",
		check: func(s *subject) {
			e := s.open(s.user(), acsauth.EntryCreate, "")
			ctx, cancel := context.WithCancel(s.Context())
			cancel()
			var listed error
			for _, err := range s.journal().OpenEntries(ctx, acsauth.User{}, time.Now()) {
				listed = err
			}
			for name, err := range map[string]error{
				"OpenEntry":     s.journal().OpenEntry(ctx, newEntry(s.user(), acsauth.EntryCreate, "")),
				"IdentifyEntry": s.journal().IdentifyEntry(ctx, e),
				"CloseEntry":    s.journal().CloseEntry(ctx, e),
				"OpenEntries":   listed,
			} {
				if err == nil {
					s.Errorf("%s succeeded", name)
				}
			}
		},
	},
}

func (s *subject) journal() acsauth.JournalingMapper {
	return s.IdentityMapper.(acsauth.JournalingMapper)
}

// newEntry returns an entry that was opened a moment ago. Times are kept to the
// millisecond, which every store can.
func newEntry(u acsauth.User, kind acsauth.EntryKind, acsID string) acsauth.JournalEntry {
	return acsauth.JournalEntry{
		ID: uuid.NewString(), Kind: kind, TenantID: u.TenantID, ObjectID: u.ObjectID, ACSID: acsID,
		RequestID: uuid.NewString(), Opened: time.UnixMilli(time.Now().UnixMilli()),
	}
}

func (s *subject) open(u acsauth.User, kind acsauth.EntryKind, acsID string) acsauth.JournalEntry {
	s.Helper()
	e := newEntry(u, kind, acsID)
	s.openEntry(e)
	return e
}

func (s *subject) openEntry(e acsauth.JournalEntry) {
	s.Helper()
	if err := s.journal().OpenEntry(s.Context(), e); err != nil {
		s.Errorf("OpenEntry: %v", err)
	}
}

func (s *subject) identify(e acsauth.JournalEntry) {
	s.Helper()
	if err := s.journal().IdentifyEntry(s.Context(), e); err != nil {
		s.Errorf("IdentifyEntry: %v", err)
	}
}

func (s *subject) closeEntry(e acsauth.JournalEntry) {
	s.Helper()
	if err := s.journal().CloseEntry(s.Context(), e); err != nil {
		s.Errorf("CloseEntry: %v", err)
	}
}

// entries returns the open entries of u, or of everybody, from before a time.
func (s *subject) entries(u acsauth.User, before time.Time) (open []acsauth.JournalEntry) {
	s.Helper()
	for e, err := range s.journal().OpenEntries(s.Context(), u, before) {
		if err != nil {
			s.Fatalf("OpenEntries: %v", err)
		}
		e.Opened = time.UnixMilli(e.Opened.UnixMilli()) // comparable, whatever its location was
		open = append(open, e)
	}
	return open
}

// lists fails the test unless these are the open entries of u, in any order.
func (s *subject) lists(u acsauth.User, want ...acsauth.JournalEntry) {
	s.Helper()
	byID := func(a, b acsauth.JournalEntry) int { return cmp.Compare(a.ID, b.ID) }
	got := slices.SortedFunc(slices.Values(s.entries(u, time.Now().Add(time.Minute))), byID)
	if want = slices.SortedFunc(slices.Values(want), byID); !slices.Equal(got, want) {
		s.Errorf("open entries:\n%+v\nwant\n%+v", got, want)
	}
}

// listsBefore fails the test unless these are the ones from before a time, in order.
func (s *subject) listsBefore(before time.Time, u acsauth.User, want ...acsauth.JournalEntry) {
	s.Helper()
	if got := s.entries(u, before); !slices.Equal(got, want) {
		s.Errorf("open entries:\n%+v\nwant\n%+v", got, want)
	}
}

// listsAmongAll fails the test unless each of these is once among everybody's.
func (s *subject) listsAmongAll(want ...acsauth.JournalEntry) {
	s.Helper()
	count := map[acsauth.JournalEntry]int{}
	for _, e := range s.entries(acsauth.User{}, time.Now().Add(time.Minute)) {
		count[e]++
	}
	for _, e := range want {
		if count[e] != 1 {
			s.Errorf("the entry %+v is listed %d times among everybody's", e, count[e])
		}
	}
}
