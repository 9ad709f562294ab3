package acsauth

import (
	"context"
	"iter"
	"time"
)

// An EntryKind says what a [JournalEntry] is about.
type EntryKind string

// The kinds of journal entries.
const (
	// EntryCreate: an identity is being created for the user. Its id is known
	// only once ACS has answered, so that an entry without one stands for an
	// identity that may exist and that nobody can find.
	EntryCreate EntryKind = "create"
	// EntryDelete: the identity is being deleted, and the user's mapping to it.
	EntryDelete EntryKind = "delete"
)

// A JournalEntry is an intent that was written down before it was acted on. It is
// open until it is removed: one that outlives its operation was left by a process
// that died in mid-call.
type JournalEntry struct {
	ID        string    // of the entry, a UUID
	Kind      EntryKind // what was about to be done
	TenantID  string    // of the user
	ObjectID  string    // of the user
	ACSID     string    // the identity; empty while it is not known
	RequestID string    // of the request that began it; may be empty
	Opened    time.Time // when, by the clock of the process that began it
}

// A JournalingMapper is an [IdentityMapper] that also keeps a journal, in the same
// store, and so with the same guarantees. [Service] then opens an entry before it
// creates or deletes an identity, closes it afterwards, and repairs what others
// left open: for a user when that user calls, for everybody in [Service.Reconcile].
//
// Implementations must be safe for concurrent use, by several processes too. The
// conformance suite TestMapper of package acsauthtest includes these methods.
type JournalingMapper interface {
	IdentityMapper

	// OpenEntry writes down a new entry. After an error nobody knows whether it
	// was written, and the operation does not begin. If it was, an entry about a
	// creation stays that names no identity, and a deletion is carried out later, by
	// whoever finds its entry: so it must not be removed again.
	OpenEntry(ctx context.Context, e JournalEntry) error

	// IdentifyEntry writes e.ACSID into the open entry that has the ID of e. If
	// there is none any more, nothing happens, and that is not an error.
	IdentifyEntry(ctx context.Context, e JournalEntry) error

	// CloseEntry removes the entry. One that is not open is not an error.
	CloseEntry(ctx context.Context, e JournalEntry) error

	// OpenEntries yields the open entries of u, or of all users for the zero
	// User, that were opened before a time, the oldest first as far as the
	// store can tell. Entries that are opened or closed meanwhile may be
	// missing or included. The sequence ends with the first error, which comes
	// without an entry.
	OpenEntries(ctx context.Context, u User, before time.Time) iter.Seq2[JournalEntry, error]
}
