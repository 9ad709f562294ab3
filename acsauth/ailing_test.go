package acsauth_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// However often a user tries to delete an identity while ACS cannot, each call asks ACS
// about it once, and the journal has one entry of it. Afterwards one call finishes it.
func TestDeletionsWhileACSFails(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		const calls = 50
		journal := new(memoryJournal)
		s := newMemoryService(t, c, journal)
		if _, _, err := s.Create(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
		// A Retry-After that is too long to wait for makes one attempt of each call.
		fails := c.Inject(cloud.Fault{Op: cloud.OpACSDelete, Status: 500, When: cloud.AfterEffect, Header: http.Header{"Retry-After": {"60"}}})
		c.ResetCalls()
		for i := range calls {
			if i%2 == 0 {
				wantRefusal(t, s.Delete(t.Context(), ada), "upstream_unavailable", "")
			} else {
				_, _, err := s.Create(t.Context(), ada)
				wantRefusal(t, err, "upstream_unavailable", "")
			}
		}
		if n := c.CallCount(cloud.OpACSDelete); n != calls {
			t.Errorf("ACS was asked %d times to delete, want %d", n, calls)
		}
		if open := journal.open(); len(open) != 1 {
			t.Errorf("%d entries are open, want 1", len(open))
		}
		fails()
		wantRefusal(t, s.Delete(t.Context(), ada), "", "")
		if live, open := liveIn(c), journal.open(); len(live)+len(open) != 0 {
			t.Errorf("live are %v, open entries %+v", live, open)
		}
	})
}

// Many entries about one identity, of many servers say, are one deletion and one event.
func TestManyEntriesOfOneIdentity(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		journal := new(memoryJournal)
		s := newMemoryService(t, c, journal)
		id, _, err := s.Create(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b", "c"} {
			e := acsauth.JournalEntry{ID: name, Kind: acsauth.EntryDelete, TenantID: ada.TenantID, ObjectID: ada.ObjectID, ACSID: id, Opened: time.Now()}
			if err := journal.OpenEntry(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		c.ResetCalls()
		wantRefusal(t, s.Delete(t.Context(), ada), "", "")
		synctest.Wait()
		if n, open := c.CallCount(cloud.OpACSDelete), journal.open(); n != 1 || len(open) != 0 {
			t.Errorf("ACS was asked %d times to delete, want once; open entries %+v", n, open)
		}
	})
}

// While only deletions hang, tokens are issued: at once, and after a part of the time
// that there is once the entry counts as abandoned.
func TestTokensWhileDeletionsHang(t *testing.T) {
	for name, auto := range map[string]bool{"as configured": false, "provisioned": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
				s := newMemoryService(t, c, new(memoryJournal), func(cfg *acsauth.ServiceConfig) { cfg.AutoProvision = auto })
				id, _, err := s.Create(t.Context(), ada)
				if err != nil {
					t.Fatal(err)
				}
				c.Inject(cloud.Fault{Op: cloud.OpACSDelete, Hang: true})
				wantRefusal(t, s.Delete(t.Context(), ada), "upstream_timeout", "")
				for range 5 {
					began := time.Now()
					if _, issued, err := s.Token(t.Context(), ada); err != nil || issued != id {
						t.Errorf("a token of %s, %v; want one of %s", issued, err, id)
					}
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("it took %v", took)
					}
					time.Sleep(2 * time.Minute)
				}
			})
		})
	}
}

// Nobody hands out the identity in doubt because the store has hidden it at first.
func TestDoubtDespiteStaleReads(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		store := new(forgetful)
		s := newMemoryService(t, c, store)
		doubtful, _, err := s.Create(t.Context(), ada)
		if err != nil {
			t.Fatal(err)
		}
		lost := c.Inject(cloud.Fault{Op: cloud.OpACSDelete, Drop: true, When: cloud.AfterEffect})
		wantRefusal(t, s.Delete(t.Context(), ada), "upstream_unavailable", "")
		lost()
		store.forget = true
		id, created, err := s.Create(t.Context(), ada)
		if err != nil || !created || id == doubtful {
			t.Errorf("Create returns %s, created %v, %v; in doubt is %s", id, created, err, doubtful)
		}
		if live := liveIn(c); !slices.Equal(live, []string{id}) {
			t.Errorf("live are %v, want %s", live, id)
		}
	})
}

// A forgetful store does not see what it holds when it is asked the next time.
type forgetful struct {
	acsauth.MemoryMapper
	forget bool
}

func (s *forgetful) Lookup(ctx context.Context, u acsauth.User) (string, error) {
	if s.forget {
		s.forget = false
		return "", acsauth.ErrNotMapped
	}
	return s.MemoryMapper.Lookup(ctx, u)
}
