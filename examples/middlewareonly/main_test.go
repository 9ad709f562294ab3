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
	ada := cloud.AddUser("Ada")
	for _, test := range []struct {
		name, token, body string
		status            int
	}{
		{"good token", cloud.Token(ada), ada.ObjectID, 200},
		{"bad token", "nonsense", "invalid_token", 401},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+test.token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.body) {
			t.Errorf("%s: %d %s", test.name, w.Code, w.Body)
		}
	}
}
