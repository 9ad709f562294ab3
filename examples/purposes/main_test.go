package main

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap"
)

// A user has one identity for each purpose, and what happens to one of them does not
// touch the other.
func TestPurposesApart(t *testing.T) {
	cloud := acsauthtest.NewCloud(t)
	cloud.Setenv(t)
	db, err := sql.Open("sqlite", sqlmap.SQLiteDSN(filepath.Join(t.TempDir(), "mappings.db")))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	mux := newMux(t.Context(), db)
	token := cloud.Token(cloud.AddUser("Ada"))

	// call returns the identity in the answer, if it has one.
	call := func(method, path string, status int) string {
		t.Helper()
		r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("%s %s: %d %s; want %d", method, path, w.Code, w.Body, status)
		}
		var body struct {
			ID string `json:"acsUserIdentity"`
		}
		if w.Body.Len() > 0 {
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
		return body.ID
	}

	support := call("POST", "/support/user", 201)
	call("GET", "/sales/user", 404)
	sales := call("POST", "/sales/user", 201)
	if support == "" || support == sales {
		t.Errorf("the identities are %q and %q; want two", support, sales)
	}
	if again := call("GET", "/support/user", 200); again != support {
		t.Errorf("the identity for support became %q", again)
	}

	call("DELETE", "/support/user", 204)
	call("GET", "/support/token", 404)
	call("GET", "/sales/token", 201)
	if left := call("GET", "/sales/user", 200); left != sales {
		t.Errorf("the identity for sales became %q", left)
	}
}
