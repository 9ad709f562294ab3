package httpx

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// RetryAfter returns how long the server asks to wait: the headers
// retry-after-ms and x-ms-retry-after-ms (milliseconds) before Retry-After
// (seconds or an HTTP date, RFC 9110 section 10.2.3). ok is false if no header
// holds a usable value. Zero and a date in the past mean a second: to be told to wait
// and to ask again at once would be no wait.
func RetryAfter(h http.Header, now time.Time) (wait time.Duration, ok bool) {
	for _, name := range []string{"retry-after-ms", "x-ms-retry-after-ms"} {
		if ms, ok := count(h.Get(name)); ok {
			return cmp.Or(time.Duration(ms)*time.Millisecond, time.Second), true
		}
	}
	value := h.Get("Retry-After")
	if s, ok := count(value); ok {
		return cmp.Or(time.Duration(s)*time.Second, time.Second), true
	}
	if at, err := http.ParseTime(strings.TrimSpace(value)); err == nil {
		return cmp.Or(max(0, at.Sub(now)), time.Second), true
	}
	return 0, false
}

// count reads a whole number. One that is too large is the largest.
func count(text string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31)
	return n, err == nil || errors.Is(err, strconv.ErrRange)
}

// Retry says how often, and after which delays, a call is tried again.
type Retry struct {
	Max      int           // retries after the first attempt; 0: none
	Base     time.Duration // delay before the first retry, doubled for each further one
	MaxDelay time.Duration // no single delay is longer
}

// DefaultRetry is three attempts, half a second and then a second apart.
var DefaultRetry = Retry{Max: 2, Base: 500 * time.Millisecond, MaxDelay: 5 * time.Second}

// Delay returns the pause before retry number n, counted from zero, of a call
// that was answered with h (nil if there was no answer). ok is false if no
// retry is left, or if the server asks for a longer pause than MaxDelay: the
// caller then passes the server's wish on instead of blocking.
func (r Retry) Delay(n int, h http.Header, now time.Time) (wait time.Duration, ok bool) {
	if n >= r.Max {
		return 0, false
	}
	if asked, told := RetryAfter(h, now); told {
		return asked, asked <= r.MaxDelay
	}
	wait = min(r.MaxDelay, r.Base<<n)
	// Callers that failed together must not come back together. The clock is
	// random enough for that, and makes runs in virtual time repeatable.
	jitter := rand.New(rand.NewPCG(uint64(now.UnixNano()), uint64(n))).Float64()
	return time.Duration(float64(wait) * (0.8 + 0.4*jitter)), true
}

// Sleep waits for d or until ctx ends, whose cause it then returns. It does not
// begin a wait that the context's deadline would cut short.
func Sleep(ctx context.Context, d time.Duration) error {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return context.DeadlineExceeded
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
