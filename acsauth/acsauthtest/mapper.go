package acsauthtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// TestMapper proves that an acsauth.IdentityMapper keeps the contract, as far as it
// can be seen from outside. It runs one subtest for each rule, named after it. A
// store that is an acsauth.RenewingMapper, an acsauth.JournalingMapper or an
// acsauth.ListingMapper is held to the rules of these, too.
//
// newMapper is called once for each subtest and once before, and returns an empty
// store, or one that holds nothing about the users that newUser returns. newUser
// returns a user that was never returned before; nil makes up ids.
//
// What goes wrong only if calls coincide is looked for with many calls at once, for
// half a second, and longer if the store is slow. A store that keeps the contract
// never fails; one that breaks it by a hair may pass now and then.
//
// except names the rules that this kind of store cannot keep, such as "delete in one
// step" for one that cannot compare and delete. Say so in its documentation.
func TestMapper(t *testing.T, newMapper func(t *testing.T) acsauth.IdentityMapper, newUser func(t *testing.T) acsauth.User, except ...string) {
	t.Helper()
	madeUp := newUser == nil
	if madeUp {
		newUser = func(*testing.T) acsauth.User {
			return acsauth.User{TenantID: uuid.NewString(), ObjectID: uuid.NewString()}
		}
	}
	all := slices.Concat(mappingRules, raceRules)
	probe := newMapper(t)
	if _, ok := probe.(acsauth.RenewingMapper); ok {
		all = append(all, renewRules...)
	}
	if _, ok := probe.(acsauth.JournalingMapper); ok {
		all = append(all, journalRules...)
	}
	if _, ok := probe.(acsauth.ListingMapper); ok {
		all = append(all, listingRules...)
	}
	for _, name := range except {
		if !slices.ContainsFunc(all, func(r rule) bool { return r.name == name }) {
			t.Errorf("there is no rule %q for this store to be excepted from", name)
		}
	}
	for _, rule := range all {
		if slices.Contains(except, rule.name) || rule.anyUser && !madeUp {
			continue
		}
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.check(&subject{T: t, IdentityMapper: newMapper(t), newUser: newUser})
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
}

// A rule is one sentence of the contract.
type rule struct {
	name, explanation string
	check             func(s *subject)
	anyUser           bool // needs users with ids of its own, which need not exist
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
