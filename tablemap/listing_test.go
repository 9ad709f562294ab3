package tablemap_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

func list(t testing.TB, m acsauth.ListingMapper) (all []acsauth.Mapping) {
	t.Helper()
	for mapping, err := range m.Mappings(context.Background()) {
		if err != nil {
			t.Fatalf("Mappings: %v", err)
		}
		all = append(all, mapping)
	}
	return all
}

// More mappings than there are on a page.
func TestMappingsOnSeveralPages(t *testing.T) {
	t.Parallel()
	engines(t, func(t *testing.T, e engine) {
		w := e.newWorld(t)
		const users = 1001
		numbers := make(chan int)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for n := range numbers {
					mustCreate(t, w, user(n), acsID(n))
				}
			})
		}
		for n := range users {
			numbers <- n
		}
		close(numbers)
		all.Wait()
		w.clear()

		listed := map[string]string{}
		for _, m := range list(t, w) {
			if m.TenantID != tenantID {
				t.Errorf("tenant %q", m.TenantID)
			}
			listed[m.ObjectID] = m.ACSID
		}
		if len(listed) != users || w.requests() != "GET GET GET" {
			t.Errorf("%d mappings with %s, want %d with three requests", len(listed), w.requests(), users)
		}
		for n := range users {
			if listed[user(n).ObjectID] != acsID(n) {
				t.Errorf("user %d is listed with %q", n, listed[user(n).ObjectID])
			}
		}
	})
}

// The service may answer with less than it was asked for, and even with nothing
// but where to go on.
func TestMappingsOnShortPages(t *testing.T) {
	t.Parallel()
	w, service := newFake(t)
	for n := range 5 {
		mustCreate(t, w, user(n), acsID(n))
	}
	w.clear()
	service.page, service.lazy = 2, true
	if got := list(t, w); len(got) != 5 || w.requests() != "GET GET GET GET" {
		t.Errorf("%d mappings with %s, want 5 with four requests", len(got), w.requests())
	}
}

func TestMappingsHaveTheirTime(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	now := time.Date(2026, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 3600))
	cfg := w.config
	cfg.Now = func() time.Time { return now }
	m := newMapper(t, cfg)
	mustCreate(t, m, user(1), acsID(1))
	want := []acsauth.Mapping{{TenantID: tenantID, ObjectID: user(1).ObjectID, ACSID: acsID(1), Created: now}}
	if diff := cmp.Diff(want, list(t, m)); diff != "" {
		t.Errorf("Mappings (-want +got):\n%s", diff)
	}
}

// What was listed before a failure stays good, and a page is asked for again.
func TestMappingsInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			fault fault
			want  string
		}{
			{fault{skip: 1, times: 1, lost: true}, "4 mappings, <nil>, GET GET GET"},
			{fault{skip: 1, status: 403}, "2 mappings, misconfigured, GET GET"},
			{fault{skip: 1, status: 200, body: `{"value":[7]}`}, "2 mappings, unusable, GET GET GET GET"},
			{fault{skip: 1, status: 200, body: `{"value":[null]}`}, "2 mappings, unusable, GET GET"},
			{fault{status: 404, body: refusal("TableNotFound")}, "0 mappings, misconfigured, GET"},
		} {
			w, service := newFake(t)
			for n := range 4 {
				mustCreate(t, w, user(n), acsID(n))
			}
			w.clear()
			service.page = 2
			w.fault(tt.fault)
			count, failure := 0, "<nil>"
			for _, err := range w.Mappings(t.Context()) {
				if err != nil {
					failure = err.(acsauth.Failure).FailureKind()
				} else {
					count++
				}
			}
			if got := fmt.Sprintf("%d mappings, %s, %s", count, failure, w.requests()); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		}
	})
}
