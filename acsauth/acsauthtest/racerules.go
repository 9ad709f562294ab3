package acsauthtest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// raceRules are what holds when many call at once, or give up in the middle.
var raceRules = []rule{
	{
		name:        "one winner",
		explanation: "Of many concurrent Creates exactly one succeeds, the others answer ErrAlreadyMapped, and the winner's value is what is stored.",
		check: func(s *subject) {
			const racers = 32
			u := s.user()
			ids, errs := make([]string, racers), make([]error, racers)
			atOnce(racers, func(i int) {
				ids[i] = newID()
				errs[i] = s.Create(s.Context(), u, ids[i])
			})
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
		},
	},
	{
		name:        "one value from many",
		explanation: "Concurrent Creates with one value, which is what repeated calls are, all succeed.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			atOnce(8, func(int) { s.create(u, id) })
			s.maps(u, id)
		},
	},
	{
		name:        "delete races",
		explanation: "Of concurrent Deletes only the one with the stored value has an effect; none is an error.",
		check: func(s *subject) {
			u, id := s.user(), newID()
			s.create(u, id)
			atOnce(8, func(int) { s.delete(u, newID()) })
			s.maps(u, id)
			atOnce(8, func(int) { s.delete(u, id) })
			s.maps(u, "")
		},
	},
	{
		name:        "create in one step",
		explanation: "Create succeeds for nobody else while a mapping is there, at whatever moment it is called.",
		check:       func(s *subject) { (&contest{subject: s}).run() },
	},
	{
		name:        "delete in one step",
		explanation: "Delete compares and deletes in one step: a mapping that was created after the one to be deleted had gone stays, at whatever moment Delete is called.",
		check:       func(s *subject) { (&contest{subject: s, late: true}).run() },
	},
	{
		name:        "unknown outcome",
		explanation: "After a Create that was given up in the middle the store holds its value or none, says ErrNotStored only if it is none, and Create with the same value ends well.",
		check: func(s *subject) {
			for range 10 {
				u, id := s.user(), newID()
				ctx, cancel := context.WithCancel(s.Context())
				var err error
				atOnce(2, func(i int) {
					if i == 0 {
						err = s.Create(ctx, u, id)
					} else {
						cancel()
					}
				})
				switch {
				case err == nil:
					s.maps(u, id)
				case errors.Is(err, acsauth.ErrNotStored):
					s.maps(u, "")
				case errors.Is(err, acsauth.ErrAlreadyMapped):
					s.Errorf("Create: %v, though there is no other mapping", err)
				}
				s.create(u, id)
				s.maps(u, id)
			}
		},
	},
}

// atOnce runs do n times, beginning at the same moment, and waits for all of them.
func atOnce(n int, do func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	all.Wait()
}
