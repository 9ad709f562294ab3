package obo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Answers that no token endpoint should give.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	secrets := clientSecret + ` graph-token-leak `
	body := func(status int, text string) func(w http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(text))
		}
	}
	drop := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_ = conn.Close()
	}
	garble := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte("HTTP/1.1 " + secrets + "\r\n\r\n"))
		_ = conn.Close()
	}
	tests := []struct {
		name     string
		kind     string
		requests int
		answer   func(w http.ResponseWriter)
	}{
		{"malformed JSON with a token", "unusable", 1, body(200, `{"token_type":"Bearer","access_token":"graph-token-leak`)},
		{"HTML", "unusable", 1, body(200, "<html>"+secrets)},
		{"nothing", "unusable", 1, body(200, "")},
		{"null", "unusable", 1, body(200, "null")},
		{"no access token", "unusable", 1, body(200, `{"token_type":"Bearer","expires_in":3600}`)},
		{"a token that fits no header", "unusable", 1, body(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"graph-token-leak\r\nX: y"}`)},
		{"another type of token", "unusable", 1, body(200, `{"token_type":"pop","expires_in":3600,"access_token":"graph-token-leak"}`)},
		{"no lifetime", "unusable", 1, body(200, `{"token_type":"Bearer","access_token":"graph-token-leak"}`)},
		{"an odd lifetime", "unusable", 1, body(200, `{"token_type":"Bearer","expires_in":1e99,"access_token":"graph-token-leak"}`)},
		{"an endless lifetime", "unusable", 1, body(200, `{"token_type":"Bearer","expires_in":9223372036854775807,"access_token":"graph-token-leak"}`)},
		{"a lifetime in the past", "unusable", 1, body(200, `{"token_type":"Bearer","expires_in":-1,"access_token":"graph-token-leak"}`)},
		{"a token about to expire", "unusable", 1, body(200, `{"token_type":"Bearer","expires_in":300,"access_token":"graph-token-leak"}`)},
		{"an error with status 200", "consent_required", 1, body(200, `{"error":"invalid_grant","suberror":"consent_required"}`)},
		{"a body over one MiB", "unusable", 1, body(200, `{"access_token":"graph-token-leak","x":"`+strings.Repeat("x", 1<<20)+`"}`)},
		{"a gateway's page", "unavailable", 2, body(502, "<html>"+secrets)},
		{"a huge gateway's page", "unavailable", 2, body(502, strings.Repeat(secrets, 1<<16))},
		{"a proxy's refusal", "unusable", 1, body(403, "<html>"+secrets)},
		{"secrets in place of codes and ids", "unusable", 1, body(400, fmt.Sprintf(
			`{"error":%q,"suberror":%q,"correlation_id":%q,"trace_id":%q,"error_codes":"x"}`, secrets, secrets, secrets, secrets))},
		{"codes of the wrong type", "consent_required", 1, body(400, `{"error":"invalid_grant","error_codes":["x"],"suberror":"consent_required"}`)},
		{"a redirect", "unusable", 1, func(w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}},
		{"a cut connection", "unavailable", 2, drop},
		{"a malformed status line", "unavailable", 2, garble},
		{"a cut body", "unavailable", 2, func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"access_token":"graph-token-leak"`))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			entra.instead = func(_ int, w http.ResponseWriter, _ *http.Request) bool { tt.answer(w); return true }
			e := refused(t, entra, entra.start())
			if e.Kind != tt.kind {
				t.Errorf("kind = %s, want %s (%v)", e.Kind, tt.kind, e)
			}
			sent := entra.requests[len(entra.requests)-1].Header.Get("client-request-id")
			if e.CorrelationID == "" || e.CorrelationID != sent {
				t.Errorf("correlation id = %q, want the client-request-id %q", e.CorrelationID, sent)
			}
			entra.wantCount(tt.requests)
		})
	}
}

func TestRetryHeals(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n == 0
	}
	client := mustNew(t, entra.start())
	mustToken(t, client, entra.assertion("ada", time.Hour), "")
	entra.wantCount(2)
	if a, b := entra.requests[0].Header.Get("client-request-id"), entra.requests[1].Header.Get("client-request-id"); a == b {
		t.Error("two requests share a client-request-id")
	}
}

// A server that asks for a long pause gets it from the caller, not from us.
func TestLongPauseIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	entra.instead = func(n int, w http.ResponseWriter, _ *http.Request) bool {
		if n == 0 {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return n == 0
	}
	client := mustNew(t, entra.start())
	assertion := entra.assertion("ada", time.Hour)
	if e := failure(t, t.Context(), client, assertion, ""); e.Kind != "unavailable" || e.RetryDelay() != time.Minute {
		t.Errorf("error = %v, retry after %v", e, e.RetryDelay())
	}
	entra.wantCount(1)
	mustToken(t, client, assertion, "") // only throttling is remembered
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	entra := newEntra(t)
	cfg := entra.start()
	cfg.AuthorityHost = "https://127.0.0.1:1" // nobody listens there
	e := refused(t, entra, cfg)
	if e.Kind != "unavailable" || e.StatusCode != 0 || !strings.Contains(e.Error(), "connection refused") {
		t.Errorf("error = %v", e)
	}

	cfg.AuthorityHost = entra.url
	cfg.HTTPClient = nil // which does not know the test server's certificate
	e = refused(t, entra, cfg)
	if e.Kind != "unavailable" || !strings.Contains(e.Error(), "certificate") {
		t.Errorf("error = %v", e)
	}
	entra.wantCount(0)
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config time.Duration
		want   time.Duration
	}{
		{"by default", 0, 10 * time.Second},
		{"as configured", 4 * time.Second, 4 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				entra := newEntra(t)
				entra.instead = func(_ int, _ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
				cfg := entra.inProcess()
				cfg.Timeout = tt.config
				client := mustNew(t, cfg)
				assertion := entra.assertion("ada", time.Hour)
				start := time.Now()

				hurried, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if e := failure(t, hurried, client, assertion, ""); e.Kind != "timeout" || !errors.Is(e, context.DeadlineExceeded) {
					t.Errorf("the hurried caller got %v", e)
				}
				if took := time.Since(start); took != time.Second {
					t.Errorf("the hurried caller waited %v, want 1s", took)
				}
				// The exchange is still under way.
				if e := failure(t, t.Context(), client, assertion, ""); e.Kind != "timeout" || !errors.Is(e, context.DeadlineExceeded) {
					t.Errorf("the patient caller got %v", e)
				}
				if took := time.Since(start); took != tt.want {
					t.Errorf("the exchange took %v, want %v", took, tt.want)
				}
				entra.wantCount(2)
			})
		})
	}
}
