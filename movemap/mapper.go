package movemap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// Config says which stores a mapper is made of. Both fields are required.
type Config struct {
	// From is the old store. It is read, and mappings are deleted from it; it
	// gets no new ones. What has moved stays there until it is deleted.
	From acsauth.IdentityMapper
	// To is the new store. If it keeps a journal ([acsauth.JournalingMapper]), or
	// brings mappings up to date ([acsauth.RenewingMapper]), so does the mapper.
	// If either store's reads may be out of date ([acsauth.LaggingMapper]), so may the
	// mapper's. If both stores can list their mappings ([acsauth.ListingMapper]), it lists
	// what is in either.
	To acsauth.IdentityMapper
}

// New returns a store made of two. It is safe for concurrent use if both of them
// are, and does no I/O. Its errors are those of the stores. As long as the old one
// fails, or has a mapping that is invalid, nothing can be looked up or created for
// users who have not moved. Deletions begin in the old store.
func New(cfg Config) (acsauth.IdentityMapper, error) {
	var mistakes []error
	if cfg.From == nil {
		mistakes = append(mistakes, errors.New("movemap: From is required: the old store"))
	}
	if cfg.To == nil {
		mistakes = append(mistakes, errors.New("movemap: To is required: the new store"))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return withCapabilities(&mapper{cfg.From, cfg.To}), nil
}

type mapper struct{ from, to acsauth.IdentityMapper }

// Lookup implements [acsauth.IdentityMapper]. It moves what it finds in the old
// store alone.
func (m *mapper) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	return m.move(ctx, u, m.to.Lookup)
}

// move looks a mapping up in the new store, and moves it there if it is in the old
// one alone.
func (m *mapper) move(ctx context.Context, u acsauth.User, lookup func(context.Context, acsauth.User) (string, error)) (string, error) {
	acsID, err := lookup(ctx, u)
	if !errors.Is(err, acsauth.ErrNotMapped) {
		return acsID, err
	}
	old, err := m.from.Lookup(ctx, u)
	if err != nil {
		return "", err
	}
	switch err := m.to.Create(ctx, u, old); {
	case err == nil:
		return m.confirm(ctx, u, old)
	case errors.Is(err, acsauth.ErrAlreadyMapped):
		return lookup(ctx, u)
	default:
		return "", err
	}
}

// confirm takes back a mapping that has moved while it was being deleted: that began
// in the old store.
func (m *mapper) confirm(ctx context.Context, u acsauth.User, acsID string) (string, error) {
	if _, err := m.from.Lookup(ctx, u); errors.Is(err, acsauth.ErrNotMapped) {
		return "", errors.Join(err, m.to.Delete(ctx, u, acsID))
	}
	return acsID, nil
}

// Create implements [acsauth.IdentityMapper]. The new store is the arbiter, once
// what is in the old one has moved.
func (m *mapper) Create(ctx context.Context, u acsauth.User, acsID string) error {
	switch held, err := m.Lookup(ctx, u); {
	case err == nil && held == acsID:
		return nil
	case err == nil:
		return fmt.Errorf("movemap: %w", acsauth.ErrAlreadyMapped)
	case !errors.Is(err, acsauth.ErrNotMapped):
		return errors.Join(acsauth.ErrNotStored, err)
	}
	return m.to.Create(ctx, u, acsID)
}

// ReadLag implements [acsauth.LaggingMapper], with the longer of the two stores'.
func (m *mapper) ReadLag() (lag time.Duration) {
	for _, store := range []acsauth.IdentityMapper{m.from, m.to} {
		if lagging, ok := store.(acsauth.LaggingMapper); ok {
			lag = max(lag, lagging.ReadLag())
		}
	}
	return lag
}

// Delete implements [acsauth.IdentityMapper]. The old store comes first: if the
// call ends in between, the mapping is still in the new one, and does not come back
// from the old one after it has gone there.
func (m *mapper) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	if err := m.from.Delete(ctx, u, acsID); err != nil {
		return err
	}
	return m.to.Delete(ctx, u, acsID)
}
