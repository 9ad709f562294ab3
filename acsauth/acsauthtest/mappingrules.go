package acsauthtest

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// mappingRules are what one caller after another sees.
var mappingRules = []rule{
	{
		name: "absent", explanation: "Lookup of a user without a mapping answers ErrNotMapped.",
		check: func(s *subject) { s.maps(s.user(), "") },
	},
	{
		name: "stored", explanation: "What Create stored, Lookup returns at once.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			s.maps(u, id)
		},
	},
	{
		name: "first one wins", explanation: "Create never replaces a mapping: it answers ErrAlreadyMapped and leaves it alone.",
		check: func(s *subject) {
			u, first := s.user(), newID()
			s.create(u, first)
			if err := s.Create(s.Context(), u, newID()); !errors.Is(err, acsauth.ErrAlreadyMapped) {
				s.Errorf("second Create: %v; want ErrAlreadyMapped", err)
			}
			s.maps(u, first)
		},
	},
	{
		name: "repeated", explanation: "Create with the value that is stored succeeds, since a call whose answer got lost is repeated.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			s.create(u, id)
			s.maps(u, id)
		},
	},
	{
		name: "delete", explanation: "Delete of the stored value removes the mapping, and Create may follow.",
		check: func(s *subject) {
			u, first, second := s.user(), newID(), newID()
			s.create(u, first)
			s.delete(u, first)
			s.maps(u, "")
			s.create(u, second)
			s.maps(u, second)
		},
	},
	{
		name: "delete compares", explanation: "Delete of another value than the stored one does nothing, and is not an error.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			s.delete(u, newID())
			s.maps(u, id)
		},
	},
	{
		name: "delete is idempotent", explanation: "Delete of an absent mapping is not an error.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			s.delete(u, id)
			s.create(u, id)
			s.delete(u, id)
			s.delete(u, id)
			s.maps(u, "")
		},
	},
	{
		name: "delete of invalid ones spares valid ones", explanation: "Delete without a value removes invalid mappings only.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			s.delete(u, "")
			s.create(u, id)
			s.delete(u, "")
			s.maps(u, id)
		},
	},
	{
		name: "no empty identity", explanation: "Create refuses an empty identity, which nobody could tell from none.",
		check: func(s *subject) {
			u := s.user()
			if err := s.Create(s.Context(), u, ""); !errors.Is(err, acsauth.ErrNotStored) {
				s.Errorf("Create: %v; want ErrNotStored", err)
			}
			s.maps(u, "")
		},
	},
	{
		name: "users apart", explanation: "A user's mapping is nobody else's.",
		check: func(s *subject) { s.apart(s.user(), s.user()) },
	},
	{
		name: "tenants apart", explanation: "Neither the object id nor the tenant id alone is a user.", anyUser: true,
		check: func(s *subject) {
			one := s.user()
			s.apart(one,
				acsauth.User{TenantID: uuid.NewString(), ObjectID: one.ObjectID},
				acsauth.User{TenantID: one.TenantID, ObjectID: uuid.NewString()},
				acsauth.User{TenantID: one.ObjectID, ObjectID: one.TenantID})
		},
	},
	{
		name: "hostile users", explanation: "Ids that no tenant has are kept apart exactly as they are written, or refused.", anyUser: true,
		check: func(s *subject) {
			for _, pair := range hostileUsers {
				ids := make([]string, len(pair))
				for i, u := range pair {
					id := newID()
					if err := s.Create(s.Context(), u, id); err == nil {
						ids[i] = id
					} else if !errors.Is(err, acsauth.ErrNotStored) {
						s.Errorf("Create for %.40q, %.40q: %.200v; want nil or ErrNotStored", u.TenantID, u.ObjectID, err)
					}
				}
				for i, u := range pair {
					if ids[i] != "" {
						s.maps(u, ids[i])
						s.delete(u, ids[i])
						s.maps(u, "")
					}
				}
			}
		},
	},
	{
		name: "hostile identities", explanation: "An identity is kept exactly as it is written, or refused.",
		check: func(s *subject) {
			for _, id := range hostileIdentities {
				u := s.user()
				err := s.Create(s.Context(), u, id)
				if err == nil {
					s.maps(u, id)
					s.delete(u, id)
				} else if !errors.Is(err, acsauth.ErrNotStored) {
					s.Errorf("Create of %.40q: %.200v; want nil or ErrNotStored", id, err)
				}
				s.maps(u, "")
			}
		},
	},
	{
		name: "cancelled", explanation: "An ended context ends every call with an error, and a Create that says ErrNotStored has not stored.",
		check: func(s *subject) {
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
}

// apart fails the test unless each of the users has a mapping of their own.
func (s *subject) apart(one acsauth.User, others ...acsauth.User) {
	s.Helper()
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
}

// hostileUsers are groups of users whom a careless store takes for one, or chokes on.
var hostileUsers = [][]acsauth.User{
	{{TenantID: "a", ObjectID: "b/c"}, {TenantID: "a/b", ObjectID: "c"}},
	{{TenantID: "a|b", ObjectID: "c"}, {TenantID: "a", ObjectID: "b|c"}},
	{{TenantID: "t", ObjectID: "%"}, {TenantID: "t", ObjectID: "_"}, {TenantID: "t", ObjectID: "x"}},
	{{TenantID: "t", ObjectID: "user"}, {TenantID: "t", ObjectID: "USER"}, {TenantID: "t", ObjectID: "user "}},
	{{TenantID: "t", ObjectID: "\u00e9"}, {TenantID: "t", ObjectID: "e\u0301"}},
	{{TenantID: "'; DROP TABLE x; --", ObjectID: "' or '1'='1"}, {TenantID: `\`, ObjectID: `"`}},
	{{TenantID: "t", ObjectID: "a\x00b"}, {TenantID: "t", ObjectID: "a"}},
	{{TenantID: "t", ObjectID: "a\nb?#\\"}, {TenantID: "t", ObjectID: "\xff\xfe"}},
	{{TenantID: "t", ObjectID: strings.Repeat("x", 100_000)}, {TenantID: "t", ObjectID: strings.Repeat("x", 100_001)}},
	{{TenantID: "t2", ObjectID: ""}, {TenantID: "", ObjectID: "t2"}},
}

var hostileIdentities = []string{
	"8:acs:" + strings.Repeat("x", 100_000),
	"8:acs:a\x00b",
	"8:acs:'; DROP TABLE x; --",
	"8:acs:\xff\xfe",
	" 8:acs:a ",
	"8:acs:\u00e9\n",
	"null",
}
