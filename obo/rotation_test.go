package obo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

const newSecret = "N3v3r~print-the-new-secret"

// trust makes the fake accept these client secrets and no others.
func (e *fakeEntra) trust(secrets ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	clear(e.secrets)
	for _, secret := range secrets {
		e.secrets[secret] = true
	}
}

func TestCredentialFunc(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	cfg := entra.start()
	current := obo.ClientSecret(clientSecret)
	cfg.Credential = obo.CredentialFunc(func(ctx context.Context, refused obo.Credential) (obo.Credential, error) {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("the function may take for ever")
		}
		if refused != (obo.Credential{}) {
			t.Error("a credential counts as refused, but was not")
		}
		return current, nil
	})
	client := mustNew(t, cfg)
	ada := entra.assertion("ada", time.Hour)
	first := mustToken(t, client, ada, "")

	current = obo.ClientSecret(newSecret)
	entra.trust(newSecret)
	mustToken(t, client, entra.assertion("grace", time.Hour), "")
	if got := mustToken(t, client, ada, ""); got != first {
		t.Error("a remembered token was forgotten because of another credential")
	}
	entra.wantCount(2)
}

// A credential that is refused is replaced at once, if there is another one.
func TestCredentialIsRefused(t *testing.T) {
	t.Parallel()
	good, bad, worse := obo.ClientSecret(clientSecret), obo.ClientSecret(newSecret), obo.ClientSecret("none either")
	broken := errors.New("no secret file")
	nobody := obo.Credential{}
	tests := []struct {
		name     string
		instead  obo.Credential // of bad
		err      error
		requests int
		ok       bool
	}{
		{"another one is good", good, nil, 2, true},
		{"another one is bad too", worse, nil, 2, false},
		{"there is no other", bad, nil, 1, false},
		{"the function fails", nobody, broken, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			cfg := entra.start()
			var asked []obo.Credential
			cfg.Credential = obo.CredentialFunc(func(_ context.Context, refused obo.Credential) (obo.Credential, error) {
				asked = append(asked, refused)
				if refused == nobody {
					return bad, nil
				}
				return tt.instead, tt.err
			})
			client := mustNew(t, cfg)
			assertion := entra.assertion("ada", time.Hour)
			if tt.ok {
				mustToken(t, client, assertion, "")
			} else if e := failure(t, t.Context(), client, assertion, ""); e.Kind != "misconfigured" || e.Code != "invalid_client" {
				t.Errorf("error %v", e)
			}
			entra.wantCount(tt.requests)
			if len(asked) != 2 || asked[0] != nobody || asked[1] != bad {
				t.Errorf("the function was not asked once, and once for another credential: %d times", len(asked))
			}
		})
	}
}

// What counts as a refusal of the credential, and what does not.
func TestOnlyRefusedCredentialsAreReplaced(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code     string
		number   int
		replaced bool
	}{
		{"invalid_client", 7000215, true},
		{"invalid_client", 700027, true},
		{"invalid_client", 700024, true},
		{"invalid_client", 99999, true},
		{"invalid_request", 50027, true}, // a client assertion that is no JWT
		{"invalid_grant", 50027, false},  // an assertion of the caller that is none
		{"unauthorized_client", 700016, false},
		{"invalid_scope", 70011, false},
		{"invalid_grant", 50013, false},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.code, tt.number), func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 0 {
					refuse(w, 400, tt.code, tt.number)
				}
				return n == 0
			}
			cfg := entra.start()
			cfg.Credential = obo.CredentialFunc(func(context.Context, obo.Credential) (obo.Credential, error) {
				return obo.ClientSecret(clientSecret), nil
			})
			client := mustNew(t, cfg)
			assertion := entra.assertion("ada", time.Hour)
			if tt.replaced {
				mustToken(t, client, assertion, "")
				entra.wantCount(2)
			} else {
				failure(t, t.Context(), client, assertion, "")
				entra.wantCount(1)
			}
		})
	}
	t.Run("a credential that cannot change", func(t *testing.T) {
		t.Parallel()
		entra := newEntra(t)
		cfg := entra.start()
		cfg.Credential = obo.ClientSecret(newSecret)
		failure(t, t.Context(), mustNew(t, cfg), entra.assertion("ada", time.Hour), "")
		entra.wantCount(1)
	})
}

func TestCredentialFuncFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no secret file")
	expired, _ := newCertificate(t, 2048, time.Now().Add(-time.Hour))
	tests := []struct {
		name  string
		kind  string
		calls int
		cause error
		f     func(ctx context.Context) (obo.Credential, error)
	}{
		{"with an error", "unavailable", 2, broken, func(context.Context) (obo.Credential, error) { return obo.Credential{}, broken }},
		{"with an error that knows its kind", "misconfigured", 1, broken, func(context.Context) (obo.Credential, error) {
			return obo.Credential{}, classified{broken}
		}},
		{"in time", "timeout", 2, context.DeadlineExceeded, func(ctx context.Context) (obo.Credential, error) {
			<-ctx.Done()
			return obo.Credential{}, broken
		}},
		{"with nothing", "misconfigured", 1, nil, func(context.Context) (obo.Credential, error) { return obo.Credential{}, nil }},
		{"with an expired certificate", "misconfigured", 1, nil, func(context.Context) (obo.Credential, error) { return obo.Certificate(expired), nil }},
		{"with another function", "misconfigured", 1, nil, func(context.Context) (obo.Credential, error) {
			return obo.CredentialFunc(func(context.Context, obo.Credential) (obo.Credential, error) { panic("asked") }), nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			cfg := entra.start()
			cfg.Timeout = time.Second
			calls := 0
			cfg.Credential = obo.CredentialFunc(func(ctx context.Context, _ obo.Credential) (obo.Credential, error) {
				calls++
				return tt.f(ctx)
			})
			e := failure(t, t.Context(), mustNew(t, cfg), entra.assertion("ada", time.Hour), "")
			if e.Kind != tt.kind || tt.cause != nil && !errors.Is(e, tt.cause) {
				t.Errorf("error = %v, want kind %s and cause %v", e, tt.kind, tt.cause)
			}
			if calls != tt.calls {
				t.Errorf("%d calls, want %d", calls, tt.calls)
			}
			entra.wantCount(0)
		})
	}
}

// Rotations under load, in both orders, fail no exchange.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	cfg := entra.start()
	var mu sync.Mutex
	used, spare := obo.ClientSecret(clientSecret), obo.ClientSecret(newSecret)
	cfg.Credential = obo.CredentialFunc(func(_ context.Context, refused obo.Credential) (obo.Credential, error) {
		mu.Lock()
		defer mu.Unlock()
		if used == refused {
			used, spare = spare, used
		}
		return used, nil
	})
	client := mustNew(t, cfg)
	for round := range 4 {
		var exchanges sync.WaitGroup
		for i := range 8 {
			assertion := entra.assertion(fmt.Sprintf("user-%d-%d", round, i), time.Hour)
			exchanges.Go(func() {
				if _, err := client.Token(t.Context(), tenantID, assertion, ""); err != nil {
					t.Error(err)
				}
			})
		}
		exchanges.Wait()
		entra.trust([]string{newSecret, clientSecret}[round%2]) // the one that is not in use
	}
}

// Whatever is wrong with a credential, the text about it holds nothing of it.
func TestCheck(t *testing.T) {
	t.Parallel()
	valid, _ := newCertificate(t, 2048, time.Now().Add(time.Hour))
	for want, credential := range map[string]obo.Credential{
		"is required":           {},
		"white space":           obo.ClientSecret(" " + newSecret),
		"no usable certificate": obo.Certificate(valid[:len(valid)/2]),
	} {
		if err := credential.Check(time.Now()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), newSecret) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	for _, credential := range []obo.Credential{obo.ClientSecret(newSecret), obo.Certificate(valid)} {
		if err := credential.Check(time.Now()); err != nil {
			t.Error(err)
		}
		if again := credential; again != credential || credential == obo.ClientSecret(newSecret) {
			t.Error("a copy is not equal, or another one is")
		}
	}
}
