package obo_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"testing"
	"time"
)

func TestRemembersWhatOnlyPeopleCanChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		answer     map[string]any
		remembered bool
	}{
		{"claims challenge", map[string]any{"error": "interaction_required", "claims": challenge}, true},
		{"consent", map[string]any{"error": "invalid_grant", "suberror": "consent_required"}, true},
		{"blocked", map[string]any{"error": "interaction_required"}, true},
		{"refused assertion", map[string]any{"error": "invalid_grant"}, false},
		{"misconfigured", map[string]any{"error": "invalid_client"}, false},
		{"throttled, nobody says how long", map[string]any{"error": "invalid_grant", "error_codes": []int{50196}}, false},
		{"nonsense", map[string]any{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 0 {
					w.WriteHeader(http.StatusBadRequest)
					_ = json.NewEncoder(w).Encode(tt.answer)
				}
				return n == 0
			}
			clock := newClock()
			cfg := entra.start()
			cfg.Now = clock.now
			client := mustNew(t, cfg)
			ada := entra.assertion("ada", time.Hour)

			first := failure(t, t.Context(), client, ada, "")
			if !tt.remembered {
				mustToken(t, client, ada, "")
				return
			}
			clock.advance(30*time.Second - time.Nanosecond)
			again := failure(t, t.Context(), client, ada, "")
			if again.Kind != first.Kind || again.Claims != first.Claims {
				t.Errorf("then the error is %v, at first it was %v", again, first)
			}
			entra.wantCount(1)
			mustToken(t, client, entra.assertion("grace", time.Hour), "") // not her affair
			clock.advance(time.Nanosecond)
			mustToken(t, client, ada, "")
			entra.wantCount(3)
		})
	}
}

// Claims are a new question, whatever the answer to the last one was.
func TestClaimsAreAskedInSpiteOfARememberedFailure(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			refuse(w, 400, "interaction_required", 50076)
		}
		return n == 0
	}
	client := mustNew(t, entra.start())
	ada := entra.assertion("ada", time.Hour)
	failure(t, t.Context(), client, ada, "")
	mustToken(t, client, ada, challenge)
	mustToken(t, client, ada, "")
	entra.wantCount(2)
}

func TestThrottlingHoldsForTheTenant(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		header string
		wait   time.Duration // as reported by the first error
		holds  time.Duration
	}{
		{"as long as asked for", "60", time.Minute, time.Minute},
		{"but not for ever", "2147483647", math.MaxInt32 * time.Second, 10 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			const other = "bbbbbbbb-1111-4111-8111-111111111111"
			entra := newEntra(t)
			entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n == 1 {
					w.Header().Set("Retry-After", tt.header)
					w.WriteHeader(http.StatusTooManyRequests)
				}
				return n == 1
			}
			clock := newClock()
			cfg := entra.start()
			cfg.Now = clock.now
			client := mustNew(t, cfg)
			ada, grace := entra.assertion("ada", time.Hour), entra.assertion("grace", time.Hour)
			mustToken(t, client, ada, "")

			if e := failure(t, t.Context(), client, grace, ""); e.Kind != "throttled" || e.RetryDelay() != tt.wait {
				t.Errorf("error = %v, retry after %v", e, e.RetryDelay())
			}
			entra.wantCount(2) // a long wait is the caller's to make
			clock.advance(10 * time.Second)
			for _, claims := range []string{"", challenge} {
				if e := failure(t, t.Context(), client, grace, claims); e.Kind != "throttled" || e.RetryDelay() != tt.wait-10*time.Second {
					t.Errorf("then error = %v, retry after %v", e, e.RetryDelay())
				}
			}
			mustToken(t, client, ada, "") // remembered
			entra.wantCount(2)
			assertion := entra.sign(map[string]any{"aud": clientID, "tid": other, "sub": "lin"})
			if _, err := client.Token(t.Context(), other, assertion, ""); err != nil {
				t.Errorf("another tenant got %v", err)
			}
			clock.advance(tt.holds - 10*time.Second)
			mustToken(t, client, grace, "")
			entra.wantCount(4)
		})
	}
}

// A loop is about one token: whoever else is in the tenant is served.
func TestLoopHoldsForTheToken(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_codes":[50196]}`)
		}
		return n == 0
	}
	clock := newClock()
	cfg := entra.start()
	cfg.Now = clock.now
	client := mustNew(t, cfg)
	ada := entra.assertion("ada", time.Hour)
	for _, wait := range []time.Duration{time.Minute, 50 * time.Second} {
		if e := failure(t, t.Context(), client, ada, ""); e.Kind != "throttled" || e.RetryDelay() != wait {
			t.Errorf("error = %v, retry after %v, want %v", e, e.RetryDelay(), wait)
		}
		clock.advance(10 * time.Second)
	}
	entra.wantCount(1)
	mustToken(t, client, entra.assertion("grace", time.Hour), "")
	clock.advance(time.Minute)
	mustToken(t, client, ada, "")
	entra.wantCount(3)
}

func TestShortThrottlingIsWaitedFor(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 0
	}
	client := mustNew(t, entra.start())
	mustToken(t, client, entra.assertion("ada", time.Hour), "")
	entra.wantCount(2)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		maxEntries int
		maxBytes   int64
		survivors  int // of ten users, besides the one who keeps coming; -1: not even that one
	}{
		{"by entries", 4, 0, 3},
		{"by bytes", 0, 4 * 600, 3}, // a token of 21 bytes and its bookkeeping
		{"so small that nothing fits", 0, 100, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			cfg := entra.start()
			cfg.CacheMaxEntries, cfg.CacheMaxBytes = tt.maxEntries, tt.maxBytes
			client := mustNew(t, cfg)
			user := func(i int) string {
				return entra.sign(map[string]any{"aud": clientID, "tid": tenantID, "sub": fmt.Sprint("user", i)})
			}
			remembered := func(i int) bool {
				before := entra.count()
				mustToken(t, client, user(i), "")
				return entra.count() == before
			}
			for i := range 11 {
				mustToken(t, client, user(i), "")
				mustToken(t, client, user(0), "")
			}
			if tt.survivors >= 0 {
				entra.wantCount(11) // the user who kept coming was never forgotten
			}
			for i := 10; i > 10-tt.survivors; i-- {
				if !remembered(i) {
					t.Errorf("user %d, among the last, is forgotten", i)
				}
			}
			if remembered(1) {
				t.Error("user 1, among the first, is remembered")
			}
		})
	}
}
