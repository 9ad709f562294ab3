package tablemap_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap"
)

// What Create says and sends when things go wrong on the way, and what is stored
// in the end.
func TestCreateDisturbed(t *testing.T) {
	t.Parallel()
	const unknown, refused, stored, another = "unknown", "not stored", "stored", "already mapped"
	tests := []struct {
		name     string
		before   string // what is stored in the beginning
		faults   []fault
		outcome  string
		requests string
		holds    string // in the end; "" nothing
	}{
		{"undisturbed", "", nil, stored, "POST", acsID(1)},
		{"stored before, by a call that was given up", acsID(1), nil, stored, "POST GET", acsID(1)},
		{"another is there", acsID(2), nil, another, "POST GET", acsID(2)},
		{"answer lost", "", []fault{{method: "POST", times: 1, lost: true}}, stored, "POST POST GET", acsID(1)},
		{"answer lost, twice", "", []fault{{method: "POST", times: 2, lost: true}}, stored, "POST POST POST GET", acsID(1)},
		{"all answers lost", "", []fault{{method: "POST", lost: true}}, unknown, "POST POST POST", acsID(1)},
		{"answer lost, and another's mapping came first", acsID(2), []fault{{method: "POST", times: 1, lost: true}}, another, "POST POST GET", acsID(2)},
		{"answer lost, then deleted by another", "", []fault{{method: "POST", times: 1, lost: true}, {method: "GET", times: 1}}, stored, "POST POST GET POST", acsID(1)},
		{"answer lost, deleted by another, then refused", "", []fault{{method: "POST", times: 1, lost: true}, {method: "GET", times: 1}, {method: "POST", skip: 1, status: 403}}, unknown, "POST POST GET POST", ""},
		{"an error of the server's, once", "", []fault{{method: "POST", times: 1, status: 500}}, stored, "POST POST", acsID(1)},
		{"connection cut", "", []fault{{method: "POST", times: 1, cut: true}}, stored, "POST POST", acsID(1)},
		{"connections cut", "", []fault{{method: "POST", cut: true}}, unknown, "POST POST POST", ""},
		{"cut, then refused", "", []fault{{method: "POST", times: 1, cut: true}, {method: "POST", status: 403}}, unknown, "POST POST", ""},
		{"throttled", "", []fault{{method: "POST", times: 1, status: 429, header: soon}}, stored, "POST POST", acsID(1)},
		{"throttled for long", "", []fault{{method: "POST", status: 429, header: wait}}, refused, "POST", ""},
		{"throttled, then refused", "", []fault{{method: "POST", times: 1, status: 429, header: soon}, {method: "POST", status: 403}}, refused, "POST POST", ""},
		{"bad request", "", []fault{{method: "POST", status: 400, body: refusal("InvalidInput")}}, refused, "POST", ""},
		{"key revoked", "", []fault{{method: "POST", status: 403, body: refusal("AuthenticationFailed")}}, refused, "POST", ""},
		{"no table", "", []fault{{method: "POST", status: 404, body: refusal("TableNotFound")}}, refused, "POST", ""},
		{"no table, in Cosmos DB", "", []fault{{method: "POST", status: 404, body: refusal("ResourceNotFound")}}, refused, "POST", ""},
		{"table on its way out", "", []fault{{method: "POST", status: 409, body: refusal("TableBeingDeleted")}}, refused, "POST", ""},
		{"too large", "", []fault{{method: "POST", status: 413, body: refusal("RequestBodyTooLarge")}}, refused, "POST", ""},
		{"request time-out", "", []fault{{method: "POST", status: 408}}, unknown, "POST POST POST", ""},
		{"internal error", "", []fault{{method: "POST", status: 500, body: refusal("InternalError")}}, unknown, "POST POST POST", ""},
		{"busy", "", []fault{{method: "POST", status: 503, body: refusal("ServerBusy")}}, unknown, "POST POST POST", ""},
		{"timed out in the server", "", []fault{{method: "POST", status: 500, body: refusal("OperationTimedOut")}}, unknown, "POST POST POST", ""},
		{"redirect", "", []fault{{method: "POST", status: 307, header: http.Header{"Location": {"https://example.com/"}}}}, unknown, "POST", ""},
		{"success in another language", "", []fault{{method: "POST", status: 201, body: "<html>"}}, unknown, "POST POST POST", ""},
		{"success that was none of the service's", "", []fault{{method: "POST", status: 200, body: "{}"}}, unknown, "POST", ""},
		{"conflict, but unreadable", acsID(2), []fault{{method: "GET", status: 503}}, unknown, "POST GET GET GET", acsID(2)},
		{"conflict, but nothing to be read", acsID(2), []fault{{method: "GET", status: 404, body: refusal("ResourceNotFound")}}, unknown, "POST GET POST GET POST GET POST GET", acsID(2)},
		{"conflict with what is deleted then", acsID(2), []fault{{method: "GET", times: 1}}, stored, "POST GET POST", acsID(1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, e engine) {
				w := e.newWorld(t)
				if tt.before != "" {
					mustCreate(t, w.other(t), user(1), tt.before)
				}
				for _, f := range tt.faults {
					if f.status != 0 && f.header == nil {
						f.header = http.Header{"Retry-After-Ms": {"1"}}
					}
					if !f.lost && !f.cut && f.status == 0 { // another process deletes what is there
						f.then = func() { w.unmap(t, user(1)) }
					}
					w.fault(f)
				}
				err := w.Create(t.Context(), user(1), acsID(1))
				outcome := unknown
				switch {
				case err == nil:
					outcome = stored
				case errors.Is(err, acsauth.ErrNotStored):
					outcome = refused
				case errors.Is(err, acsauth.ErrAlreadyMapped):
					outcome = another
				}
				if outcome != tt.outcome || w.requests() != tt.requests {
					t.Errorf("%s after %s: %v; want %s after %s", outcome, w.requests(), err, tt.outcome, tt.requests)
				}
				if strings.Contains(strings.Join(w.hosts, " "), "example.com") {
					t.Error("a redirect was followed")
				}
				w.maps(t, user(1), tt.holds)

				// Whatever came of it, the call can be repeated.
				w.clear()
				err = w.Create(t.Context(), user(1), acsID(1))
				if tt.holds == acsID(2) && !errors.Is(err, acsauth.ErrAlreadyMapped) || tt.holds != acsID(2) && err != nil {
					t.Errorf("repeated Create: %v", err)
				}
			})
		})
	}
}

