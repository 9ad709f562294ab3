package acsauthtest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

// A TokenCase is what a request presents to say who is calling, and the answer that
// it deserves.
type TokenCase struct {
	Name          string   // what is special about it; no two cases have the same
	Why           string   // the rule that it is about
	Authorization []string // the values of the request's Authorization headers
	Status        int      // of the refusal: 400, 401 or 403; 0 if it must get through
	Error         string   // the name in the refusal, such as "invalid_token"; "" if it must get through
}

// Tokens returns tokens of u, over 250. Some are odd, but good; most are
// bad, each in one respect only: but for that, they would be good. A few cases are
// about the Authorization header itself.
//
// The verdicts are those of an acsauth.Authenticator with [Cloud.AuthenticatorConfig]
// or, in other words, of an API that serves the users of c.TenantID, has no audience
// but its client id and "api://" + its client id, demands the scope access_as_user,
// and lets clocks differ by five minutes. They hold for three minutes from now, because
// some tokens are close to a limit.
func (c *Cloud) Tokens(u User) []TokenCase {
	m := c.newMint(u)
	return slices.Concat(m.good(), m.badHeaders(), m.malformed(), m.forged(), m.untimely(), m.misdirected(), m.ambiguous(), m.powerless())
}

// TestTokens proves that a handler lets in whoever has a good access token of the
// cloud, and nobody else. It sends a request for each of [Cloud.Tokens], and runs a
// subtest for each, named after it:
//
//	acsauthtest.TestTokens(t, cloud, handler, "GET", "/reports")
//
// The handler must accept what [Cloud.Tokens] describes. Target is the path of a
// request that needs nothing but a token: no body, and no exchange of the token,
// since Microsoft Entra ID would not exchange every token that is still good here,
// such as one that has just expired. The user is a new one each time.
//
// A bad token must be answered with its status, its error (if the answer is a JSON
// object that has one), a WWW-Authenticate header as RFC 6750 wants it, and
// Cache-Control: no-store. A good one may be answered with anything but 400, 401,
// 403, 429 and 5xx: what follows after the token is the handler's own business. No
// answer may repeat any part of a token. See [TokenCase.Check].
func TestTokens(t *testing.T, c *Cloud, h http.Handler, method, target string) {
	t.Helper()
	for _, test := range c.Tokens(c.AddUser("Ada Lovelace")) {
		t.Run(test.Name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
			r.Header["Authorization"] = test.Authorization
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if err := test.Check(w.Result()); err != nil {
				t.Errorf("%v\nThe rule: %s", err, test.Why)
			}
		})
	}
}
