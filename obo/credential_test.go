package obo_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

func TestCertificate(t *testing.T) {
	t.Parallel()
	pem, certificate := newCertificate(t, 2048, time.Now().Add(time.Hour))
	_, chain := newCertificate(t, 2048, time.Now().Add(time.Hour))
	entra := newEntra(t)
	entra.certificate = certificate
	cfg := entra.start()
	pem = append(pem, encodePEM(chain)...)
	cfg.Credential = obo.Certificate(pem)
	clear(pem) // a Credential keeps its own copy
	client := mustNew(t, cfg)
	for _, user := range []string{"ada", "grace"} { // a new assertion for each: jti
		if got, want := mustToken(t, client, entra.assertion(user, time.Hour), ""), "-for-"+user; !strings.HasSuffix(got, want) {
			t.Errorf("Token = %q", got)
		}
	}
}

func TestClientAssertion(t *testing.T) {
	t.Parallel()
	const federated = "the.kubernetes.token"
	entra := newEntra(t)
	entra.federated = federated
	cfg := entra.start()
	var calls atomic.Int32
	cfg.Credential = obo.ClientAssertion(func(ctx context.Context, r obo.AssertionRequest) (string, error) {
		calls.Add(1)
		want := obo.AssertionRequest{ClientID: clientID, TokenEndpoint: entra.url + "/" + tenantID + "/oauth2/v2.0/token"}
		if r != want {
			t.Errorf("asked with %+v, want %+v", r, want)
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the function may take for ever")
		}
		return federated, nil
	})
	client := mustNew(t, cfg)
	ada := entra.assertion("ada", time.Hour) // a later one expires later, and is another
	for range 2 {
		mustToken(t, client, ada, "")
	}
	if calls.Load() != 1 {
		t.Errorf("the function was called %d times for one exchange", calls.Load())
	}
}

type classified struct{ error }

func (c classified) Unwrap() error { return c.error }

func (classified) FailureKind() string { return "misconfigured" }

func TestClientAssertionFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("no token file")
	tests := []struct {
		name  string
		kind  string
		calls int32
		cause error
		f     func(ctx context.Context) (string, error)
	}{
		{"with an error", "unavailable", 2, broken, func(context.Context) (string, error) { return "", broken }},
		{"with an error that knows its kind", "misconfigured", 1, broken, func(context.Context) (string, error) {
			return "", fmt.Errorf("reading: %w", classified{fmt.Errorf("wrapped: %w", broken)})
		}},
		{"with nothing", "misconfigured", 1, nil, func(context.Context) (string, error) { return "", nil }},
		{"in time", "timeout", 2, context.DeadlineExceeded, func(ctx context.Context) (string, error) { <-ctx.Done(); return "", broken }},
		{"with a panic", "unusable", 1, nil, func(context.Context) (string, error) { panic(clientSecret) }},
		{"for good", "unusable", 1, nil, func(context.Context) (string, error) { runtime.Goexit(); return "", nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entra := newEntra(t)
			entra.federated = "never.sent"
			var log syncBuffer
			var calls atomic.Int32
			cfg := entra.start()
			cfg.Timeout = time.Second
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			cfg.Credential = obo.ClientAssertion(func(ctx context.Context, _ obo.AssertionRequest) (string, error) {
				calls.Add(1)
				return tt.f(ctx)
			})
			client := mustNew(t, cfg)
			assertion := entra.assertion("ada", time.Hour)
			e := failure(t, t.Context(), client, assertion, "")
			if e.Kind != tt.kind || tt.cause != nil && !errors.Is(e, tt.cause) {
				t.Errorf("error = %v, want kind %s and cause %v", e, tt.kind, tt.cause)
			}
			if calls.Load() != tt.calls {
				t.Errorf("%d calls, want %d", calls.Load(), tt.calls)
			}
			if text := e.Error() + log.String(); strings.Contains(text, clientSecret) {
				t.Errorf("a secret is in %q", text)
			}
			failure(t, t.Context(), client, assertion, "") // it can be tried again
			entra.wantCount(0)
		})
	}
}
