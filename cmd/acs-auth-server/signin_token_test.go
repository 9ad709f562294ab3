package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// appTokensOf returns the tokens for ACS of the app in an embedded cloud without
// sockets, which lives in the bubble of the test, with the log.
func appTokensOf(t *testing.T) (*cloud.Cloud, *appTokens, *output) {
	t.Helper()
	c, err := cloud.Start(cloud.Config{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	p := new(problems)
	s := load(cloudLayers(c, "ACS_CONNECTION_STRING=", "ACS_ENDPOINT="+c.ACS.URL), true, p)
	log := newOutput()
	around := surroundings{client: c.HTTPClient(), logger: slog.New(slog.NewJSONHandler(log, nil))}
	_, forACS := chooseCredentials(s, around, p)
	tokens := newSignIn(s, forACS, around, p)
	if p.any() {
		t.Fatal(p.list)
	}
	return c, tokens, log
}

const notRenewed = "a token could not be renewed, and is used until it expires"

// A token is renewed while it is still good. Nobody waits for that, and a failure
// fails nobody as long as the token is good.
func TestRenewal(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cloud.Fault{
		"down":    {Status: http.StatusServiceUnavailable},
		"hanging": {Hang: true},
		"refused": {Status: http.StatusUnauthorized, Body: `{"error":"invalid_client","error_codes":[7000222]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, tokens, log := appTokensOf(t)
				get := func(within time.Duration) (string, error) {
					began := time.Now()
					token, err := tokens.token(t.Context())
					if took := time.Since(began); took > within {
						t.Errorf("it took %s", took)
					}
					synctest.Wait()
					return token, err
				}
				asked := func(want int) {
					t.Helper()
					if n := c.CallCount(cloud.OpEntraToken); n != want {
						t.Errorf("Entra ID was asked for %d tokens, want %d", n, want)
					}
				}
				first, err := get(0)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Minute) // of 75
				if again, err := get(0); again != first || err != nil {
					t.Errorf("a good token is not kept: %v", err)
				}
				asked(1)

				// A quarter of its life before its end.
				time.Sleep(7 * time.Minute)
				fault.Op = cloud.OpEntraToken
				remove := c.Inject(fault)
				for range 3 {
					if again, err := get(0); again != first || err != nil {
						t.Errorf("a failing renewal disturbs: %v", err)
					}
				}
				asked(2)
				time.Sleep(15 * time.Second) // more than one attempt may take
				if n := len(logLines(t, log.String(), notRenewed)); n != 1 {
					t.Errorf("%d warnings, want 1:\n%s", n, log)
				}
				if again, err := get(0); again != first || err != nil {
					t.Errorf("right after a failure: %v", err)
				}
				asked(2)
				time.Sleep(renewPause)
				if again, err := get(0); again != first || err != nil {
					t.Errorf("a failing renewal disturbs: %v", err)
				}
				asked(3)

				time.Sleep(17*time.Minute - 5*time.Second) // less than minLeft remains
				if again, err := get(10 * time.Second); err == nil {
					t.Errorf("an expired token is handed out: %t", again == first)
				}
				remove()
				second, err := get(0)
				if err != nil || second == first {
					t.Errorf("no new token: %v", err)
				}
				if strings.Contains(log.String(), "eyJ") {
					t.Errorf("a token is in the log:\n%s", log)
				}

				// A renewal that succeeds is seen by who comes next.
				time.Sleep(57 * time.Minute)
				if again, err := get(0); again != second || err != nil {
					t.Errorf("the caller who is first to see that it is time waits: %v", err)
				}
				if third, err := get(0); third == second || err != nil {
					t.Errorf("the new token is not used: %v", err)
				}
			})
		})
	}
}

// Who issues a token may say when it is to be renewed.
// Entra ID is not asked again before it wants to be, but for ten minutes at most, and
// callers are told how long that is.
func TestRefusalThatSaysWhenToComeBack(t *testing.T) {
	t.Parallel()
	for wish, holds := range map[time.Duration]time.Duration{time.Minute: time.Minute, time.Hour: 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			c, tokens, _ := appTokensOf(t)
			mend := c.Inject(cloud.Fault{Op: cloud.OpEntraToken, Status: 429, Header: http.Header{"Retry-After": {fmt.Sprint(wish.Seconds())}}})
			began := time.Now()
			for range 3 {
				_, err := tokens.token(t.Context())
				var refused *signInError
				if !errors.As(err, &refused) || refused.kind != httpx.KindThrottled || refused.RetryDelay() != wish-time.Since(began) {
					t.Errorf("after %s: %v, and to come back after %s; want after %s", time.Since(began), err, refused.RetryDelay(), wish-time.Since(began))
				}
				time.Sleep(holds/2 - time.Second)
			}
			if n := c.CallCount(cloud.OpEntraToken); n != 1 {
				t.Errorf("%d calls, want one", n)
			}
			mend()
			if _, err := tokens.token(t.Context()); err != nil {
				t.Errorf("when the time is over: %v", err)
			}
		})
	}
}

func TestRefreshIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, tokens, _ := appTokensOf(t)
		token := c.Entra.AppToken(cloud.TokenOptions{})
		c.Inject(cloud.Fault{Op: cloud.OpEntraToken, Times: 1, Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"token_type":"Bearer","access_token":"` + token + `","expires_in":3600,"refresh_in":600}`})
		for _, step := range []struct {
			after time.Duration
			asked int
		}{{0, 1}, {9 * time.Minute, 1}, {2 * time.Minute, 2}} {
			time.Sleep(step.after)
			if got, err := tokens.token(t.Context()); got != token || err != nil {
				t.Errorf("another token, or %v", err)
			}
			synctest.Wait()
			if n := c.CallCount(cloud.OpEntraToken); n != step.asked {
				t.Errorf("Entra ID was asked %d times, want %d", n, step.asked)
			}
		}
	})
}

