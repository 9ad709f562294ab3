package acsauth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A faltering store does not return from its first call.
type faltering struct {
	acsauth.MemoryMapper
	once   sync.Once
	falter func()
}

func (f *faltering) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	f.once.Do(f.falter)
	return f.MemoryMapper.Lookup(ctx, u)
}

// An operation that never returns from the store is an error of its callers', whose
// next call is served as any other, and nothing for Close to wait for.
func TestOperationsThatDoNotReturn(t *testing.T) {
	t.Parallel()
	for name, falter := range map[string]func(){
		"it panics":                 func() { panic("disk on fire") },
		"it ends its own goroutine": runtime.Goexit, // as t.FailNow does
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
				service := newMemoryService(t, c, &faltering{falter: falter})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, _, err := service.Create(ctx, ada)
				wantRefusal(t, err, "internal", "")
				if _, created, err := service.Create(ctx, ada); err != nil || !created {
					t.Errorf("the next call: created %v, %v", created, err)
				}
				if err := service.Close(ctx); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		})
	}
}

// Nothing is begun for a caller who has gone already.
func TestCallersWhoHaveGone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		service := newMemoryService(t, c, new(acsauth.MemoryMapper))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := service.Create(gone, ada)
		synctest.Wait()
		if live := liveIn(c); len(live) > 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("Create: %v, and %d identities", err, len(live))
		}
		if _, _, err := service.Create(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		err = service.Delete(gone, ada)
		synctest.Wait()
		if live := liveIn(c); len(live) != 1 || !errors.Is(err, context.Canceled) {
			t.Errorf("Delete: %v, and %d identities", err, len(live))
		}
	})
}

// What ended a caller's context is none of our refusals, even if it is one: that of
// another call, say, in an errgroup.
func TestCausesOfCallersWhoGo(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		service := newMemoryService(t, c, &faltering{falter: func() { time.Sleep(time.Minute) }})
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(fmt.Errorf("another user: %w", acsauth.ErrNotMapped)) })
		_, _, err := service.Token(ctx, ada)
		wantRefusal(t, err, "upstream_timeout", "")
		if !errors.Is(err, context.Canceled) || errors.Is(err, acsauth.ErrNotMapped) {
			t.Errorf("the error is %v, want %v", err, context.Canceled)
		}
		if err := service.Close(t.Context()); err != nil { // what has begun goes on
			t.Error(err)
		}
	})
}

// An operation whose turn comes late does not begin with too little time left: an
// answer of ACS that is merely slow would come too late, and leave an identity behind
// that nobody knows.
func TestTurnThatComesLate(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		journal := new(memoryJournal)
		service := newMemoryService(t, c, journal)
		acsID, _, err := service.Create(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		c.Inject(cloud.Fault{Op: cloud.OpACSDelete, Hang: true})
		c.Inject(cloud.Fault{Op: cloud.OpACSCreate, When: cloud.AfterEffect, Do: func() { time.Sleep(2 * time.Second) }})
		go func() { _ = service.Delete(t.Context(), ada) }()
		time.Sleep(time.Second)
		if err := journal.Delete(t.Context(), ada, acsID); err != nil { // so that there is one to create
			t.Fatal(err)
		}
		began := time.Now()
		_, _, err = service.Create(t.Context(), ada)
		wantRefusal(t, err, "upstream_timeout", "")
		if waited := time.Since(began); waited != 7500*time.Millisecond {
			t.Errorf("it waited for %v, want half of 15 s", waited)
		}
		time.Sleep(time.Minute)
		for _, e := range journal.open() {
			if e.Kind == acsauth.EntryCreate {
				t.Errorf("an identity may have been left behind: %+v", e)
			}
		}
	})
}

// ada is a user whom no token stands for.
var ada = acsauth.User{TenantID: otherTenant, ObjectID: "00000000-0000-4000-8000-000000000001"}

// newMemoryService returns a service over a store that is no part of the cloud.
func newMemoryService(t *testing.T, c *cloud.Cloud, store acsauth.IdentityMapper, configure ...func(*acsauth.ServiceConfig)) *acsauth.Service {
	t.Helper()
	cfg := acsauth.ServiceConfig{
		Identities: must(t, acsidentity.New, acsidentity.Config{ConnectionString: c.ACS.ConnectionString(), HTTPClient: c.HTTPClient()}),
		Mapper:     store,
		Logger:     slog.New(slog.DiscardHandler),
	}
	for _, change := range configure {
		change(&cfg)
	}
	return must(t, acsauth.NewService, cfg)
}
