package acsauthtest

import (
	"context"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// listingRules hold for an acsauth.ListingMapper.
var listingRules = []rule{
	{
		name: "list: all", explanation: "Mappings yields every mapping once, and those that were deleted not at all.",
		check: func(s *subject) {
			want := map[acsauth.Mapping]int{}
			for i := range 25 {
				u, id := s.user(), newID()
				s.create(u, id)
				m := acsauth.Mapping{TenantID: u.TenantID, ObjectID: u.ObjectID, ACSID: id}
				if want[m] = 1; i%5 == 0 {
					s.delete(u, id)
					want[m] = 0
				}
			}
			got := map[acsauth.Mapping]int{}
			for m, err := range s.IdentityMapper.(acsauth.ListingMapper).Mappings(s.Context()) {
				if err != nil {
					s.Fatalf("Mappings: %v", err)
				}
				if age := time.Since(m.Created); !m.Created.IsZero() && (age < -time.Minute || age > time.Hour) {
					s.Errorf("%+v was created %v ago", m, age)
				}
				m.Created = time.Time{}
				got[m]++
			}
			for m, times := range want {
				if got[m] != times {
					s.Errorf("%+v is listed %d times, want %d", m, got[m], times)
				}
			}
		},
	},
	{
		name: "list: ended early", explanation: "The sequence may be left in the middle, and ends with an error if its context does.",
		check: func(s *subject) {
			s.create(s.user(), newID())
			s.create(s.user(), newID())
			for _, err := range s.IdentityMapper.(acsauth.ListingMapper).Mappings(s.Context()) {
				if err != nil {
					s.Errorf("Mappings: %v", err)
				}
				break
			}
			ctx, cancel := context.WithCancel(s.Context())
			cancel()
			var ended error
			for _, err := range s.IdentityMapper.(acsauth.ListingMapper).Mappings(ctx) {
				ended = err
			}
			if ended == nil {
				s.Error("an ended context did not end the sequence with an error")
			}
		},
	},
}
