package movemap

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A capability is what some stores have besides mappings. [acsauth.Service] finds it
// by the methods that a store has, so a mapper must not have more of them than its
// stores can serve.
type (
	renewing interface {
		LookupRenew(ctx context.Context, u acsauth.User) (string, error)
	}
	journaling interface {
		OpenEntry(ctx context.Context, e acsauth.JournalEntry) error
		IdentifyEntry(ctx context.Context, e acsauth.JournalEntry) error
		CloseEntry(ctx context.Context, e acsauth.JournalEntry) error
		OpenEntries(ctx context.Context, u acsauth.User, before time.Time) iter.Seq2[acsauth.JournalEntry, error]
	}
	listing interface {
		Mappings(ctx context.Context) iter.Seq2[acsauth.Mapping, error]
	}
)

// withCapabilities returns m with the methods that its stores can serve.
func withCapabilities(m *mapper) acsauth.IdentityMapper {
	var r renewing
	if to, ok := m.to.(acsauth.RenewingMapper); ok {
		r = renewer{m, to}
	}
	var l listing
	from, listsOld := m.from.(acsauth.ListingMapper)
	if to, ok := m.to.(acsauth.ListingMapper); ok && listsOld {
		l = lister{from, to}
	}
	j, _ := m.to.(acsauth.JournalingMapper)

	switch {
	case r != nil && j != nil && l != nil:
		return struct {
			*mapper
			renewing
			journaling
			listing
		}{m, r, j, l}
	case r != nil && j != nil:
		return struct {
			*mapper
			renewing
			journaling
		}{m, r, j}
	case r != nil && l != nil:
		return struct {
			*mapper
			renewing
			listing
		}{m, r, l}
	case j != nil && l != nil:
		return struct {
			*mapper
			journaling
			listing
		}{m, j, l}
	case r != nil:
		return struct {
			*mapper
			renewing
		}{m, r}
	case j != nil:
		return struct {
			*mapper
			journaling
		}{m, j}
	case l != nil:
		return struct {
			*mapper
			listing
		}{m, l}
	}
	return m
}

// A renewer brings what is in the new store up to date. What has just moved there is.
type renewer struct {
	mapper *mapper
	to     acsauth.RenewingMapper
}

// LookupRenew implements [acsauth.RenewingMapper].
func (r renewer) LookupRenew(ctx context.Context, u acsauth.User) (string, error) {
	return r.mapper.move(ctx, u, r.to.LookupRenew)
}

type lister struct{ from, to acsauth.ListingMapper }

// Mappings implements [acsauth.ListingMapper]: first what is in the old store alone,
// which takes a look-up in the new one for each, then what is in the new one. This
// order misses nothing that moves meanwhile, but may yield it twice.
func (l lister) Mappings(ctx context.Context) iter.Seq2[acsauth.Mapping, error] {
	return func(yield func(acsauth.Mapping, error) bool) {
		for old, err := range l.from.Mappings(ctx) {
			if err == nil {
				_, err = l.to.Lookup(ctx, acsauth.User{TenantID: old.TenantID, ObjectID: old.ObjectID})
				if err == nil || errors.Is(err, acsauth.ErrMappingInvalid) {
					continue // the new store has the last word
				}
				if errors.Is(err, acsauth.ErrNotMapped) {
					err = nil
				}
			}
			if err != nil {
				yield(acsauth.Mapping{}, err)
				return
			}
			if !yield(old, nil) {
				return
			}
		}
		for found, err := range l.to.Mappings(ctx) {
			if !yield(found, err) {
				return
			}
		}
	}
}
