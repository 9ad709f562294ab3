package acsauthtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// TestMapper proves that an acsauth.IdentityMapper keeps the contract, as far as it
// can be seen from outside. It runs one subtest for each rule, named after it.
//
// newMapper is called once for each subtest, and returns an empty store, or one
// that holds nothing about the users that newUser returns. newUser returns a user
// that was never returned before; nil makes up ids.
func TestMapper(t *testing.T, newMapper func(t *testing.T) acsauth.IdentityMapper, newUser func(t *testing.T) acsauth.User) {
	t.Helper()
	madeUp := newUser == nil
	if madeUp {
		newUser = func(*testing.T) acsauth.User {
			return acsauth.User{TenantID: uuid.NewString(), ObjectID: uuid.NewString()}
		}
	}
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			s := &subject{T: t, IdentityMapper: newMapper(t), newUser: newUser, madeUp: madeUp}
			rule.check(s)
			if t.Failed() {
				t.Logf("The rule: %s", rule.explanation)
			}
		})
	}
}

// A subject is a store under test.
type subject struct {
	*testing.T
	acsauth.IdentityMapper

	newUser func(t *testing.T) acsauth.User
	madeUp  bool // users need not exist: any ids will do
}

func (s *subject) user() acsauth.User { return s.newUser(s.T) }

// newID returns an identity that no store has seen.
func newID() string {
	return "8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_" + uuid.NewString()
}

// maps fails the test unless the store maps u to want; "" stands for nothing.
func (s *subject) maps(u acsauth.User, want string) {
	s.Helper()
	got, err := s.Lookup(s.Context(), u)
	switch {
	case want == "" && !errors.Is(err, acsauth.ErrNotMapped):
		s.Errorf("Lookup = %q, %v; want ErrNotMapped", got, err)
	case want != "" && (err != nil || got != want):
		s.Errorf("Lookup = %q, %v; want %q", got, err, want)
	}
}

func (s *subject) create(u acsauth.User, id string) {
	s.Helper()
	if err := s.Create(s.Context(), u, id); err != nil {
		s.Fatalf("Create: %v", err)
	}
}

func (s *subject) delete(u acsauth.User, id string) {
	s.Helper()
	if err := s.Delete(s.Context(), u, id); err != nil {
		s.Errorf("Delete: %v", err)
	}
}

var rules = []struct {
	name, explanation string
	check             func(s *subject)
}{
	{
		"absent", "Lookup of a user without a mapping answers ErrNotMapped.",
		func(s *subject) { s.maps(s.user(), "") },
	},
	{
		"stored", "What Create stored, Lookup returns at once.",
		func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			s.maps(u, id)
		},
	},
	{
		"first one wins", "Create never replaces a mapping: it answers ErrAlreadyMapped and leaves it alone.",
		func(s *subject) {
			u, first := s.user(), newID()
			s.create(u, first)
			if err := s.Create(s.Context(), u, newID()); !errors.Is(err, acsauth.ErrAlreadyMapped) {
				s.Errorf("second Create: %v; want ErrAlreadyMapped", err)
			}
			s.maps(u, first)
		},
	},
	{
		"repeated", "Create with the value that is stored succeeds, since a call whose answer got lost is repeated.",
		func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			s.create(u, id)
			s.maps(u, id)
		},
	},
	{
		"delete", "Delete of the stored value removes the mapping, and Create may follow.",
		func(s *subject) {
			u, first, second := s.user(), newID(), newID()
			s.create(u, first)
			s.delete(u, first)
			s.maps(u, "")
			s.create(u, second)
			s.maps(u, second)
		},
	},
	{
		"delete compares", "Delete of another value than the stored one does nothing, and is not an error.",
		func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			s.delete(u, newID())
			s.maps(u, id)
		},
	},
	{
		"delete is idempotent", "Delete of an absent mapping is not an error.",
		func(s *subject) {
			u, id := s.user(), newID()
			s.delete(u, id)
			s.create(u, id)
			s.delete(u, id)
			s.delete(u, id)
			s.maps(u, "")
		},
	},
	{
		"delete of invalid ones spares valid ones", "Delete without a value removes invalid mappings only.",
		func(s *subject) {
			u, id := s.user(), newID()
			s.delete(u, "")
			s.create(u, id)
			s.delete(u, "")
			s.maps(u, id)
		},
	},
	{
		"no empty identity", "Create refuses an empty identity, which nobody could tell from none.",
		func(s *subject) {
			u := s.user()
			if err := s.Create(s.Context(), u, ""); !errors.Is(err, acsauth.ErrNotStored) {
				s.Errorf("Create: %v; want ErrNotStored", err)
			}
			s.maps(u, "")
		},
	},
	{
		"users apart", "A user's mapping is nobody else's: neither of those with the same object id in another tenant, nor of those with the same tenant.",
		func(s *subject) {
			one := s.user()
			others := []acsauth.User{s.user()}
			if s.madeUp {
				others = append(others,
					acsauth.User{TenantID: uuid.NewString(), ObjectID: one.ObjectID},
					acsauth.User{TenantID: one.TenantID, ObjectID: uuid.NewString()})
			}
			first := newID()
			s.create(one, first)
			for _, other := range others {
				s.maps(other, "")
				s.delete(other, first)
				id := newID()
				s.create(other, id)
				s.maps(other, id)
			}
			s.maps(one, first)
		},
	},
	{
		"cancelled", "An ended context ends every call with an error, and a Create that says ErrNotStored has not stored.",
		func(s *subject) {
			u, id := s.user(), newID()
			ctx, cancel := context.WithCancel(s.Context())
			cancel()
			if _, err := s.Lookup(ctx, u); err == nil || errors.Is(err, acsauth.ErrNotMapped) {
				s.Errorf("Lookup: %v; want an error that is not ErrNotMapped", err)
			}
			err := s.Create(ctx, u, id)
			if err == nil {
				s.Error("Create succeeded")
			}
			if errors.Is(err, acsauth.ErrNotStored) {
				s.maps(u, "")
			}
			if err := s.Delete(ctx, u, id); err == nil {
				s.Error("Delete succeeded")
			}
		},
	},
	{
		"one winner", "Of many concurrent Creates exactly one succeeds, the others answer ErrAlreadyMapped, and the winner's value is what is stored.",
		func(s *subject) { s.race(32) },
	},
}

func (s *subject) race(racers int) {
	u := s.user()
	ids, errs := make([]string, racers), make([]error, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		ids[i] = newID()
		all.Go(func() {
			<-start
			errs[i] = s.Create(s.Context(), u, ids[i])
		})
	}
	close(start)
	all.Wait()
	var winners []string
	for i, err := range errs {
		switch {
		case err == nil:
			winners = append(winners, ids[i])
		case !errors.Is(err, acsauth.ErrAlreadyMapped):
			s.Errorf("Create: %v; want nil or ErrAlreadyMapped", err)
		}
	}
	if len(winners) != 1 {
		s.Fatalf("%d of %d concurrent Creates succeeded: %s", len(winners), racers, fmt.Sprint(winners))
	}
	s.maps(u, winners[0])
}
