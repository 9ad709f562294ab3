package tablemap_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// What others do while Delete runs, and what is lost on the way.
func TestDeleteDisturbed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		deletes  string
		fault    fault
		then     string // another process replaces the mapping by this, "" by none
		kind     string // of the failure; "" is success
		requests string
		holds    string
	}{
		{"undisturbed", acsID(1), fault{method: "PUT"}, "", "", "GET DELETE", ""},
		{"another value", acsID(2), fault{method: "PUT"}, "", "", "GET", acsID(1)},
		{"replaced in between", acsID(1), fault{method: "DELETE", times: 1}, acsID(2), "", "GET DELETE GET", acsID(2)},
		{"the same again in between", acsID(1), fault{method: "DELETE", times: 1}, acsID(1), "", "GET DELETE GET DELETE", ""},
		{"deleted in between", acsID(1), fault{method: "DELETE", times: 1}, "", "", "GET DELETE", ""},
		{"always the same again", acsID(1), fault{method: "DELETE"}, acsID(1), "unavailable", "GET DELETE GET DELETE GET DELETE GET DELETE", acsID(1)},
		{"answer lost", acsID(1), fault{method: "DELETE", times: 1, lost: true}, "", "", "GET DELETE DELETE", ""},
		{"all answers lost", acsID(1), fault{method: "DELETE", lost: true}, "", "unavailable", "GET DELETE DELETE DELETE", ""},
		{"unreadable", acsID(1), fault{method: "GET", status: 500}, "", "unavailable", "GET GET GET", acsID(1)},
		{"refused", acsID(1), fault{method: "DELETE", status: 403}, "", "misconfigured", "GET DELETE", acsID(1)},
		{"no table", acsID(1), fault{method: "GET", status: 404, body: refusal("TableNotFound")}, "", "misconfigured", "GET", acsID(1)},
		{"no table any more", acsID(1), fault{method: "DELETE", status: 404, body: refusal("TableNotFound")}, "", "misconfigured", "GET DELETE", acsID(1)},
		{"a proxy's not found", acsID(1), fault{method: "DELETE", status: 404, body: "<html>"}, "", "unusable", "GET DELETE", acsID(1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			engines(t, func(t *testing.T, e engine) {
				w := e.newWorld(t)
				mustCreate(t, w.other(t), user(1), acsID(1))
				f := tt.fault
				if f.status != 0 {
					f.header = http.Header{"Retry-After-Ms": {"1"}}
				} else if !f.lost {
					f.then = func() {
						w.unmap(t, user(1))
						if tt.then != "" {
							mustCreate(t, w.other(t), user(1), tt.then)
						}
					}
				}
				w.fault(f)
				err := w.Delete(t.Context(), user(1), tt.deletes)
				if tt.kind == "" && err != nil {
					t.Errorf("Delete: %v", err)
				} else if tt.kind != "" {
					wantFailure(t, err, tt.kind)
				}
				if w.requests() != tt.requests {
					t.Errorf("requests %s, want %s", w.requests(), tt.requests)
				}
				w.maps(t, user(1), tt.holds)
			})
		})
	}
}

// A 404 that does not come from the service, or is about the table, does not say
// that the user has no mapping.
func TestAbsenceIsNotTakenFromAnybody(t *testing.T) {
	t.Parallel()
	for body, kind := range map[string]string{
		"<html>":                              "unusable",
		"":                                    "unusable",
		`{"error":"not found"}`:               "unusable",
		refusal("TableNotFound"):              "misconfigured",
		refusal("AccountNotFound"):            "misconfigured",
		refusal("ResourceNotFound"):           "",
		refusal("EntityNotFound"):             "",
		`{"error":{"code":"EntityNotFound"}}`: "",
		`<error><code>ResourceNotFound</code></error>`:           "",
		`<m:error><m:code>TableNotFound</m:code></m:error>`:      "misconfigured",
		`<error><code>secret text of the service</code></error>`: "unusable",
	} {
		w, _ := newFake(t)
		w.fault(fault{status: 404, body: body})
		_, err := w.Lookup(t.Context(), user(1))
		if kind != "" {
			wantFailure(t, err, kind)
		}
		if got := errors.Is(err, acsauth.ErrNotMapped); got != (kind == "") {
			t.Errorf("%s: %v", body, err)
		}
	}
}
