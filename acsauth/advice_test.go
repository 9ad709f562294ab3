package acsauth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// An answer of a Handler says which endpoint helps, by the path at which that one is.
// A program's own handlers, which may have no such endpoint, name none.
func TestAdvice(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	foreign := newSystem(t, withMemory)
	mapForeign(foreign)
	for _, failure := range []struct {
		name          string
		service       *acsauth.Service
		auth          *acsauth.Authenticator
		token         string
		plain, advice string
	}{
		{"no identity", s.service, s.auth, s.token(), "No ACS identity is mapped to this user.", " Create one with POST %s/user."},
		{"a foreign identity", foreign.service, foreign.auth, foreign.token(), "The mapping of this user leads to an identity of another ACS resource.", " DELETE %s/user removes it."},
		{"an untrusted mapping", serviceOver(t, s, acsauth.ErrMappingInvalid), s.auth, s.token(),
			"The stored mapping of this user cannot be trusted or belongs to another ACS resource.", " DELETE %s/user removes it."},
		{"a store's own words", serviceOver(t, s, &acsauth.Error{Name: "identity_not_mapped", Message: "Ask at the desk."}), s.auth, s.token(), "Ask at the desk.", ""},
	} {
		for prefix, shown := range map[string]string{"": "/api", "/": "", "/v1/calls": "/v1/calls"} {
			handler := must(t, acsauth.NewHandler, acsauth.HandlerConfig{Authenticator: failure.auth, Service: failure.service, Prefix: prefix})
			want := failure.plain
			if failure.advice != "" {
				want += fmt.Sprintf(failure.advice, shown)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			r.URL.Path = shown + "/user"
			r.Header.Set("Authorization", "Bearer "+failure.token)
			if got := messageOf(handler, r); got != want {
				t.Errorf("%s under %q:\ngot  %s\nwant %s", failure.name, prefix, got, want)
			}
		}
		own := failure.auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u, _ := acsauth.UserFromContext(r.Context())
			_, err := failure.service.Identity(r.Context(), u)
			failure.auth.WriteError(w, r, err)
		}))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+failure.token)
		if got := messageOf(own, r); got != failure.plain {
			t.Errorf("%s in a handler of one's own:\ngot  %s\nwant %s", failure.name, got, failure.plain)
		}
	}
}

func messageOf(h http.Handler, r *http.Request) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{body: w.Body.String()}.field("message")
}

// serviceOver returns a service whose store fails with err.
func serviceOver(t *testing.T, s *system, err error) *acsauth.Service {
	t.Helper()
	var other acsauth.IdentityMapper = failing{err}
	return (&system{T: t, Cloud: s.Cloud, log: s.log, user: s.user, configure: []func(*setup){func(set *setup) { set.service.Mapper = other }}}).replica().service
}
