package tablemap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A Mapper keeps the mappings from users to their ACS identities, and a journal,
// in a table of Azure Table storage or Cosmos DB. Make one with [New] and share
// it: it is safe for concurrent use, and remembers nothing of its users.
//
// Besides the errors that [acsauth.IdentityMapper] names, its methods return an
// [*Error], all of them wrapped. Requests that fail in passing are repeated up to
// two times.
type Mapper struct {
	client  *aztables.Client
	keys    keyspace
	timeout time.Duration // of an attempt
	now     func() time.Time
}

var (
	_ acsauth.IdentityMapper   = (*Mapper)(nil)
	_ acsauth.JournalingMapper = (*Mapper)(nil)
	_ acsauth.ListingMapper    = (*Mapper)(nil)
)

// CreateTable creates the table, unless it is there already. Any number of
// processes may do so at once.
func (m *Mapper) CreateTable(ctx context.Context) error {
	_, err := m.do(ctx, "CreateTable", func(ctx context.Context) error {
		_, err := m.client.CreateTable(ctx, nil)
		return err
	})
	if answers(err, http.StatusConflict, aztables.TableAlreadyExists) {
		return nil
	}
	return err
}

// Lookup implements [acsauth.IdentityMapper] with one request.
func (m *Mapper) Lookup(ctx context.Context, u acsauth.User) (acsID string, err error) {
	partition, err := m.keys.partition(mappings, u)
	if err != nil {
		return "", unusable("Lookup", err)
	}
	found, err := m.get(ctx, "Lookup", partition)
	if err != nil {
		return "", err
	}
	return found.judge()
}

// Create implements [acsauth.IdentityMapper]: the service inserts an entity only
// if there is none with its key, so that of several processes one wins. If an
// entity is in the way that is no valid mapping, the error wraps both
// ErrAlreadyMapped and ErrMappingInvalid.
//
// An identity is at most 1024 characters of visible ASCII.
func (m *Mapper) Create(ctx context.Context, u acsauth.User, acsID string) error {
	partition, err := m.keys.partition(mappings, u)
	if err != nil {
		return notStored(unusable("Create", err))
	}
	if !wellFormed(acsID) {
		return notStored(unusable("Create", errNoIdentity))
	}
	body := newMapping(partition, acsID, m.now()).encode()
	unsettled := false // whether any attempt may have taken effect
	for n := 0; ; n++ {
		open, err := m.do(ctx, "Create", func(ctx context.Context) error {
			_, err := m.client.AddEntity(ctx, body, nil)
			return err
		})
		unsettled = unsettled || open
		switch {
		case err == nil:
			return nil
		case !isConflict(err) && unsettled:
			return err
		case !isConflict(err):
			return notStored(err)
		}
		// The entity in the way may be our own: an attempt whose answer was lost.
		found, err := m.get(ctx, "Create", partition)
		if err != nil {
			return err
		}
		held, judgment := found.judge()
		switch {
		case errors.Is(judgment, acsauth.ErrNotMapped):
			// It has been deleted in between, or another replica answered.
			if !m.pause(ctx, n) {
				return undecided("Create")
			}
		case judgment != nil:
			return fmt.Errorf("%w: %w", acsauth.ErrAlreadyMapped, judgment)
		case held == acsID:
			return nil
		default:
			return fmt.Errorf("tablemap: Create: %w", acsauth.ErrAlreadyMapped)
		}
	}
}

// Delete implements [acsauth.IdentityMapper]: it reads the entity, and deletes it
// if it has not been replaced meanwhile, which the service checks.
func (m *Mapper) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	partition, err := m.keys.partition(mappings, u)
	if err != nil {
		return unusable("Delete", err)
	}
	for n := 0; ; n++ {
		found, err := m.get(ctx, "Delete", partition)
		if err != nil || found == nil {
			return err
		}
		held, judgment := found.judge()
		if acsID == "" && judgment == nil || acsID != "" && (judgment != nil || held != acsID) {
			return nil
		}
		_, err = m.do(ctx, "Delete", func(ctx context.Context) error {
			_, err := m.client.DeleteEntity(ctx, partition, mappingRow, &aztables.DeleteEntityOptions{IfMatch: &found.version})
			return err
		})
		switch {
		case isAbsent(err):
			return nil
		case !answers(err, http.StatusPreconditionFailed):
			return err
		case !m.pause(ctx, n):
			return undecided("Delete")
		}
	}
}

// stored is an entity together with its version.
type stored struct {
	entity

	version azcore.ETag
}

// judge returns the identity that the mapping is to. The error wraps ErrNotMapped
// if there is no entity, and ErrMappingInvalid if it is none that a Mapper wrote.
func (s *stored) judge() (acsID string, err error) {
	if s == nil {
		return "", fmt.Errorf("tablemap: %w", acsauth.ErrNotMapped)
	}
	acsID, ok := s.acsID()
	if !ok {
		return "", fmt.Errorf("tablemap: %w: the entity holds no ACS identity", acsauth.ErrMappingInvalid)
	}
	return acsID, nil
}

// get returns the mapping in a partition, nil if there is none.
func (m *Mapper) get(ctx context.Context, operation, partition string) (*stored, error) {
	var r aztables.GetEntityResponse
	_, err := m.do(ctx, operation, func(ctx context.Context) (err error) {
		r, err = m.client.GetEntity(ctx, partition, mappingRow, nil)
		return err
	})
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := decode(r.Value)
	if err != nil {
		return nil, unusable(operation, err)
	}
	if key, _ := e.text("PartitionKey"); key != partition || r.ETag == "" {
		return nil, unusable(operation, errOtherEntity)
	}
	return &stored{e, r.ETag}, nil
}

func notStored(err error) error {
	return fmt.Errorf("%w: %w", acsauth.ErrNotStored, err)
}
