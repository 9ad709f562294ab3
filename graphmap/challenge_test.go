package graphmap_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

// A challenge is answered once, with a token for its claims.
func TestClaimsChallenge(t *testing.T) {
	t.Parallel()
	refused := envelope("InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge")
	challenged := fault{status: 401, header: challenge(claimsJSON), body: refused}
	once := challenged
	once.times = 1
	interaction := failure("claims_challenge")

	t.Run("satisfied", func(t *testing.T) {
		t.Parallel()
		g, tokens := newGraph(t), &fakeTokens{}
		g.fault(once)
		m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.Tokens = tokens })
		if _, err := m.Lookup(t.Context(), user(1)); !errors.Is(err, acsauth.ErrNotMapped) {
			t.Errorf("Lookup: %v", err)
		}
		if want := []string{"", claimsJSON}; !slices.Equal(tokens.claims, want) {
			t.Errorf("tokens were asked for with claims %q, want %q", tokens.claims, want)
		}
		if want := []string{"graph." + user(1).ObjectID + ".stepped-up"}; !slices.Equal(g.tokens, want) {
			t.Errorf("token %q, want %q", g.tokens, want)
		}
	})
	t.Run("while creating", func(t *testing.T) {
		t.Parallel()
		g := newGraph(t)
		g.fault(once)
		if err := overTLS(t, g, nil).Create(t.Context(), user(1), acsID(1)); err != nil || len(g.seen()) != 2 {
			t.Errorf("Create: %v, requests %v", err, g.seen())
		}
	})
	t.Run("the new token serves the rest of the call", func(t *testing.T) {
		t.Parallel()
		g, tokens := newGraph(t), &fakeTokens{}
		g.put(user(1), map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature})
		g.fault(once)
		m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.Tokens = tokens })
		if err := m.Delete(t.Context(), user(1), acsID(1)); err != nil || len(tokens.claims) != 2 {
			t.Errorf("Delete: %v, %d tokens", err, len(tokens.claims))
		}
	})
	t.Run("one new token a call", func(t *testing.T) {
		t.Parallel()
		g, tokens := newGraph(t), &fakeTokens{}
		g.put(user(1), map[string]any{"acsUserIdentity": acsID(1), "acsUserIdentitySignature": goldenSignature})
		g.fault(once)
		g.fault(fault{op: "delete", status: 401, header: challenge(claimsJSON), body: refused})
		m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.Tokens = tokens })
		wantFailure(t, m.Delete(t.Context(), user(1), acsID(1)), "claims_challenge")
		if got := strings.Join(g.seen(), " "); got != "get get delete" || len(tokens.claims) != 2 {
			t.Errorf("requests %s with %d tokens", got, len(tokens.claims))
		}
	})
	t.Run("not satisfied", func(t *testing.T) {
		t.Parallel()
		g := newGraph(t)
		g.fault(challenged)
		_, err := overTLS(t, g, nil).Lookup(t.Context(), user(1))
		if e := wantFailure(t, err, "claims_challenge"); e.ChallengeClaims() != claimsJSON || len(g.seen()) != 2 {
			t.Errorf("claims %q after %d requests", e.ChallengeClaims(), len(g.seen()))
		}
		err = overTLS(t, g, nil).Create(t.Context(), user(1), acsID(1))
		wantFailure(t, err, "claims_challenge")
		if !errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create: %v, want ErrNotStored", err)
		}
	})
	t.Run("not satisfied, and not repeated by Graph", func(t *testing.T) {
		t.Parallel()
		g := newGraph(t)
		g.fault(once)
		g.fault(fault{status: 401, body: refused})
		_, err := overTLS(t, g, nil).Lookup(t.Context(), user(1))
		if e := wantFailure(t, err, "claims_challenge"); e.Claims != claimsJSON {
			t.Errorf("claims %q", e.Claims)
		}
	})
	t.Run("step-up with 403", func(t *testing.T) {
		t.Parallel()
		g := newGraph(t)
		g.fault(fault{status: 403, header: challenge(claimsJSON), body: refused})
		_, err := overTLS(t, g, nil).Lookup(t.Context(), user(1))
		wantFailure(t, err, "claims_challenge")
	})
	t.Run("the user must act", func(t *testing.T) {
		t.Parallel()
		g := newGraph(t)
		g.fault(challenged)
		m := overTLS(t, g, func(cfg *graphmap.Config) {
			cfg.Tokens = &fakeTokens{fail: func(claims string) error {
				if claims != "" {
					return interaction
				}
				return nil
			}}
		})
		if _, err := m.Lookup(t.Context(), user(1)); !errors.Is(err, interaction) {
			t.Errorf("Lookup: %v, want the TokenSource's error", err)
		}
		if err := m.Create(t.Context(), user(1), acsID(1)); !errors.Is(err, interaction) || !errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create: %v, want the TokenSource's error and ErrNotStored", err)
		}
		// The first attempt may have come through, so nobody knows.
		g2 := newGraph(t)
		g2.fault(fault{op: "post", times: 1, status: 504, header: soon})
		g2.fault(challenged)
		m2 := overTLS(t, g2, func(cfg *graphmap.Config) {
			cfg.Tokens = &fakeTokens{fail: func(claims string) error {
				if claims != "" {
					return interaction
				}
				return nil
			}}
		})
		if err := m2.Create(t.Context(), user(1), acsID(1)); err == nil || errors.Is(err, acsauth.ErrNotStored) {
			t.Errorf("Create after a gateway time-out: %v", err)
		}
	})
}