func TestCreateUnreachable(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	cfg := w.config
	cfg.HTTPClient = nil
	// Nothing listens on port 1, and a dial that fails has not sent anything.
	cfg.Account = tablemap.ConnectionString(connectionString("http://127.0.0.1:1"))
	err := newMapper(t, cfg).Create(t.Context(), user(1), acsID(1))
	wantFailure(t, err, "unavailable")
	if !errors.Is(err, acsauth.ErrNotStored) {
		t.Errorf("Create: %v, want ErrNotStored", err)
	}
}

func TestCreateWithEndedContext(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := w.Create(ctx, user(1), acsID(1))
	if !errors.Is(err, acsauth.ErrNotStored) || !errors.Is(err, context.Canceled) || w.requests() != "" {
		t.Errorf("Create: %v after %q, want ErrNotStored, context.Canceled and no request", err, w.requests())
	}
}

// Identities are stored as they are or not at all.
func TestCreateRefusesOddIdentities(t *testing.T) {
	t.Parallel()
	w, _ := newFake(t)
	for _, id := range []string{"", " ", "8:acs:a b", "8:acs:a\n", "8:acs:\u00e9", "8:acs:\xff", strings.Repeat("x", 1025)} {
		if err := w.Create(t.Context(), user(1), id); !errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create of %.20q: %v, want ErrNotStored", id, err)
		}
	}
	if w.requests() != "" {
		t.Errorf("requests were sent: %s", w.requests())
	}
	mustCreate(t, w, user(1), strings.Repeat("x", 1024))
	w.maps(t, user(1), strings.Repeat("x", 1024))
}
