package graphmap_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

// Whatever the header holds, there is one repeat at most, and claims are JSON.
func FuzzChallengeHeader(f *testing.F) {
	f.Add(challenge(claimsJSON).Get("Www-Authenticate"))
	f.Add(`Bearer claims=abc`)
	f.Add(`Bearer claims="abc\`)
	f.Add(`claims="e30="`)
	f.Add(`Bearer x="y" "z", = ==, claims=e30`)
	f.Fuzz(func(t *testing.T, header string) {
		tokens := &fakeTokens{}
		refusing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Www-Authenticate"] = []string{header}
			w.WriteHeader(401)
		})
		m := inMemory(t, refusing, func(cfg *graphmap.Config) { cfg.Tokens = tokens })
		_, err := m.Lookup(t.Context(), user(1))
		var e *graphmap.Error
		if !errors.As(err, &e) || e.StatusCode != 401 {
			t.Fatalf("Lookup: %v", err)
		}
		for _, claims := range tokens.claims[1:] {
			var object map[string]any
			if json.Unmarshal([]byte(claims), &object) != nil || object == nil {
				t.Errorf("claims %q are no JSON object", claims)
			}
		}
		if len(tokens.claims) != 2 || tokens.claims[1] != cmp.Or(e.Claims, "{}") {
			t.Errorf("tokens for the claims %q, error with claims %q", tokens.claims, e.Claims)
		}
	})
}

// Whatever a profile looks like, Lookup returns an identity only if this process
// could have signed it.
func FuzzProfile(f *testing.F) {
	oid := user(1).ObjectID
	f.Add(`{"id":"` + oid + `","extensions":[{"id":"` + extName + `","acsUserIdentity":"` + acsID(1) + `","acsUserIdentitySignature":"` + goldenSignature + `"}]}`)
	f.Add(`{"id":"` + oid + `","extensions":[{"id":"` + extName + `","acsUserIdentity":"` + acsID(2) + `"}]}`)
	f.Add(`{"id":"` + oid + `","extensions":[null,[],{},1e400,{"id":{"id":[]}}]}`)
	f.Add(`{"extensions@odata.nextLink":{}}`)
	f.Add(strings.Repeat("[", 10_001))
	f.Fuzz(func(t *testing.T, body string) {
		canned := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		})
		id, err := inMemory(t, canned, nil).Lookup(t.Context(), user(1))
		if err == nil && id != acsID(1) {
			t.Errorf("Lookup = %q, which nobody signed", id)
		}
		if err != nil && id != "" {
			t.Errorf("Lookup = %q along with %v", id, err)
		}
	})
}

// There is one signature for a mapping and key, in one spelling.
func FuzzSignature(f *testing.F) {
	f.Add(acsID(1), goldenSignature)
	f.Add(acsID(1), goldenSignature+"=")
	f.Add(acsID(1), "v1.630dcd29.")
	f.Add(acsID(2), goldenSignature)
	f.Add("8:acs:", "v1..")
	f.Fuzz(func(t *testing.T, identity, signature string) {
		g := newGraph(t)
		g.put(user(1), map[string]any{"acsUserIdentity": identity, "acsUserIdentitySignature": signature})
		got, err := inMemory(t, g, nil).Lookup(t.Context(), user(1))
		genuine := identity == acsID(1) && signature == goldenSignature
		if genuine != (err == nil) || genuine != (got != "") {
			t.Errorf("Lookup = %q, %v", got, err)
		}
	})
}
