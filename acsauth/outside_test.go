package acsauth_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// Whoever calls WriteError by mistake, or with nothing of this package around the
// handler, answers in the form of the API all the same.
func TestWriteErrorByItself(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"no error", nil, "internal"},
		{"an error without a name", &acsauth.Error{}, "internal"},
		{"an error", &acsauth.Error{Name: "identity_not_mapped"}, "identity_not_mapped"},
	} {
		w := httptest.NewRecorder()
		s.auth.WriteError(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody), test.err)
		var body struct{ Error, RequestID string }
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
			t.Fatal(err)
		}
		if body.Error != test.want || body.RequestID == "" || body.RequestID != w.Header().Get("X-Request-Id") {
			t.Errorf("%s: %d %s, X-Request-Id %q", test.name, w.Code, w.Body, w.Header().Get("X-Request-Id"))
		}
	}
}

// A prefix is what clients and muxes leave as it is.
func TestPrefixForm(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	for prefix, good := range map[string]bool{
		"": true, "/": true, "/api": true, "/v1.2/Teams_calls~a-b": true,
		"api": false, "/api/": false, "//": false, "/a//b": false, "/a/../b": false, "/.": false, "/a b": false, "/%61": false, "/a?b": false, "/ä": false, "/{id}": false,
	} {
		if _, err := acsauth.NewHandler(acsauth.HandlerConfig{Authenticator: s.auth, Service: s.service, Prefix: prefix}); (err == nil) != good {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}
