package obo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

func TestFirstExchangeIsOneRequest(t *testing.T) {
	// Set for everything in this process: regional endpoints must not come on.
	t.Setenv("MSAL_FORCE_REGION", "westeurope")
	entra := newEntra(t)
	client := mustNew(t, entra.start())
	assertion := entra.assertion("ada", time.Hour)
	if got, want := mustToken(t, client, assertion, ""), "graph-token-0-for-ada"; got != want {
		t.Errorf("Token = %q, want %q", got, want)
	}
	entra.wantCount(1)

	r := entra.requests[0]
	if r.PostForm.Get("assertion") != assertion || r.PostForm.Has("claims") {
		t.Error("the assertion was not sent as it is, or claims were sent")
	}
	if agent := r.Header.Get("User-Agent"); !strings.HasPrefix(agent, "acs-authentication-hero-go/") {
		t.Errorf("User-Agent = %q", agent)
	}
	if err := uuid.Validate(r.Header.Get("client-request-id")); err != nil {
		t.Errorf("client-request-id: %v", err)
	}
}

// What makes two calls the same exchange.
func TestRemembersPerAssertionAndTenant(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	ada, grace := entra.assertion("ada", time.Hour), entra.assertion("grace", time.Hour)
	tests := []struct {
		name      string
		tenant    string
		assertion string
		requests  int // in all, after this call
	}{
		{"the first call asks", tenantID, ada, 1},
		{"the same assertion is remembered", tenantID, ada, 1},
		{"the tenant's case does not matter", strings.ToUpper(tenantID), ada, 1},
		{"another assertion asks", tenantID, grace, 2},
		{"which changes nothing for the first", tenantID, ada, 2},
	}
	client := mustNew(t, entra.start())
	for _, tt := range tests {
		if _, err := client.Token(t.Context(), tt.tenant, tt.assertion, ""); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := entra.count(); got != tt.requests {
			t.Errorf("%s: %d requests, want %d", tt.name, got, tt.requests)
		}
	}
	// Another tenant is another exchange, even for the same assertion.
	if _, err := client.Token(t.Context(), "bbbbbbbb-1111-4111-8111-111111111111", ada, ""); err == nil {
		t.Error("a token of another tenant was handed out")
	}
}

func TestForgetsInTime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		expiresIn        int           // of the token, in seconds
		assertionExpires time.Duration // from now; 0: the assertion does not say
		remembered       time.Duration
	}{
		{"five minutes before the token expires", 3600, 2 * time.Hour, 55 * time.Minute},
		{"five minutes after the assertion expires", 3600, 20 * time.Minute, 25 * time.Minute},
		{"an assertion without expiry does not matter", 3600, 0, 55 * time.Minute},
		{"a short token", 301, time.Hour, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			clock.at = clock.at.Truncate(time.Second)
			entra := newEntra(t)
			entra.expiresIn = tt.expiresIn
			begin := clock.now()
			entra.now = func() time.Time { return begin } // the assertion never expires there
			claims := map[string]any{"aud": clientID, "tid": tenantID, "sub": "ada"}
			if tt.assertionExpires != 0 {
				claims["exp"] = clock.at.Add(tt.assertionExpires).Unix()
			}
			assertion := entra.sign(claims)
			cfg := entra.start()
			cfg.Now = clock.now
			client := mustNew(t, cfg)

			mustToken(t, client, assertion, "")
			clock.advance(tt.remembered - time.Nanosecond)
			mustToken(t, client, assertion, "")
			entra.wantCount(1)
			clock.advance(time.Nanosecond)
			mustToken(t, client, assertion, "")
			entra.wantCount(2)
		})
	}
}

func TestClaimsReplaceTheRememberedToken(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	client := mustNew(t, entra.start())
	assertion := entra.assertion("ada", time.Hour)
	first := mustToken(t, client, assertion, "")
	second := mustToken(t, client, assertion, ` { "access_token": {"nbf": {"essential":true, "value":"1"}} } `)
	if first == second {
		t.Fatal("the challenge was answered with the token that caused it")
	}
	if got, want := entra.requests[1].PostForm.Get("claims"), `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`; got != want {
		t.Errorf("claims = %s, want %s", got, want)
	}
	if third := mustToken(t, client, assertion, ""); third != second {
		t.Errorf("then Token = %q, want the new one, %q", third, second)
	}
	entra.wantCount(2)
}

