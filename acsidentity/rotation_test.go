package acsidentity_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

const secondKey = "YWNzLXRlc3QtdmVjdG9yLWtleS1zZWNvbmRhcnktMDEyMw=="

// honour makes the fake accept one access key, and deny all others.
func (f *acs) honour(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.denies, f.key = true, key
}

func TestCredentialFuncIsAskedForEveryAttempt(t *testing.T) {
	t.Parallel()
	fake := &acs{script: []http.HandlerFunc{answer(429, "", "retry-after-ms", "0")}}
	cfg := listen(t, fake)
	asked := 0
	cfg.Credential = acsidentity.CredentialFunc(func(ctx context.Context, refused acsidentity.Credential) (acsidentity.Credential, error) {
		if _, bounded := ctx.Deadline(); !bounded || refused != (acsidentity.Credential{}) {
			t.Error("nothing bounds the time to get a credential, or one counts as refused")
		}
		asked++
		return acsidentity.AccessKey(key + "\n"), nil // as read from a file
	})
	if err := mustNew(t, cfg).DeleteIdentity(t.Context(), userID); err != nil {
		t.Fatal(err)
	}
	if asked != 2 || len(fake.seen()) != 2 {
		t.Errorf("the credential was asked for %d times in %d attempts", asked, len(fake.seen()))
	}
}

// A credential that is denied is replaced at once, if there is another one. That
// goes for a create too: a request that is denied has no effect.
func TestCredentialIsDenied(t *testing.T) {
	t.Parallel()
	good, bad, worse := acsidentity.AccessKey(key), acsidentity.AccessKey(secondKey), acsidentity.AccessKey("bm9uZQ==")
	nobody := acsidentity.Credential{}
	tests := map[string]struct {
		instead  acsidentity.Credential // of bad
		err      error
		requests int
		ok       bool
	}{
		"another one is good":    {good, nil, 2, true},
		"another one is bad too": {worse, nil, 2, false},
		"there is no other":      {bad, nil, 1, false},
		"the function fails":     {nobody, errors.New("no file"), 1, false},
		"there is none at all":   {nobody, nil, 1, false},
	}
	for name, tt := range tests {
		for _, op := range operations {
			t.Run(name+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				fake := &acs{}
				fake.honour(key)
				cfg := listen(t, fake)
				var asked []acsidentity.Credential
				cfg.Credential = acsidentity.CredentialFunc(func(_ context.Context, refused acsidentity.Credential) (acsidentity.Credential, error) {
					asked = append(asked, refused)
					if refused == nobody {
						return bad, nil
					}
					return tt.instead, tt.err
				})
				err := op.call(t.Context(), mustNew(t, cfg))
				if tt.ok && err != nil {
					t.Error(err)
				}
				if !tt.ok {
					if e := asError(t, err); e.Code != acsidentity.CodeDenied || e.FailureKind() != "misconfigured" || errors.Is(err, acsidentity.ErrOutcomeUnknown) {
						t.Errorf("error %v, kind %s", err, e.FailureKind())
					}
				}
				if n := len(fake.seen()); n != tt.requests {
					t.Errorf("%d requests, want %d", n, tt.requests)
				}
				if len(asked) != 2 || asked[0] != nobody || asked[1] != bad {
					t.Errorf("the function was not asked once, and once for another credential: %d times", len(asked))
				}
			})
		}
	}
}

// What is no refusal of the credential does not replace it, and it is replaced once.
func TestOnlyDeniedCredentialsAreReplaced(t *testing.T) {
	t.Parallel()
	denied := answer(401, `{"error":{"code":"Denied"}}`)
	tests := map[string]struct {
		script   []http.HandlerFunc
		requests int
	}{
		"another resource's identity": {[]http.HandlerFunc{answer(401, `{"error":{"code":"IdentityNotOwned"}}`)}, 1},
		"a bad Teams token":           {[]http.HandlerFunc{answer(401, `{"error":{"code":"InvalidAccessToken"}}`)}, 1},
		"a role that is missing":      {[]http.HandlerFunc{answer(403, `{"error":{"code":"Forbidden"}}`)}, 1},
		"denied twice":                {[]http.HandlerFunc{denied, denied}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := &acs{script: tt.script}
			cfg := listen(t, fake)
			cfg.Credential = acsidentity.CredentialFunc(func(context.Context, acsidentity.Credential) (acsidentity.Credential, error) {
				return acsidentity.AccessKey(key), nil
			})
			if _, err := mustNew(t, cfg).CreateIdentity(t.Context()); err == nil {
				t.Error("no error")
			}
			if n := len(fake.seen()); n != tt.requests {
				t.Errorf("%d requests, want %d", n, tt.requests)
			}
		})
	}
	t.Run("a credential that cannot change", func(t *testing.T) {
		t.Parallel()
		fake := &acs{script: []http.HandlerFunc{denied}}
		if err := mustNew(t, listen(t, fake)).DeleteIdentity(t.Context(), userID); err == nil || len(fake.seen()) != 1 {
			t.Errorf("%v after %d requests", err, len(fake.seen()))
		}
	})
}

// Rotations under load, in both orders, fail no call.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	fake := &acs{}
	fake.honour(key)
	cfg := listen(t, fake)
	var mu sync.Mutex
	used, spare := acsidentity.AccessKey(key), acsidentity.AccessKey(secondKey)
	cfg.Credential = acsidentity.CredentialFunc(func(_ context.Context, refused acsidentity.Credential) (acsidentity.Credential, error) {
		mu.Lock()
		defer mu.Unlock()
		if used == refused {
			used, spare = spare, used
		}
		return used, nil
	})
	client := mustNew(t, cfg)
	for round := range 4 {
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				if _, err := client.IssueToken(t.Context(), userID, voip); err != nil {
					t.Error(err)
				}
				if _, err := client.CreateIdentity(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		fake.honour([]string{secondKey, key}[round%2]) // the one that is not in use
	}
}

// Asking for another credential takes no longer than an attempt.
func TestReplacementIsBounded(t *testing.T) {
	t.Parallel()
	fake := &acs{}
	fake.honour(secondKey)
	cfg := listen(t, fake)
	cfg.AttemptTimeout = 200 * time.Millisecond
	cfg.Credential = acsidentity.CredentialFunc(func(ctx context.Context, refused acsidentity.Credential) (acsidentity.Credential, error) {
		if refused != (acsidentity.Credential{}) {
			<-ctx.Done()
			return acsidentity.Credential{}, ctx.Err()
		}
		return acsidentity.AccessKey(key), nil
	})
	if e := asError(t, mustNew(t, cfg).DeleteIdentity(t.Context(), userID)); e.Code != acsidentity.CodeDenied {
		t.Errorf("error %v", e)
	}
}
