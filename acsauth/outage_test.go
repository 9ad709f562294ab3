package acsauth_test

import (
	"context"
	"errors"
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
	for _, test := range []struct {
		method, path string
		status       int
		live         int
	}{
		{"DELETE", "/api/user", 204, 0},
		{"GET", "/api/token", 201, 1},
	} {
		t.Run(test.method, func(t *testing.T) {
			t.Parallel()
			store := new(lossy)
			s := newSystem(t, func(set *setup) { set.service.Mapper = store })
			mend := s.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 503, Header: http.Header{"Retry-After": {"60"}}})
			s.want(503, "POST", "/api/user")
			mend()
			store.down.Store(false)
			s.want(test.status, test.method, test.path)
			if live := s.live(); len(live) != test.live {
				t.Errorf("%d identities are live, want %d", len(live), test.live)
			}
			if audit := s.log.lines("audit"); len(audit) != 1 {
				t.Errorf("audit events: %v", audit)
			}
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
