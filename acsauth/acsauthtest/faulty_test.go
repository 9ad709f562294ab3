package acsauthtest_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A faulty store keeps the contract, except for one fault. It guards its memory, so
// that the race detector has nothing to find.
type faulty struct {
	fault string

	mu  sync.Mutex
	ids map[string]string
}

// A faultyRenewing store is one that has LookupRenew, too.
type faultyRenewing struct{ *faulty }

var _ acsauth.RenewingMapper = faultyRenewing{}

func newFaulty(fault string) acsauth.IdentityMapper {
	return faultyRenewing{&faulty{fault: fault, ids: map[string]string{}}}
}

func (s *faulty) key(u acsauth.User) string {
	key := u.TenantID + "\xfe\xff" + u.ObjectID
	switch s.fault {
	case "key: one for everybody":
		return ""
	case "key: the object id":
		return u.ObjectID
	case "key: the tenant id":
		return u.TenantID
	case "key: both ids in one":
		return u.TenantID + "|" + u.ObjectID
	case "key: in lower case":
		return strings.ToLower(key)
	}
	return key
}

func (s *faulty) get(u acsauth.User) (id string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known = s.ids[s.key(u)]
	return id, known
}

// pause lets others come in between the steps of an operation.
func (s *faulty) pause(operation string) {
	if s.fault == operation+": in two steps" {
		s.mu.Unlock()
		runtime.Gosched()
		s.mu.Lock()
	}
}

func (s *faulty) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	if err := ctx.Err(); err != nil && s.fault != "lookup: ignores its context" {
		return "", err
	}
	id, known := s.get(u)
	if id == "" && s.fault != "lookup: no error for nobody" && (!known || s.fault != "lookup: no error after delete") {
		return "", acsauth.ErrNotMapped
	}
	return id, nil
}

func (s *faulty) Create(ctx context.Context, u acsauth.User, id string) error {
	if err := ctx.Err(); err != nil {
		if s.fault == "create: says that it has not stored what it has" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.ids[s.key(u)] = id
		}
		return errors.Join(acsauth.ErrNotStored, err)
	}
	if id == "" && s.fault != "create: takes nothing for an identity" {
		return acsauth.ErrNotStored
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.ids[s.key(u)]
	s.pause("create")
	switch {
	case held == id && held != "" && s.fault != "create: cannot be repeated":
		return nil
	case held != "" && s.fault != "create: replaces":
		return acsauth.ErrAlreadyMapped
	case s.fault == "create: stores nothing":
		return nil
	case s.fault == "identity: without white space":
		id = strings.TrimSpace(id)
	}
	s.ids[s.key(u)] = id
	return nil
}

func (s *faulty) Delete(ctx context.Context, u acsauth.User, id string) error {
	if err := ctx.Err(); err != nil && s.fault != "delete: ignores its context" {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.ids[s.key(u)]
	s.pause("delete")
	switch {
	case held == "" && s.fault == "delete: fails for nobody":
		return errors.New("there is nothing to delete")
	case held == "" || s.fault == "delete: does nothing":
		return nil
	case held == id, s.fault == "delete: does not compare", id == "" && s.fault == "delete: takes nothing for everything":
		s.ids[s.key(u)] = "" // deleted
	}
	return nil
}

func (s faultyRenewing) LookupRenew(ctx context.Context, u acsauth.User) (string, error) {
	if err := ctx.Err(); err != nil && s.fault != "renew: ignores its context" {
		return "", err
	}
	id, _ := s.get(u)
	switch {
	case id == "" && s.fault != "renew: no error for nobody":
		return "", acsauth.ErrNotMapped
	case s.fault == "renew: another identity":
		id += "0"
	case s.fault == "renew: deletes":
		return id, s.Delete(ctx, u, id)
	}
	return id, nil
}
