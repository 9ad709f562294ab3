package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// The server works with the store, and asks neither Graph nor for an exchange.
func TestOwnStore(t *testing.T) {
	cloud := acsauthtest.NewCloud(t)
	cloud.Setenv(t)
	handler, err := newHandler(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	token := cloud.Token(cloud.AddUser("Ada"))
	for _, step := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/api/user", 201}, {"POST", "/api/user", 200}, {"GET", "/api/token", 201}, {"DELETE", "/api/user", 204}, {"GET", "/api/user", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), step.method, step.path, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != step.status {
			t.Errorf("%s %s: %d %s", step.method, step.path, w.Code, w.Body)
		}
	}
	if i := slices.IndexFunc(cloud.Calls(), func(op string) bool { return op == "entra.token" || strings.HasPrefix(op, "graph.") }); i >= 0 {
		t.Errorf("%s was called", cloud.Calls()[i])
	}
}