// A token that no header can hold is not kept until it expires: the next one, which is
// good, follows at once.
func TestUnfitTokens(t *testing.T) {
	t.Parallel()
	for name, unfit := range map[string]string{"a line break": `tops3cret\n`, "a space": "tops 3cret", "another script": "tops3crét", "a control character": `\u007ftops3cret`} {
		for by, op := range map[string]string{"app": cloud.OpEntraToken, "managed identity": cloud.OpIdentityToken} {
			t.Run(name+", "+by, func(t *testing.T) {
				t.Parallel()
				c, token := startCloud(t)
				environ := []string{"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=" + c.ACS.URL, "MAPPING_STORE=memory"}
				start := startAgainst
				if op == cloud.OpIdentityToken {
					id := trustIdentity(c, "")
					c.ACS.AssignRole(id.ClientID)
					environ = append(environ, "AZURE_CLIENT_SECRET=", "ACS_CREDENTIAL=managed-identity", "MANAGED_IDENTITY_CLIENT_ID="+id.ClientID)
					start = startOnMachine
				}
				r := start(t, c, nil, environ...)
				in := time.Now().Add(time.Hour).Unix()
				remove := c.Inject(cloud.Fault{Op: op, Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
					Body: fmt.Sprintf(`{"token_type":"Bearer","access_token":"%s","expires_in":"3600","expires_on":"%d","resource":"r"}`, unfit, in)})
				const want = "is empty or holds characters that no token has"
				if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 502 || !strings.Contains(r.stderr.String(), want) {
					t.Errorf("status %d: %s; log:\n%s", got.status, got.body, r.stderr)
				}
				remove()
				if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 201 {
					t.Errorf("with a good token: status %d: %s; log:\n%s", got.status, got.body, r.stderr)
				}
				if strings.Contains(r.stderr.String(), "3cr") {
					t.Errorf("the token is in the log:\n%s", r.stderr)
				}
			})
		}
	}
}

// Who goes away while a token is being got takes it from nobody.
func TestTokenForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, tokens, _ := appTokensOf(t)
		release := c.Inject(cloud.Fault{Op: cloud.OpEntraToken, Times: 1, Hang: true})
		ctx, goAway := context.WithCancel(t.Context())
		left, stayed := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := tokens.token(ctx)
			left <- err
		}()
		synctest.Wait()
		go func() {
			_, err := tokens.token(t.Context())
			stayed <- err
		}()
		goAway()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away got %v", err)
		}
		release()
		if err := <-stayed; err != nil {
			t.Errorf("who stayed got %v", err)
		}
		if n := c.CallCount(cloud.OpEntraToken); n != 1 {
			t.Errorf("Entra ID was asked %d times, want 1", n)
		}
	})
}

// What a signInError says is what acsauth and acsidentity look for.
var _ interface {
	error
	FailureKind() string
	RetryDelay() time.Duration
} = (*signInError)(nil)

func TestUnanswered(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		kind string
	}{
		{t.Context(), errors.New("tops3cret"), httpx.KindUnavailable},
		{t.Context(), context.DeadlineExceeded, httpx.KindTimeout},
		{ended, errors.New("tops3cret"), httpx.KindTimeout},
	} {
		var failed *signInError
		if err := unanswered(test.ctx, "who", test.err); !errors.As(err, &failed) || failed.kind != test.kind || strings.Contains(err.Error(), "tops3cret") {
			t.Errorf("%v is of kind %s, want %s", err, failed.kind, test.kind)
		}
	}
}

// A panic is the caller's error, and neither the end of the server nor a line with what
// it was about.
func TestTokenPanics(t *testing.T) {
	t.Parallel()
	log := newOutput()
	tokens := &appTokens{of: "the app", timeout: time.Second, logger: slog.New(slog.NewJSONHandler(log, nil)),
		acquire: func(context.Context) (appToken, error) { panic("tops3cret") }}
	var said *signInError
	if _, err := tokens.token(t.Context()); !errors.As(err, &said) || said.FailureKind() != httpx.KindUnusable {
		t.Errorf("error %v", err)
	}
	if lines := logLines(t, log.String(), "getting a token has panicked"); len(lines) != 1 || strings.Contains(log.String(), "tops3cret") {
		t.Errorf("the log:\n%s", log)
	}
}
