package tablemap_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

type overloaded struct{}

func (overloaded) Error() string       { return "too many calls are under way" }
func (overloaded) FailureKind() string { return "overloaded" }

// A limit refuses requests as a transport with a limit of its own does: without
// sending them.
type limit struct{ asked int }

func (l *limit) RoundTrip(*http.Request) (*http.Response, error) {
	l.asked++
	return nil, overloaded{}
}

// What a limit of our own refuses has not been sent, and is not tried again.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := newFake(t)
		limited := new(limit)
		w.next = limited
		_, err := w.Lookup(t.Context(), user(1))
		wantFailure(t, err, "overloaded")
		if limited.asked != 1 {
			t.Errorf("Lookup made %d attempts", limited.asked)
		}
		err = w.Create(t.Context(), user(1), acsID(1))
		wantFailure(t, err, "overloaded")
		if !errors.Is(err, acsauth.ErrNotStored) || limited.asked != 2 {
			t.Errorf("Create, after %d attempts: %v", limited.asked-1, err)
		}
		wantFailure(t, w.Delete(t.Context(), user(1), acsID(1)), "overloaded")
	})
}
