package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A fileStore keeps each mapping in a file of its own. Any number of processes on
// one machine may create and look up mappings; since a file system cannot compare
// and delete, only one of them may delete.
type fileStore struct {
	dir      string
	deleting sync.Mutex
}

var _ acsauth.IdentityMapper = (*fileStore)(nil)

// path tells users apart by tenant and object id together: an object id alone
// means different people in different tenants. It is a hash, so that no id can lead
// out of the directory, or be too long for a name.
func (s *fileStore) path(u acsauth.User) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", u.TenantID, u.ObjectID))
	return filepath.Join(s.dir, hex.EncodeToString(sum[:]))
}

func (s *fileStore) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	id, err := os.ReadFile(s.path(u))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", acsauth.ErrNotMapped
	case err != nil:
		return "", err
	case len(id) == 0:
		return "", acsauth.ErrMappingInvalid
	}
	return string(id), nil
}

func (s *fileStore) Create(ctx context.Context, u acsauth.User, acsID string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", acsauth.ErrNotStored, err)
	}
	if acsID == "" {
		return fmt.Errorf("%w: the identity is empty", acsauth.ErrNotStored)
	}
	complete, err := s.writeTemporary(acsID)
	if err != nil {
		return fmt.Errorf("%w: %w", acsauth.ErrNotStored, err)
	}
	defer os.Remove(complete)
	// A link appears with all of its content or not at all, and only if there is
	// no file of that name: this is what makes one of many creations win.
	err = os.Link(complete, s.path(u))
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if stored, err := s.Lookup(ctx, u); err == nil && stored == acsID {
		return nil
	}
	return acsauth.ErrAlreadyMapped
}

func (s *fileStore) writeTemporary(content string) (path string, err error) {
	f, err := os.CreateTemp(s.dir, ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func (s *fileStore) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	s.deleting.Lock()
	defer s.deleting.Unlock()
	stored, err := s.Lookup(ctx, u)
	switch {
	case errors.Is(err, acsauth.ErrNotMapped):
		return nil
	case errors.Is(err, acsauth.ErrMappingInvalid):
		stored = ""
	case err != nil:
		return err
	}
	if stored != acsID {
		return nil
	}
	if err := os.Remove(s.path(u)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
