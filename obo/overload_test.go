package obo_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

type overloaded struct{}

func (overloaded) Error() string       { return "secret" }
func (overloaded) FailureKind() string { return "overloaded" }

// What a limit of our own refuses is not tried again, and not remembered.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	cfg := entra.inProcess()
	next, full, asked := cfg.HTTPClient.Transport, true, 0
	cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		asked++
		if full {
			return nil, overloaded{}
		}
		return next.RoundTrip(r)
	})}
	client, assertion := mustNew(t, cfg), entra.assertion("ada", time.Hour)
	e := failure(t, t.Context(), client, assertion, "")
	if e.Kind != "overloaded" || e.FailureKind() != "overloaded" || asked != 1 || strings.Contains(e.Error(), "secret") {
		t.Errorf("after %d attempts: %v of kind %s", asked, e, e.Kind)
	}
	full = false
	mustToken(t, client, assertion, "")
}
