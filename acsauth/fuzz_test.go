package acsauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// challengeForm is what Microsoft's JavaScript samples can parse: one scheme, and
// quoted values without commas, quotes, backslashes and percent signs, joined by
// comma and space.
var challengeForm = regexp.MustCompile(`^Bearer \w+="[^",\\%]*"(, \w+="[^",\\%]*")*$`)

// No Authorization header gets in or crashes the server, and every refusal is one
// that the table knows, with a challenge that clients can parse.
func FuzzAuthorization(f *testing.F) {
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	auth, err := acsauth.NewAuthenticator(quiet(authConfig(c)))
	if err != nil {
		f.Fatal(err)
	}
	u := c.Entra.AddUser(cloud.User{})
	f.Add("Bearer " + c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted}))
	f.Add("Bearer " + c.Entra.UserToken(u, cloud.TokenOptions{Scope: "other"}))
	f.Add("Bearer " + c.Entra.UserToken(u, cloud.TokenOptions{Header: map[string]any{"crit": []string{"x"}}}))
	f.Add("bearer a.b.c")
	f.Add("Bearer")
	f.Add("Bearer a b")
	f.Add("Basic dTpw")
	f.Add("")
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header["Authorization"] = []string{header}
		_, err := auth.Authenticate(r)
		var refused *acsauth.Error
		if !errors.As(err, &refused) {
			t.Fatalf("got %v", err)
		}
		w := httptest.NewRecorder()
		auth.WriteError(w, r, err)
		if challenge := w.Header().Get("WWW-Authenticate"); w.Code == 401 && !challengeForm.MatchString(challenge) {
			t.Errorf("%d with the challenge %q", w.Code, challenge)
		}
	})
}

// Whatever claims a genuine token holds, the answer is a user of this tenant or a
// refusal.
func FuzzClaims(f *testing.F) {
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = c.Close() })
	auth, err := acsauth.NewAuthenticator(quiet(authConfig(c)))
	if err != nil {
		f.Fatal(err)
	}
	u := c.Entra.AddUser(cloud.User{})
	for _, name := range []string{"tid", "TID", "iss", "aud", "ver", "oid", "scp", "exp", "nbf", "idtyp", "azp", "x"} {
		f.Add(name, "text", 0.0)
		f.Add(name, "", 1e300)
	}
	f.Fuzz(func(t *testing.T, name, text string, number float64) {
		var value any = text
		if text == "" {
			value = number
		}
		got, err := auth.Verify(t.Context(), c.Entra.UserToken(u, cloud.TokenOptions{Claims: map[string]any{name: value}}))
		var refused *acsauth.Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatalf("got %v", err)
		}
		if err == nil && got.TenantID != c.TenantID {
			t.Errorf("%q: %v passed as %+v", name, value, got)
		}
	})
}
