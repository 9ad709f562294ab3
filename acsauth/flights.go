package acsauth

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

var (
	// errClosed: the service has been closed.
	errClosed = &Error{Name: "overloaded", Message: "This server is shutting down."}
	// errEnded: a run neither returned nor panicked.
	errEnded = internal(detail{errors.New("an operation ended its goroutine")})
)

// flights runs the operations of each user one after another, and lets callers
// who want the same thing at the same time share one run. A run is detached from
// whoever asked for it: once begun it is finished, even if the caller goes away.
type flights struct {
	timeout time.Duration // of one run
	logger  *slog.Logger

	mu      sync.Mutex
	users   map[string]*userFlights
	running sync.WaitGroup
	closed  bool
}

type userFlights struct {
	queued int // runs that hold or wait for the turn
	turn   chan struct{}
	byOp   map[string]*flight
}

// A flight is one run. What it yields may be read once done is closed.
type flight struct {
	by   Secret // the token of whoever began it
	done chan struct{}
	id   string
	err  error
}

func newFlights(timeout time.Duration, logger *slog.Logger) *flights {
	return &flights{timeout: timeout, logger: logger, users: make(map[string]*userFlights)}
}

// do runs operation for u and returns the ACS identity that it yields, or joins
// the equal operation under way, in which case led is false.
func (f *flights) do(ctx context.Context, u User, name string, operation func(context.Context) (id string, err error)) (id string, led bool, err error) {
	if err := ctx.Err(); err != nil { // what is detached would be done all the same
		return "", false, err
	}
	for {
		run, led, err := f.begin(ctx, u, name, operation)
		if err != nil {
			return "", false, err
		}
		select {
		case <-run.done:
		case <-ctx.Done():
			return "", led, ctx.Err() // not its cause, which may read like a refusal of ours
		}
		// Another token may be too old or too weak where ours is not.
		if !led && isCallersOwn(run.err) && !run.by.Equal(u.Assertion) && ctx.Err() == nil {
			continue
		}
		return run.id, led, run.err
	}
}

// isCallersOwn reports whether an error stems from the token of whoever ran into it.
func isCallersOwn(err error) bool {
	if err == nil {
		return false
	}
	switch refusal(err).Name {
	case "insufficient_claims", "consent_required", "invalid_token", "access_blocked":
		return true
	}
	return false
}

func (f *flights) begin(ctx context.Context, u User, name string, operation func(context.Context) (string, error)) (run *flight, led bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := u.key()
	user := f.users[key]
	if user != nil && user.byOp[name] != nil {
		return user.byOp[name], false, nil
	}
	if f.closed {
		return nil, false, errClosed
	}
	if user == nil {
		user = &userFlights{turn: make(chan struct{}, 1), byOp: make(map[string]*flight)}
		f.users[key] = user
	}
	run = &flight{by: u.Assertion, done: make(chan struct{}), err: errEnded}
	user.byOp[name] = run
	user.queued++
	f.running.Add(1)
	go func() {
		// Deferred, since a store can also end the goroutine that calls it.
		defer f.land(key, name, user, run)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.timeout)
		defer cancel()
		run.id, run.err = f.inTurn(ctx, user, func(ctx context.Context) (string, error) {
			if promisesNow[name] {
				f.depart(user, name, run)
			}
			return operation(ctx)
		})
	}()
	return run, true, nil
}

// promisesNow are the operations that promise something about the moment in which they
// are called: that nothing is left of what there was. Who calls one joins no run that
// has begun, for it may have done its work before.
var promisesNow = map[string]bool{"delete": true, "revoke": true}

// depart keeps others from joining a run.
func (f *flights) depart(user *userFlights, name string, run *flight) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if user.byOp[name] == run {
		delete(user.byOp, name)
	}
}

// land takes a run out of the books, and tells those who wait for it.
func (f *flights) land(key, name string, user *userFlights, run *flight) {
	f.mu.Lock()
	if user.byOp[name] == run {
		delete(user.byOp, name)
	}
	if user.queued--; user.queued == 0 {
		delete(f.users, key)
	}
	f.mu.Unlock()
	close(run.done)
	f.running.Done()
}

// inTurn runs operation when its turn comes, if that is soon: what begins with little
// time left may end half-way, and leave an identity behind that nobody knows.
func (f *flights) inTurn(ctx context.Context, user *userFlights, operation func(context.Context) (string, error)) (id string, err error) {
	soon, cancel := context.WithTimeout(ctx, f.timeout/2)
	defer cancel()
	select {
	case user.turn <- struct{}{}:
		defer func() { <-user.turn }()
	case <-soon.Done():
		return "", soon.Err()
	}
	defer func() {
		if p := recover(); p != nil {
			f.logger.ErrorContext(ctx, "an operation has panicked", "panic", httpx.PanicText(p), "stack", string(debug.Stack()))
			err = internal(detail{errors.New("panic in an operation")})
		}
	}()
	return operation(ctx)
}

// close refuses new runs and waits until those under way have ended.
func (f *flights) close(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	idle := len(f.users) == 0
	f.mu.Unlock()
	if idle {
		return nil
	}
	ended := make(chan struct{})
	go func() {
		f.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