// A token that the resource has refused must not come back because the answer to
// the challenge failed.
func TestClaimsDropTheRememberedToken(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 1 {
			refuse(w, 400, "invalid_grant", 50013)
		}
		return n == 1
	}
	client := mustNew(t, entra.start())
	assertion := entra.assertion("ada", time.Hour)
	first := mustToken(t, client, assertion, "")
	failure(t, t.Context(), client, assertion, `{"access_token":{}}`)
	if again := mustToken(t, client, assertion, ""); again == first {
		t.Error("the refused token came back")
	}
}

// Claims that demand nothing stand for a token that was refused without a challenge:
// it is replaced, but not again and again.
func TestNoDemandsReplaceAnOldToken(t *testing.T) {
	t.Parallel()
	entra, clock := newEntra(t), newClock()
	cfg := entra.start()
	cfg.Now = clock.now
	client := mustNew(t, cfg)
	assertion := entra.assertion("ada", time.Hour)
	if first := mustToken(t, client, assertion, ""); mustToken(t, client, assertion, "{}") != first {
		t.Error("a token that was new was replaced")
	}
	clock.advance(30*time.Second - time.Nanosecond)
	first := mustToken(t, client, assertion, "{}")
	entra.wantCount(1)

	clock.advance(time.Nanosecond)
	second := mustToken(t, client, assertion, " { } ")
	if second == first {
		t.Error("the refused token came back")
	}
	for _, claims := range []string{"", "{}"} { // all others who were refused
		if token := mustToken(t, client, assertion, claims); token != second {
			t.Errorf("claims %q: Token = %q, want the new one, %q", claims, token, second)
		}
	}
	entra.wantCount(2)
	if entra.requests[1].PostForm.Has("claims") {
		t.Error("claims were sent that demand nothing")
	}
}

// A resource that challenges every token does not cause an exchange with each request.
// Other claims are another matter.
func TestOneExchangeForAChallenge(t *testing.T) {
	t.Parallel()
	entra, clock := newEntra(t), newClock()
	cfg := entra.start()
	cfg.Now = clock.now
	client := mustNew(t, cfg)
	assertion := entra.assertion("ada", time.Hour)
	const claims, others = `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`, `{"access_token":{"nbf":{"essential":true,"value":"2"}}}`
	old := mustToken(t, client, assertion, "")
	first := mustToken(t, client, assertion, claims)
	if again := mustToken(t, client, assertion, claims); first == old || again != first {
		t.Errorf("tokens %q, %q, %q; want a new one, once", old, first, again)
	}
	entra.wantCount(2)
	if second := mustToken(t, client, assertion, others); second == first {
		t.Error("other claims were not sent")
	}
	entra.wantCount(3)
	clock.advance(30 * time.Second)
	mustToken(t, client, assertion, others)
	entra.wantCount(4)
}

// A clock that was ahead, and is put right, does not make a refused token look new.
func TestClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	entra, clock := newEntra(t), newClock()
	cfg := entra.start()
	cfg.Now = clock.now
	client := mustNew(t, cfg)
	assertion := entra.assertion("ada", 24*time.Hour)
	clock.advance(time.Hour)
	refused := mustToken(t, client, assertion, "")
	clock.advance(-time.Hour)
	if mustToken(t, client, assertion, "{}") == refused {
		t.Error("the token that was refused is returned again")
	}
}

// What one caller does to an error is nothing that others see.
func TestErrorsAreTheCallers(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		refuse(w, 400, "invalid_grant", 65001)
		return true
	}
	client := mustNew(t, entra.start())
	assertion := entra.assertion("ada", time.Hour)
	for range 3 {
		_, err := client.Token(t.Context(), tenantID, assertion, "")
		var failure *obo.Error
		if !errors.As(err, &failure) || failure.Kind != "consent_required" {
			t.Fatalf("the error is %v", err)
		}
		failure.Kind = "unusable"
	}
	entra.wantCount(1)
}

// An exchange that began before a challenge must not overwrite its answer.
func TestClaimsWinOverAnExchangeUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		entra := newEntra(t)
		entra.instead = func(n int, _ http.ResponseWriter, _ *http.Request) bool {
			if n == 0 {
				<-release
			}
			return false
		}
		client := mustNew(t, entra.inProcess())
		assertion := entra.assertion("ada", time.Hour)
		slow := make(chan string)
		go func() { slow <- mustToken(t, client, assertion, "") }()
		synctest.Wait()
		answer := mustToken(t, client, assertion, `{"access_token":{}}`)
		close(release)
		if old := <-slow; old == answer {
			t.Fatal("both got one token")
		}
		if now := mustToken(t, client, assertion, ""); now != answer {
			t.Errorf("Token = %q, want %q", now, answer)
		}
	})
}

