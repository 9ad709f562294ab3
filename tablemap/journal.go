package tablemap

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// OpenEntry implements [acsauth.JournalingMapper]. An entry with this ID that the
// user has already is left as it is, which is not an error. The ids of the entry and
// of its request are at most 255 and 256 characters.
func (m *Mapper) OpenEntry(ctx context.Context, e acsauth.JournalEntry) error {
	partition, err := m.entryPartition(e)
	if err != nil {
		return unusable("OpenEntry", err)
	}
	body := newEntry(partition, e).encode()
	_, err = m.do(ctx, "OpenEntry", func(ctx context.Context) error {
		_, err := m.client.AddEntity(ctx, body, nil)
		return err
	})
	if isConflict(err) { // with an earlier attempt
		return nil
	}
	return err
}

// IdentifyEntry implements [acsauth.JournalingMapper].
func (m *Mapper) IdentifyEntry(ctx context.Context, e acsauth.JournalEntry) error {
	partition, err := m.entryPartition(e)
	if err != nil {
		return unusable("IdentifyEntry", err)
	}
	body := newEntry(partition, e).encode()
	_, err = m.do(ctx, "IdentifyEntry", func(ctx context.Context) error {
		_, err := m.client.UpdateEntity(ctx, body, &aztables.UpdateEntityOptions{UpdateMode: aztables.UpdateModeReplace})
		return err
	})
	if isAbsent(err) {
		return nil
	}
	return err
}

// CloseEntry implements [acsauth.JournalingMapper].
func (m *Mapper) CloseEntry(ctx context.Context, e acsauth.JournalEntry) error {
	partition, err := m.entryPartition(e)
	if err != nil {
		return unusable("CloseEntry", err)
	}
	_, err = m.do(ctx, "CloseEntry", func(ctx context.Context) error {
		_, err := m.client.DeleteEntity(ctx, partition, escape(e.ID), nil)
		return err
	})
	if isAbsent(err) {
		return nil
	}
	return err
}

// OpenEntries implements [acsauth.JournalingMapper]. It reads up to 500 entries
// with one request, and sorts those: entries of a user are in order unless there
// are more, those of everybody are not.
//
// An entity that is no entry ends the sequence with an error: it stands for
// something that somebody has to look at.
func (m *Mapper) OpenEntries(ctx context.Context, u acsauth.User, before time.Time) iter.Seq2[acsauth.JournalEntry, error] {
	return func(yield func(acsauth.JournalEntry, error) bool) {
		filter := m.keys.all(journal)
		if u.TenantID != "" || u.ObjectID != "" {
			partition, err := m.keys.partition(journal, u)
			if err != nil {
				yield(acsauth.JournalEntry{}, unusable("OpenEntries", err))
				return
			}
			filter = fmt.Sprintf("PartitionKey eq '%s'", partition)
		}
		for page, err := range m.pages(ctx, "OpenEntries", filter) {
			if err != nil {
				yield(acsauth.JournalEntry{}, err)
				return
			}
			entries, err := m.entries(page)
			slices.SortStableFunc(entries, func(a, b acsauth.JournalEntry) int { return a.Opened.Compare(b.Opened) })
			for _, e := range entries {
				if e.Opened.Before(before) && !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(acsauth.JournalEntry{}, err)
				return
			}
		}
	}
}

// entries returns the entries of a page. The error is about one that is none.
func (m *Mapper) entries(page []entity) (entries []acsauth.JournalEntry, err error) {
	for _, stored := range page {
		if e, ok := stored.entry(m.keys); ok {
			entries = append(entries, e)
		} else {
			row, _ := stored.text("RowKey")
			err = unusable("OpenEntries", fmt.Errorf("the journal entry with the row key %q cannot be read: mend or delete it by hand", row))
		}
	}
	return entries, err
}

// entryPartition returns the partition that e is in.
func (m *Mapper) entryPartition(e acsauth.JournalEntry) (string, error) {
	switch {
	case e.ID == "" || len(escape(e.ID)) > maxRow || len(e.RequestID) > maxRequest:
		return "", errEntryID
	case e.ACSID != "" && !wellFormed(e.ACSID):
		return "", errNoIdentity
	}
	return m.keys.partition(journal, acsauth.User{TenantID: e.TenantID, ObjectID: e.ObjectID})
}
