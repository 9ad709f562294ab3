package outbound

import (
	"context"
	"sync/atomic"
	"time"
)

// A Tally adds up the outbound calls that are made for one request. Work that is
// shared counts for the request that caused it, and may go on after that has been
// answered. It is safe for concurrent use.
type Tally struct{ calls, nanoseconds atomic.Int64 }

// Calls returns how many calls have ended, and the sum of their durations, which may
// exceed the time that passed: calls can overlap.
func (t *Tally) Calls() (n int, took time.Duration) {
	return int(t.calls.Load()), time.Duration(t.nanoseconds.Load())
}

func (t *Tally) add(took time.Duration) {
	t.calls.Add(1)
	t.nanoseconds.Add(int64(took))
}

type tallyKey struct{}

// WithTally returns a context in which outbound calls are counted, and their tally.
func WithTally(ctx context.Context) (context.Context, *Tally) {
	t := new(Tally)
	return context.WithValue(ctx, tallyKey{}, t), t
}

func tallyOf(ctx context.Context) *Tally {
	t, _ := ctx.Value(tallyKey{}).(*Tally)
	return t
}