func TestOneRequestHoweverManyCallers(t *testing.T) {
	t.Parallel()
	for _, claims := range []string{"", `{"access_token":{}}`} {
		t.Run("claims="+claims, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				entra := newEntra(t)
				entra.instead = func(int, http.ResponseWriter, *http.Request) bool { <-release; return false }
				client := mustNew(t, entra.inProcess())
				assertion := entra.assertion("ada", time.Hour)
				var callers sync.WaitGroup
				for range 50 {
					callers.Go(func() {
						if token, err := client.Token(t.Context(), tenantID, assertion, claims); err != nil || token != "graph-token-0-for-ada" {
							t.Errorf("Token = %q, %v", token, err)
						}
					})
				}
				synctest.Wait() // all of them wait
				close(release)
				callers.Wait()
				entra.wantCount(1)
			})
		})
	}
}

func TestManyUsersAtOnce(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	client := mustNew(t, entra.start())
	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			user := fmt.Sprintf("user%d", i%50)
			token, err := client.Token(t.Context(), tenantID, entra.sign(map[string]any{"aud": clientID, "tid": tenantID, "sub": user}), "")
			if err != nil || !strings.HasSuffix(token, "-for-"+user) {
				t.Errorf("%s got %q, %v", user, token, err)
			}
		})
	}
	callers.Wait()
	entra.wantCount(50)
}

func TestACallerWhoLeavesHurtsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		entra := newEntra(t)
		entra.instead = func(int, http.ResponseWriter, *http.Request) bool { <-release; return false }
		client := mustNew(t, entra.inProcess())
		assertion := entra.assertion("ada", time.Hour)

		leader, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() {
			_, err := client.Token(leader, tenantID, assertion, "")
			left <- err
		}()
		synctest.Wait()
		follower := make(chan error)
		go func() {
			_, err := client.Token(t.Context(), tenantID, assertion, "")
			follower <- err
		}()
		synctest.Wait()

		leave()
		err := <-left
		var e *obo.Error
		if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.FailureKind() != "timeout" {
			t.Errorf("the leader got %v", err)
		}
		close(release)
		if err := <-follower; err != nil {
			t.Errorf("the follower got %v", err)
		}
		entra.wantCount(1)
	})
}

func TestEndedContextAsksNobody(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	client := mustNew(t, entra.start())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := failure(t, ctx, client, entra.assertion("ada", time.Hour), ""); !errors.Is(e, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", e)
	}
	entra.wantCount(0)
}

func TestRefusedArguments(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	client := mustNew(t, entra.start())
	assertion := entra.assertion("ada", time.Hour)
	tests := []struct {
		name, tenant, assertion, claims string
		kind                            string
	}{
		{"no assertion", tenantID, "", "", "invalid_assertion"},
		{"no tenant", "", assertion, "", "invalid_assertion"},
		{"a tenant that is a name", "common", assertion, "", "invalid_assertion"},
		{"a tenant that leads elsewhere", "../" + tenantID[3:], assertion, "", "invalid_assertion"},
		{"a tenant with a query", tenantID[:30] + "x?y=1z", assertion, "", "invalid_assertion"},
		{"a GUID in braces", "{" + tenantID + "}", assertion, "", "invalid_assertion"},
		{"claims in base64", tenantID, assertion, "eyJhY2Nlc3NfdG9rZW4iOnt9fQ==", "unusable"},
		{"claims that are no object", tenantID, assertion, `["access_token"]`, "unusable"},
		{"claims without end", tenantID, assertion, `{"access_token":`, "unusable"},
		{"claims that are not UTF-8", tenantID, assertion, "{\"access_token\":\"\xff\"}", "unusable"},
		{"claims that name something twice", tenantID, assertion, `{"access_token":{},"Access_Token":{}}`, "unusable"},
		{"claims over 8 KiB", tenantID, assertion, `{"a":"` + strings.Repeat("x", 8<<10) + `"}`, "unusable"},
	}
	for _, tt := range tests {
		_, err := client.Token(t.Context(), tt.tenant, tt.assertion, tt.claims)
		var e *obo.Error
		if !errors.As(err, &e) || e.Kind != tt.kind || e.Err == nil {
			t.Errorf("%s: error = %v, want kind %s and a reason", tt.name, err, tt.kind)
		}
	}
	entra.wantCount(0)
}
