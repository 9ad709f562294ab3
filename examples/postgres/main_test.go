package main

import (
	"database/sql"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// The server works with PostgreSQL, and asks neither Graph nor for an exchange. The
// database may be one that others use: the fake ACS resource is part of every key.
func TestPostgres(t *testing.T) {
	dsn := os.Getenv("ACSAUTH_TEST_POSTGRES")
	if dsn == "" {
		t.Log("PostgreSQL is left out: set ACSAUTH_TEST_POSTGRES to a DSN")
		return
	}
	cloud := acsauthtest.NewCloud(t)
	cloud.Setenv(t)
	t.Setenv("AZURE_CLIENT_SECRET", "")
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(4)
	handler := newHandler(db)
	token := cloud.Token(cloud.AddUser("Ada"))
	for _, step := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/api/user", 404}, {"POST", "/api/user", 201}, {"POST", "/api/user", 200},
		{"GET", "/api/token", 201}, {"DELETE", "/api/user", 204}, {"GET", "/api/user", 404},
	} {
		r := httptest.NewRequestWithContext(t.Context(), step.method, step.path, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != step.status {
			t.Errorf("%s %s: %d %s; want %d", step.method, step.path, w.Code, w.Body, step.status)
		}
	}
	if i := slices.IndexFunc(cloud.Calls(), func(op string) bool { return op == "entra.token" || strings.HasPrefix(op, "graph.") }); i >= 0 {
		t.Errorf("%s was called", cloud.Calls()[i])
	}
}