// A token that Graph refuses without a challenge is replaced once. What nobody can
// replace is not sent again.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	revoked := failure("invalid_assertion")
	for _, test := range []struct {
		name     string
		status   int
		times    int // how often Graph refuses; 0: always
		other    error
		same     bool // there is no other token
		want     string
		claims   []string
		requests int
	}{
		{"another one is accepted", 401, 1, nil, false, "", []string{"", "{}"}, 2},
		{"another one is refused", 401, 0, nil, false, "unusable", []string{"", "{}"}, 2},
		{"there is no other one", 401, 0, nil, true, "unusable", []string{"", "{}"}, 1},
		{"there is none any more", 401, 0, revoked, false, "invalid_assertion", []string{"", "{}"}, 1},
		{"the permission is missing", 403, 0, nil, false, "misconfigured", []string{""}, 1},
	} {
		g, tokens := newGraph(t), &fakeTokens{}
		g.fault(fault{status: test.status, times: test.times, body: envelope("InvalidAuthenticationToken", "Access token validation failure.")})
		tokens.fail = func(claims string) error {
			if claims != "" {
				return test.other
			}
			return nil
		}
		m := overTLS(t, g, func(cfg *graphmap.Config) {
			if cfg.Tokens = tokens; test.same {
				cfg.Tokens = unwilling{tokens}
			}
		})
		_, err := m.Lookup(t.Context(), user(1))
		var failed acsauth.Failure
		switch {
		case test.want == "" && !errors.Is(err, acsauth.ErrNotMapped):
			t.Errorf("%s: Lookup: %v; want ErrNotMapped", test.name, err)
		case test.want != "" && (!errors.As(err, &failed) || failed.FailureKind() != test.want):
			t.Errorf("%s: Lookup: %v; want kind %s", test.name, err, test.want)
		}
		if len(g.seen()) != test.requests || !slices.Equal(tokens.claims, test.claims) {
			t.Errorf("%s: %d requests, claims %q; want %d, %q", test.name, len(g.seen()), tokens.claims, test.requests, test.claims)
		}
	}
}

// An unwilling source of tokens has no other one.
type unwilling struct{ *fakeTokens }

func (u unwilling) Token(ctx context.Context, tenant, assertion, claims string) (string, error) {
	if _, err := u.fakeTokens.Token(ctx, tenant, assertion, claims); err != nil {
		return "", err
	}
	return "graph." + user(1).ObjectID, nil
}

