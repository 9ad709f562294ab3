package sqlmap_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// maps fails the test unless m maps u to want; "" stands for nothing.
func maps(t testing.TB, m acsauth.IdentityMapper, u acsauth.User, want string) {
	t.Helper()
	got, err := m.Lookup(t.Context(), u)
	switch {
	case want == "" && !errors.Is(err, acsauth.ErrNotMapped):
		t.Errorf("Lookup = %q, %v; want ErrNotMapped", got, err)
	case want != "" && (err != nil || got != want):
		t.Errorf("Lookup = %q, %v; want %q", got, err, want)
	}
}

// lists fails the test unless m lists these mappings, in this order.
func lists(t testing.TB, m acsauth.ListingMapper, want ...acsauth.Mapping) {
	t.Helper()
	var got []acsauth.Mapping
	for mapping, err := range m.Mappings(t.Context()) {
		if err != nil {
			t.Fatalf("Mappings: %v", err)
		}
		got = append(got, mapping)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mappings (-want +got):\n%s", diff)
	}
}

// listsEntries fails the test unless these are the open entries of u, in this order.
func listsEntries(t testing.TB, m acsauth.JournalingMapper, u acsauth.User, want ...acsauth.JournalEntry) {
	t.Helper()
	var got []acsauth.JournalEntry
	for e, err := range m.OpenEntries(t.Context(), u, late) {
		if err != nil {
			t.Fatalf("OpenEntries: %v", err)
		}
		got = append(got, e)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("open entries (-want +got):\n%s", diff)
	}
}

var (
	noon = time.Date(2026, 1, 1, 12, 0, 0, 123456000, time.UTC)
	late = noon.Add(time.Hour)
)

func newEntry(u acsauth.User) acsauth.JournalEntry {
	return acsauth.JournalEntry{
		ID: uuid.NewString(), Kind: acsauth.EntryCreate, TenantID: u.TenantID, ObjectID: u.ObjectID,
		RequestID: "request", Opened: noon,
	}
}

func open(t testing.TB, m acsauth.JournalingMapper, u acsauth.User) acsauth.JournalEntry {
	t.Helper()
	e := newEntry(u)
	if err := m.OpenEntry(t.Context(), e); err != nil {
		t.Fatalf("OpenEntry: %v", err)
	}
	return e
}

// atOnce runs do n times, beginning at the same moment, and waits for all of them.
func atOnce(n int, do func(i int)) {
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			do(i)
		})
	}
	close(start)
	all.Wait()
}

// long returns a text of some length.
func long(n int) string { return strings.Repeat("x", n) }

// fails fails the test unless err is an Error of this kind with this code.
func fails(t testing.TB, err error, kind, code string) {
	t.Helper()
	var failure *sqlmap.Error
	if !errors.As(err, &failure) || failure.FailureKind() != kind || failure.Code != code {
		t.Errorf("%v; want an Error of kind %s with code %q", err, kind, code)
	}
}

// isNotStored fails the test unless err says, or does not say, that nothing was stored.
func isNotStored(t testing.TB, err error, want bool) {
	t.Helper()
	if err == nil || errors.Is(err, acsauth.ErrAlreadyMapped) || errors.Is(err, acsauth.ErrNotStored) != want {
		t.Errorf("Create: %v; want an error, and ErrNotStored %v", err, want)
	}
}
