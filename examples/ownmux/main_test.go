package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

func TestOwnMux(t *testing.T) {
	cloud := acsauthtest.NewCloud(t)
	cloud.Setenv(t)
	server := httptest.NewServer(newMux())
	defer server.Close()
	token := cloud.Token(cloud.AddUser("Ada"))
	for _, step := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/elsewhere", token, 404},
		{"POST", "/api/user", "", 401},
		{"POST", "/api/user", token, 201},
		{"GET", "/api/token", token, 201},
		{"DELETE", "/api/user", token, 204},
	} {
		r, err := http.NewRequestWithContext(t.Context(), step.method, server.URL+step.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if step.token != "" {
			r.Header.Set("Authorization", "Bearer "+step.token)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != step.status {
			t.Errorf("%s %s: %d, want %d", step.method, step.path, answer.StatusCode, step.status)
		}
	}
}
