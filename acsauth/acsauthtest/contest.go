package acsauthtest

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

const (
	contestUsers   = 4
	contestCallers = 4 // for each user

	// A store in memory that does in two steps what takes one has a gap of
	// nanoseconds, which takes some hundred thousand turns to hit. One behind a
	// network has a gap of milliseconds, which a score of turns hits.
	contestTime    = 500 * time.Millisecond
	contestTurns   = 20              // of each caller, at least,
	contestMaxTime = 5 * time.Second // unless that takes longer than this
)

// In a contest, several callers for each of several users create and delete mappings
// as fast as they can, and use the mapping as a lock: whose Create succeeds holds
// it until they begin to delete it. However the calls interleave, no store that
// keeps the contract lets two hold it at once, or takes it from its holder.
//
// A call that fails for another reason, such as too much load, decides nothing.
type contest struct {
	*subject

	// late makes those who lost delete the mapping that was the last to be
	// released, which is gone by then, or about to go.
	late bool

	over   atomic.Bool // a fault was found
	held   atomic.Int64
	failed atomic.Pointer[error] // of a Create, for a reason that decides nothing
}

// A lock is what the callers for one user contend for.
type lock struct {
	user     acsauth.User
	holder   atomic.Pointer[string] // its mapping; nil if nobody has said to hold it
	released atomic.Pointer[string] // the last mapping that was to be deleted
}

func (c *contest) run() {
	locks := make([]*lock, contestUsers)
	for i := range locks {
		none := newID()
		locks[i] = &lock{user: c.user()}
		locks[i].released.Store(&none)
	}
	began := time.Now()
	atOnce(contestUsers*contestCallers, func(i int) {
		base := newID()
		base = base[:len(base)-12]
		for turn := 0; !c.over.Load(); turn++ {
			if spent := time.Since(began); spent > contestMaxTime || spent > contestTime && turn >= contestTurns {
				return
			}
			// Where one processor runs everything, others have to be let in.
			c.turn(locks[i%contestUsers], fmt.Sprintf("%s%012x", base, turn), turn%64 == 63)
		}
	})
	if c.held.Load() == 0 {
		if err := c.failed.Load(); err != nil {
			c.Errorf("Create: %v; want nil or ErrAlreadyMapped", *err)
		}
	}
}

// turn is one attempt of a caller to get the lock, and to let it go again.
func (c *contest) turn(l *lock, id string, yield bool) {
	released := *l.released.Load()
	err := c.Create(c.Context(), l.user, id)
	switch {
	case err == nil:
		c.hold(l, id, yield)
		l.released.Store(&id)
		_ = c.Delete(c.Context(), l.user, id)
		return
	case !errors.Is(err, acsauth.ErrAlreadyMapped):
		c.failed.Store(&err)
		_ = c.Delete(c.Context(), l.user, id) // it may be stored
	case c.late:
		_ = c.Delete(c.Context(), l.user, released)
	}
	if yield {
		runtime.Gosched()
	}
}

// hold finds fault with anybody else who holds the lock, and with anything that
// takes it away.
func (c *contest) hold(l *lock, id string, yield bool) {
	c.held.Add(1)
	if other := l.holder.Swap(&id); other != nil {
		c.fault("Creates of %s and %s both succeeded, with nothing deleted in between", *other, id)
	}
	for range 2 {
		got, err := c.Lookup(c.Context(), l.user)
		if err == nil && got != id || errors.Is(err, acsauth.ErrNotMapped) || errors.Is(err, acsauth.ErrMappingInvalid) {
			c.fault("Lookup = %q, %v; want %q, which nobody has begun to delete", got, err, id)
		}
		if yield {
			runtime.Gosched()
		}
	}
	l.holder.Store(nil)
}

// fault reports the first fault, and ends the contest.
func (c *contest) fault(format string, args ...any) {
	if !c.over.Swap(true) {
		c.Errorf(format, args...)
	}
}
