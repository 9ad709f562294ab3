package acsidentity_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// A limit refuses requests as a transport with a limit of its own does: without
// sending them, and without reporting a connection.
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
	for _, op := range operations {
		for _, tt := range []struct {
			name    string
			spare   int
			first   http.HandlerFunc
			unknown bool // because of the attempts before
		}{
			{"at once", 0, nil, false},
			{"after a refusal", 1, answer(429, ""), false},
			{"after a server error", 1, answer(503, ""), true},
		} {
			if tt.unknown && isCreate(op.name) {
				continue // which is not tried again
			}
			t.Run(tt.name+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					fake := &acs{}
					if tt.first != nil {
						fake.script = []http.HandlerFunc{tt.first}
					}
					cfg := pipe(t, fake)
					limited := &limit{next: cfg.HTTPClient.Transport, spare: tt.spare}
					cfg.HTTPClient = &http.Client{Transport: limited}
					err := op.call(t.Context(), mustNew(t, cfg))
					e := asError(t, err)
					if e.FailureKind() != "overloaded" || e.StatusCode != 0 || errors.Is(err, acsidentity.ErrOutcomeUnknown) != tt.unknown {
						t.Errorf("error %v of kind %s; outcome unknown: want %v", err, e.FailureKind(), tt.unknown)
					}
					if limited.asked != tt.spare+1 || len(fake.seen()) != tt.spare {
						t.Errorf("%d attempts, %d of which got through", limited.asked, len(fake.seen()))
					}
				})
			})
		}
	}
}
