package acsauth_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// Revoke is about the tokens that are good when it is called, not about those that were
// when another call began.
func TestRevokeJoinsNoneThatHasBegun(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		s := newMemoryService(t, c, new(acsauth.MemoryMapper))
		if _, _, err := s.Create(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		release := c.Inject(cloud.Fault{Op: cloud.OpACSRevoke, When: cloud.AfterEffect, Hang: true, Times: 1})
		go func() { _ = s.Revoke(t.Context(), ada) }() // its answer is late
		synctest.Wait()
		token, _, err := s.Token(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Revoke(t.Context(), ada) }()
		synctest.Wait()
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if c.ACS.TokenValid(token.Token) {
			t.Error("a token that was issued before the call is still good")
		}
	})
}

// A slowClose is a store whose journal takes its time with one entry.
type slowClose struct {
	memoryJournal
	slow           bool
	entered, leave chan struct{}
}

func (s *slowClose) CloseEntry(ctx context.Context, e acsauth.JournalEntry) error {
	if s.slow {
		s.slow = false
		close(s.entered)
		<-s.leave
	}
	return s.memoryJournal.CloseEntry(ctx, e)
}

// Delete leaves no identity behind that was there when it was called, even if another
// call has just deleted one.
func TestDeleteJoinsNoneThatHasBegun(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		store := &slowClose{entered: make(chan struct{}), leave: make(chan struct{})}
		one, two := newMemoryService(t, c, store), newMemoryService(t, c, &store.memoryJournal)
		if _, _, err := one.Create(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		store.slow = true
		go func() { _ = one.Delete(t.Context(), ada) }()
		<-store.entered // all is deleted, and the entry in the journal is being closed
		if _, created, err := two.Create(t.Context(), ada); err != nil || !created {
			t.Fatal(created, err)
		}
		done := make(chan error, 1)
		go func() { done <- one.Delete(t.Context(), ada) }()
		synctest.Wait()
		close(store.leave)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if live := liveIn(c); len(live) != 0 {
			t.Errorf("%v live on", live)
		}
	})
}

// A refusingStore refuses everybody's token, each time that it may answer.
type refusingStore struct {
	acsauth.MemoryMapper
	asked  atomic.Int32
	answer chan struct{}
}

func (s *refusingStore) Lookup(context.Context, acsauth.User) (string, error) {
	s.asked.Add(1)
	<-s.answer
	return "", &acsauth.Error{Name: "invalid_token"}
}

// A refusal of a token is one for all requests that carry it at the same time. Who has
// another token tries that.
func TestRefusalsAreShared(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		store := &refusingStore{answer: make(chan struct{})}
		s := newMemoryService(t, c, store)
		var all sync.WaitGroup
		for i := range 20 {
			u := ada
			u.Assertion = acsauth.NewSecret([]string{"one", "other"}[i/10])
			all.Go(func() {
				_, _, err := s.Create(t.Context(), u)
				wantRefusal(t, err, "invalid_token", "")
			})
			synctest.Wait()
		}
		for want := int32(1); want <= 2; want++ {
			if n := store.asked.Load(); n != want {
				t.Errorf("the store was asked %d times, want %d", n, want)
			}
			store.answer <- struct{}{}
			synctest.Wait()
		}
		all.Wait()
	})
}

// A stuckStore answers nothing but lookups, until whoever asks gives up.
type stuckStore struct{ memoryJournal }

func (*stuckStore) Create(ctx context.Context, _ acsauth.User, _ string) error { return stuck(ctx) }
func (*stuckStore) Delete(ctx context.Context, _ acsauth.User, _ string) error { return stuck(ctx) }
func (*stuckStore) CloseEntry(ctx context.Context, _ acsauth.JournalEntry) error {
	return stuck(ctx)
}

func stuck(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// An operation takes no longer than ServiceConfig says, whoever is slow: 15 seconds,
// and 8 to clean up.
func TestCleaningUpIsBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		s := newMemoryService(t, c, new(stuckStore))
		c.Inject(cloud.Fault{Op: cloud.OpACSDelete, Hang: true})
		began := time.Now()
		_, _, err := s.Create(t.Context(), ada)
		if took := time.Since(began); err == nil || took > 23*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
