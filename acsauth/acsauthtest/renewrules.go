package acsauthtest

import (
	"context"
	"errors"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// renewRules hold for an acsauth.RenewingMapper.
var renewRules = []rule{
	{
		name: "renew: as looked up", explanation: "LookupRenew answers what Lookup answers, and leaves that as it is.",
		check: func(s *subject) {
			m := s.IdentityMapper.(acsauth.RenewingMapper)
			u, id := s.user(), newID()
			if got, err := m.LookupRenew(s.Context(), u); !errors.Is(err, acsauth.ErrNotMapped) {
				s.Errorf("LookupRenew = %q, %v; want ErrNotMapped", got, err)
			}
			s.maps(u, "")
			s.create(u, id)
			if got, err := m.LookupRenew(s.Context(), u); err != nil || got != id {
				s.Errorf("LookupRenew = %q, %v; want %q", got, err, id)
			}
			s.maps(u, id)
		},
	},
	{
		name: "renew: cancelled", explanation: "An ended context ends LookupRenew with an error that is not ErrNotMapped.",
		check: func(s *subject) {
			ctx, cancel := context.WithCancel(s.Context())
			cancel()
			if _, err := s.IdentityMapper.(acsauth.RenewingMapper).LookupRenew(ctx, s.user()); err == nil || errors.Is(err, acsauth.ErrNotMapped) {
				s.Errorf("LookupRenew: %v; want an error that is not ErrNotMapped", err)
			}
		},
	},
}
