package acsauth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A lossy store stores its first mapping, and loses the answer to it and all calls
// after that until it is up again.
type lossy struct {
	acsauth.MemoryMapper
	down atomic.Bool
}

var errDown = errors.New("the store is down")

func (f *lossy) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	if f.down.Load() {
		return "", errDown
	}
	return f.MemoryMapper.Lookup(ctx, u)
}

func (f *lossy) Create(ctx context.Context, u acsauth.User, acsID string) error {
	if f.down.Swap(true) {
		return errDown
	}
	return errors.Join(errDown, f.MemoryMapper.Create(ctx, u, acsID))
}

func (f *lossy) Delete(ctx context.Context, u acsauth.User, acsID string) error {
	if f.down.Load() {
		return errDown
	}
	return f.MemoryMapper.Delete(ctx, u, acsID)
}

// An identity that could be neither mapped nor deleted, and turns out to be mapped, is
// not taken for deleted: the next call deletes it, or issues a token for it.
func TestIdentityThatCouldNotBeDiscarded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		next func(ctx context.Context, s *acsauth.Service) error
		live int
	}{
		"delete": {func(ctx context.Context, s *acsauth.Service) error { return s.Delete(ctx, ada) }, 0},
		"token": {func(ctx context.Context, s *acsauth.Service) error {
			_, _, err := s.Token(ctx, ada)
			return err
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
				store, log := new(lossy), new(logBuffer)
				service := newMemoryService(t, c, store, func(cfg *acsauth.ServiceConfig) { cfg.Audit = slog.New(slog.NewJSONHandler(log, nil)) })
				mend := c.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 503, Header: http.Header{"Retry-After": {"60"}}})
				_, _, err := service.Create(t.Context(), ada)
				wantRefusal(t, err, "upstream_unavailable", "")
				mend()
				store.down.Store(false)
				if err := test.next(t.Context(), service); err != nil {
					t.Error(err)
				}
				if live := liveIn(c); len(live) != test.live {
					t.Errorf("%d identities are live, want %d", len(live), test.live)
				}
				if audit := log.lines("audit"); len(audit) != 1 {
					t.Errorf("audit events: %v", audit)
				}
			})
		})
	}
}

// An unruly store does not return from Create.
type unruly struct {
	acsauth.MemoryMapper
	leave func()
}

func (m *unruly) Create(context.Context, acsauth.User, string) error {
	m.leave()
	return nil
}

// If a store does not return after ACS has created an identity, the report says which.
func TestStoreThatDoesNotReturnFromCreate(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(){"it panics": func() { panic("disk on fire") }, "it ends the goroutine": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, func(set *setup) { set.service.Mapper = &unruly{leave: leave} })
			s.want(500, "POST", "/api/user")
			left := s.log.lines("identity report left open")
			if live := s.live(); len(live) != 1 || len(left) != 1 || left[0]["acs_id"] != live[0] {
				t.Errorf("live: %v; reported: %v", live, left)
			}
			if strings.Contains(s.log.String(), "identity report closed") {
				t.Error("the report was closed")
			}
		})
	}
}
