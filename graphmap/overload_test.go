package graphmap_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// A limit refuses requests as a transport with a limit of its own does: without
// sending them.
type limit struct {
	next  http.RoundTripper
	spare int // so many requests are let through first
	asked int
}

type overloaded struct{}

func (overloaded) Error() string       { return "too many calls are under way" }
func (overloaded) FailureKind() string { return "overloaded" }

func (l *limit) RoundTrip(r *http.Request) (*http.Response, error) {
	l.asked++
	if l.asked > l.spare {
		return nil, overloaded{}
	}
	return l.next.RoundTrip(r)
}

// What a limit of our own refuses has not been sent, and is not tried again.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		spare     int
		fault     fault // of what is let through
		call      func(t *testing.T, m acsauth.IdentityMapper) error
		notStored bool
	}{
		{"look-up", 0, fault{}, func(t *testing.T, m acsauth.IdentityMapper) error {
			_, err := m.Lookup(t.Context(), user(1))
			return err
		}, false},
		{"creation", 0, fault{}, func(t *testing.T, m acsauth.IdentityMapper) error { return m.Create(t.Context(), user(1), acsID(1)) }, true},
		{"creation, after a refusal", 1, fault{status: 429, times: 1, header: soon}, func(t *testing.T, m acsauth.IdentityMapper) error {
			return m.Create(t.Context(), user(1), acsID(1))
		}, true},
		{"creation, after a server error", 1, fault{status: 503, times: 1, header: soon}, func(t *testing.T, m acsauth.IdentityMapper) error {
			return m.Create(t.Context(), user(1), acsID(1))
		}, false},
		{"removal", 0, fault{}, func(t *testing.T, m acsauth.IdentityMapper) error { return m.Delete(t.Context(), user(1), acsID(1)) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGraph(t)
				if tt.spare > 0 {
					g.fault(tt.fault)
				}
				limited := &limit{next: direct{g}, spare: tt.spare}
				m := newMapper(t, "https://graph.example/v1.0", &http.Client{Transport: limited}, nil)
				err := tt.call(t, m)
				wantFailure(t, err, "overloaded")
				if errors.Is(err, acsauth.ErrNotStored) != tt.notStored {
					t.Errorf("not stored: want %v, error %v", tt.notStored, err)
				}
				// Where the outcome is open, what is stored is looked at.
				if most := tt.spare + 2; limited.asked > most || tt.notStored && limited.asked != tt.spare+1 {
					t.Errorf("%d requests", limited.asked)
				}
			})
		})
	}
}
