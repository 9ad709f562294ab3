package acsauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A MemoryMapper is an [IdentityMapper] that forgets everything when the process
// ends, leaving behind identities that nobody can find again: good for tests and
// trials. The zero value is empty and ready. It is safe for concurrent use, and must
// not be copied.
type MemoryMapper struct {
	mu  sync.Mutex
	ids map[memoryKey]string
}

type memoryKey struct{ tenantID, objectID string }

var _ IdentityMapper = (*MemoryMapper)(nil)

// Lookup implements [IdentityMapper].
func (m *MemoryMapper) Lookup(ctx context.Context, u User) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	key := memoryKey{u.TenantID, u.ObjectID}
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := m.ids[key]; id != "" {
		return id, nil
	}
	return "", ErrNotMapped
}

// Create implements [IdentityMapper].
func (m *MemoryMapper) Create(ctx context.Context, u User, acsID string) error {
	if err := ctx.Err(); err != nil {
		return errors.Join(ErrNotStored, err)
	}
	if acsID == "" {
		return fmt.Errorf("%w: the identity is empty", ErrNotStored)
	}
	key := memoryKey{u.TenantID, u.ObjectID}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch m.ids[key] {
	case acsID:
		return nil
	case "":
		if m.ids == nil {
			m.ids = make(map[memoryKey]string)
		}
		m.ids[key] = acsID
		return nil
	default:
		return ErrAlreadyMapped
	}
}

// Delete implements [IdentityMapper].
func (m *MemoryMapper) Delete(ctx context.Context, u User, acsID string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	key := memoryKey{u.TenantID, u.ObjectID}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ids[key] == acsID {
		delete(m.ids, key)
	}
	return nil
}
