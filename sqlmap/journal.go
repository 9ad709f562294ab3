package sqlmap

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// OpenEntry implements [acsauth.JournalingMapper]. An entry whose id is open
// already is left as it is, so that a call can be repeated. Texts are refused as
// in [Mapper.Create]; all but the identity have at most 255 bytes.
func (m *Mapper) OpenEntry(ctx context.Context, e acsauth.JournalEntry) error {
	if err := errors.Join(
		checkUser(e.TenantID, e.ObjectID),
		checkID("the id of the entry", e.ID),
		checkText("the kind", string(e.Kind), maxKeyBytes),
		checkText("the request id", e.RequestID, maxKeyBytes),
		checkText("the identity", e.ACSID, maxACSIDBytes),
	); err != nil {
		return fmt.Errorf("sqlmap: OpenEntry: %w", err)
	}
	return m.exec(ctx, "OpenEntry", insertEntry,
		m.resource, e.ID, string(e.Kind), e.TenantID, e.ObjectID, e.ACSID, e.RequestID, m.time(e.Opened))
}

// IdentifyEntry implements [acsauth.JournalingMapper].
func (m *Mapper) IdentifyEntry(ctx context.Context, e acsauth.JournalEntry) error {
	if err := errors.Join(checkID("the id of the entry", e.ID), checkACSID(e.ACSID)); err != nil {
		return fmt.Errorf("sqlmap: IdentifyEntry: %w", err)
	}
	return m.exec(ctx, "IdentifyEntry", updateEntry, e.ACSID, m.resource, e.ID)
}

// CloseEntry implements [acsauth.JournalingMapper].
func (m *Mapper) CloseEntry(ctx context.Context, e acsauth.JournalEntry) error {
	if err := ctx.Err(); err != nil {
		return m.failure("CloseEntry", err)
	}
	if checkID("the id of the entry", e.ID) != nil { // so that it cannot be open
		return nil
	}
	return m.exec(ctx, "CloseEntry", deleteEntry, m.resource, e.ID)
}

// OpenEntries implements [acsauth.JournalingMapper]: the oldest first, 256 at a
// time. No statement is open while the caller looks at an entry. Times are kept to
// the microsecond.
func (m *Mapper) OpenEntries(ctx context.Context, u acsauth.User, before time.Time) iter.Seq2[acsauth.JournalEntry, error] {
	return pages(func(last acsauth.JournalEntry) ([]acsauth.JournalEntry, error) {
		args := []any{m.resource, m.time(before), m.time(last.Opened), last.ID}
		if u.TenantID == "" && u.ObjectID == "" {
			return query(ctx, m, "OpenEntries", scanEntry, selectEntries, args...)
		}
		if err := ctx.Err(); err != nil {
			return nil, m.failure("OpenEntries", err)
		}
		if checkUser(u.TenantID, u.ObjectID) != nil { // so that they cannot have any
			return nil, nil
		}
		return query(ctx, m, "OpenEntries", scanEntry, selectEntriesOfUser, append(args, u.TenantID, u.ObjectID)...)
	})
}

func scanEntry(rows *sql.Rows) (e acsauth.JournalEntry, err error) {
	err = rows.Scan(&e.ID, &e.Kind, &e.TenantID, &e.ObjectID, &e.ACSID, &e.RequestID, (*timestamp)(&e.Opened))
	return e, err
}