// What counts as a challenge.
func TestChallengeHeaders(t *testing.T) {
	t.Parallel()
	const tricky = `{"access_token":{"x":{"value":"~~~???>>>"}}}` // "+" and "/" in base64
	std, url := base64.StdEncoding.EncodeToString([]byte(tricky)), base64.URLEncoding.EncodeToString([]byte(tricky))
	if std == url || !strings.HasSuffix(std, "=") {
		t.Fatalf("%s does not tell the alphabets apart", std)
	}
	const odd = `{"access_token":{"x":{"value":"ä, \"b\" %41\r\nSet-Cookie: a=b; \u2028"}}}`
	bearer := func(claims string) []string {
		return []string{`Bearer claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`}
	}
	full := `{"x":"` + strings.Repeat("x", 8<<10-8) + `"}` // 8 KiB
	tests := map[string]struct {
		headers []string
		want    string
	}{
		"standard alphabet":        {[]string{`Bearer error="insufficient_claims", claims="` + std + `"`}, tricky},
		"URL alphabet":             {[]string{`Bearer claims="` + url + `"`}, tricky},
		"no padding":               {[]string{`Bearer claims="` + strings.TrimRight(std, "=") + `"`}, tricky},
		"not quoted":               {[]string{`Bearer realm="",claims=` + std + `,error=insufficient_claims`}, tricky},
		"not quoted, last":         {[]string{`Bearer claims=` + std}, tricky},
		"blanks":                   {[]string{`Bearer  claims = "` + std + `" , x=y`}, tricky},
		"capitals":                 {[]string{`BEARER CLAIMS="` + std + `"`}, tricky},
		"second challenge":         {[]string{`Negotiate abc==, Bearer claims="` + std + `"`}, tricky},
		"second header":            {[]string{`Negotiate`, `Bearer claims="` + std + `"`}, tricky},
		"after a quoted comma":     {[]string{`Bearer realm="a, claims=\"b\"", claims="` + std + `"`}, tricky},
		"odd characters":           {bearer(odd), odd},
		"white space":              {bearer("\r\n { \"x\" :\t[ 1 , \" \" ] }\n"), `{"x":[1," "]}`},
		"as large as may be":       {bearer(full), full},
		"none":                     {[]string{`Bearer realm="", error="invalid_token"`}, ""},
		"other parameter":          {[]string{`Bearer no_claims="` + std + `"`}, ""},
		"inside another parameter": {[]string{`Bearer realm="claims=` + std + `"`}, ""},
		"empty":                    {[]string{`Bearer claims=""`, ``, `,,,`, `claims`, `claims=`, `"claims"`}, ""},
		"quote not closed":         {[]string{`Bearer claims="` + std}, ""},
		"ends in a backslash":      {[]string{`Bearer claims="` + std + `\`}, ""},
		"not base64":               {[]string{`Bearer claims="abc"`, `Bearer claims="!!!!"`}, ""},
		"not JSON":                 {bearer(`{"x"`), ""},
		"not base64, but JSON":     {[]string{`Bearer claims="{\"access_token\":{}}"`}, ""},
		"not an object":            {append(bearer(`["x"]`), append(bearer(`null`), bearer(`"{}"`)...)...), ""},
		"two objects":              {bearer(`{}{}`), ""},
		"a line break in a string": {bearer("{\"x\":\"\r\nSet-Cookie: a=b\"}"), ""},
		"not UTF-8":                {bearer("{\"x\":\"\xff\"}"), ""},
		"a name twice":             {bearer(`{"x":{"y":1,"Y":2}}`), ""},
		"nothing but white space":  {bearer("\r\n"), ""},
		"too large":                {bearer(strings.Replace(full, "x", "xx", 1)), ""},
		"far too large":            {bearer(`{"x":"` + strings.Repeat("x", 64<<10) + `"}`), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, tokens := newGraph(t), &fakeTokens{}
			g.fault(fault{status: 401, header: http.Header{"Www-Authenticate": tt.headers}, body: envelope("InvalidAuthenticationToken", "x")})
			m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.Tokens = tokens })
			_, err := m.Lookup(t.Context(), user(1))
			want, kind := []string{"", "{}"}, "unusable" // any other token might do
			if tt.want != "" {
				want[1], kind = tt.want, "claims_challenge"
			}
			if diff := cmp.Diff(want, tokens.claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if e := wantFailure(t, err, kind); e.Claims != tt.want {
				t.Errorf("Claims %q, want %q", e.Claims, tt.want)
			}
		})
	}
}
