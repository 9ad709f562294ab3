package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

func TestMiddlewareOnly(t *testing.T) {
	cloud := acsauthtest.NewCloud(t)
	cloud.Setenv(t)
	handler, err := newHandler()
	if err != nil {
		t.Fatal(err)
	}
	acsauthtest.TestTokens(t, cloud, handler, "GET", "/")

	ada := cloud.AddUser("Ada")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "Bearer "+cloud.Token(ada))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), ada.ObjectID) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Without Require there is no user, and nobody is taken for one.
func TestWithoutRequire(t *testing.T) {
	w := httptest.NewRecorder()
	whoAmI(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "You are") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
