package obo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// flights lets everyone who wants the same exchange wait for one. The zero
// value, with a logger, is ready.
type flights struct {
	log *slog.Logger

	mu       sync.Mutex
	underway map[flightKey]*flight
}

// A flightKey holds the claims besides the assertion: an exchange that answers
// a challenge is another one.
type flightKey struct {
	cacheKey
	claims string
}

type flight struct {
	done  chan struct{} // closed when the rest is set
	token string
	err   error
}

// join waits for the exchange under key, which is begun by the first who asks.
// A caller whose context ends stops waiting; the exchange itself goes on, so
// that one who leaves takes nothing from the others. Failures are shared by
// those who waited and by nobody else.
func (f *flights) join(ctx context.Context, key flightKey, exchange func() (string, error)) (string, error) {
	f.mu.Lock()
	fl, ok := f.underway[key]
	if !ok {
		fl = &flight{done: make(chan struct{})}
		if f.underway == nil {
			f.underway = make(map[flightKey]*flight)
		}
		f.underway[key] = fl
		go f.fly(ctx, key, fl, exchange)
	}
	f.mu.Unlock()

	select {
	case <-fl.done:
		return fl.token, fl.err
	case <-ctx.Done():
		return "", gone(ctx)
	}
}

// fly ends, and lets the waiting go, also if exchange panics or ends its
// goroutine: it may run a function of the application's. ctx is for the log alone.
func (f *flights) fly(ctx context.Context, key flightKey, fl *flight, exchange func() (string, error)) {
	fl.err = &Error{Kind: httpx.KindUnusable, Err: errors.New("the exchange ended without a result")}
	defer func() {
		if p := recover(); p != nil {
			// The type only: the value might hold anything.
			fl.err = &Error{Kind: httpx.KindUnusable, Err: fmt.Errorf("the exchange panicked with a %T", p)}
			f.log.ErrorContext(ctx, "panic in an on-behalf-of exchange", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
		}
		f.mu.Lock()
		delete(f.underway, key)
		f.mu.Unlock()
		close(fl.done)
	}()
	fl.token, fl.err = exchange()
}

// gone stands for a caller whose context ended.
func gone(ctx context.Context) *Error {
	return &Error{Kind: httpx.KindTimeout, Err: ctx.Err()}
}
