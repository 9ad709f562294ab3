package acsauth

import (
	"container/list"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxBuckets bounds the users that a [userLimit] keeps apart.
const maxBuckets = 100_000

// A userLimit bounds how often each user may call: a token bucket for each.
//
// A user whose bucket is full is one who has none, so what is full again is
// dropped. If more than maxBuckets are not full, the one that was used least
// recently goes, and its user may call as if they had been away: burst more
// requests, for which more than maxBuckets other users had to call since their
// last one. Nobody can bring that about alone.
type userLimit struct {
	rate  rate.Limit
	burst int
	fill  time.Duration // how long an empty bucket takes to be full
	most  int           // of buckets
	now   func() time.Time

	mu     sync.Mutex
	byUser map[string]*list.Element
	recent list.List // of *bucket, latest use first
}

type bucket struct {
	user   string
	used   time.Time // also by requests that were refused
	tokens *rate.Limiter
}

// newUserLimit returns a limit of perSecond requests, and of burst at once.
func newUserLimit(perSecond float64, burst int, now func() time.Time) *userLimit {
	fill := float64(burst) / perSecond * float64(time.Second)
	return &userLimit{
		rate: rate.Limit(perSecond), burst: burst, most: maxBuckets, now: now,
		fill:   time.Duration(min(fill, math.MaxInt64/2)),
		byUser: make(map[string]*list.Element),
	}
}

// admit counts a request of a user. The error says when the next one would be
// admitted; requests that are refused do not put that off.
func (l *userLimit) admit(user string) error {
	wait := l.take(user)
	if wait == 0 {
		return nil
	}
	refusal := standard("rate_limited", nil)
	refusal.RetryAfter = wait
	return refusal
}

// take takes a token from the user's bucket, or returns how long that has to wait.
func (l *userLimit) take(user string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now() // under the lock, so that time only goes forward
	tokens := l.bucket(user, now)
	if tokens.AllowN(now, 1) {
		return 0
	}
	missing := 1 - tokens.TokensAt(now)
	return max(1, time.Duration(missing/float64(l.rate)*float64(time.Second)))
}

// bucket returns the user's bucket, and drops what is not needed. The lock is held.
func (l *userLimit) bucket(user string, now time.Time) *rate.Limiter {
	if found, ok := l.byUser[user]; ok {
		b := found.Value.(*bucket)
		b.used = now
		l.recent.MoveToFront(found)
		return b.tokens
	}
	for last := l.recent.Back(); last != nil; last = l.recent.Back() {
		b := last.Value.(*bucket)
		if len(l.byUser) < l.most && now.Sub(b.used) < l.fill {
			break
		}
		delete(l.byUser, b.user)
		l.recent.Remove(last)
	}
	b := &bucket{user: user, used: now, tokens: rate.NewLimiter(l.rate, l.burst)}
	l.byUser[user] = l.recent.PushFront(b)
	return b.tokens
}
