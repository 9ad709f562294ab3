package acsidentity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

func TestAttemptTimeout(t *testing.T) {
	t.Parallel()
	// stall sends the beginning of an answer, and then nothing.
	stall := func(w http.ResponseWriter, r *http.Request) {
		begin(w, func() { succeed(w, r) })
		hang(w, r)
	}
	for name, step := range map[string]http.HandlerFunc{"no answer": hang, "half an answer": stall} {
		for timeout, want := range map[time.Duration]time.Duration{0: 10 * time.Second, 2 * time.Second: 2 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				fake := &acs{script: []http.HandlerFunc{step}}
				cfg := pipe(t, fake)
				cfg.AttemptTimeout = timeout
				cfg.MaxRetries = -1
				start := time.Now()
				_, err := mustNew(t, cfg).CreateIdentity(t.Context())
				e := asError(t, err)
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, acsidentity.ErrOutcomeUnknown) ||
					e.FailureKind() != "timeout" || e.StatusCode != 0 {
					t.Errorf("%s: error %v of kind %s", name, err, e.FailureKind())
				}
				if took := time.Since(start); took != want {
					t.Errorf("%s: gave up after %s, want %s", name, took, want)
				}
			})
		}
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()

			t.Run("before", func(t *testing.T) {
				fake := &acs{}
				client := mustNew(t, listen(t, fake))
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				err := op.call(ctx, client)
				if e := asError(t, err); !errors.Is(err, context.Canceled) || errors.Is(err, acsidentity.ErrOutcomeUnknown) || e.FailureKind() != "timeout" {
					t.Errorf("error %v of kind %s", err, e.FailureKind())
				}
				if n := len(fake.seen()); n != 0 {
					t.Errorf("%d requests", n)
				}
			})

			t.Run("during", func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				cause := errors.New("the client went away")
				fake := &acs{script: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
					cancel(cause)
					hang(w, r)
				}}}
				err := op.call(ctx, mustNew(t, listen(t, fake)))
				if e := asError(t, err); !errors.Is(err, context.Canceled) || !errors.Is(err, acsidentity.ErrOutcomeUnknown) || e.FailureKind() != "timeout" {
					t.Errorf("error %v of kind %s", err, e.FailureKind())
				}
				if n := len(fake.seen()); n != 1 {
					t.Errorf("%d requests", n)
				}
			})

			t.Run("between", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					fake := &acs{script: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
						time.AfterFunc(2*time.Second, cancel)
						answer(429, "", "Retry-After", "4")(w, r)
					}}}
					err := op.call(ctx, mustNew(t, pipe(t, fake)))
					if e := asError(t, err); !errors.Is(err, context.Canceled) || errors.Is(err, acsidentity.ErrOutcomeUnknown) || e.StatusCode != 429 {
						t.Errorf("error %v", err)
					}
					if n := len(fake.seen()); n != 1 {
						t.Errorf("%d requests", n)
					}
				})
			})
		})
	}
}

// Without a connection nothing can have happened, so that even a create is safe
// to repeat.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		for failures, fails := range map[int32]bool{1: false, 2: false, 3: true} {
			synctest.Test(t, func(t *testing.T) {
				fake := &acs{}
				cfg := pipe(t, fake)
				transport := cfg.HTTPClient.Transport.(*http.Transport)
				connect := transport.DialContext
				refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
				var dials atomic.Int32
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					if dials.Add(1) <= failures {
						return nil, refused
					}
					return connect(ctx, network, address)
				}
				err := op.call(t.Context(), mustNew(t, cfg))
				if !fails {
					if err != nil || len(fake.seen()) != 1 {
						t.Errorf("%s: %v after %d requests", op.name, err, len(fake.seen()))
					}
					return
				}
				e := asError(t, err)
				if errors.Is(err, acsidentity.ErrOutcomeUnknown) || e.StatusCode != 0 || e.FailureKind() != "unavailable" || !errors.Is(err, refused) {
					t.Errorf("%s: error %v of kind %s", op.name, err, e.FailureKind())
				}
				if strings.Contains(err.Error(), "identities") {
					t.Errorf("%s: the error names the URL: %v", op.name, err)
				}
			})
		}
	}
}

// Whoever stops waiting for a connection has sent nothing.
func TestCancelWhileConnecting(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		synctest.Test(t, func(t *testing.T) {
			fake := &acs{}
			cfg := pipe(t, fake)
			release := make(chan struct{})
			defer close(release)
			cfg.HTTPClient.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
				<-release
				return nil, net.ErrClosed
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			err := op.call(ctx, mustNew(t, cfg))
			if asError(t, err); !errors.Is(err, context.Canceled) || errors.Is(err, acsidentity.ErrOutcomeUnknown) {
				t.Errorf("%s: %v", op.name, err)
			}
		})
	}
}

// A create must reach the service once, though its answer is lost: whatever the
// protocol, on a connection that was used before, and through a transport that
// tells nothing about connections.
func TestLostCreateIsNotRepeated(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for name, lose := range map[string]http.HandlerFunc{"dropped": drop, "cut off": cut} {
			for _, hidden := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/hidden=%v", protocol, name, hidden), func(t *testing.T) {
					t.Parallel()
					var requests atomic.Int32
					httpClient := dialing(t, protocol, func(w http.ResponseWriter, r *http.Request) {
						if r.ProtoMajor != int(protocol[5]-'0') {
							t.Errorf("protocol %s", r.Proto)
						}
						if requests.Add(1) == 1 {
							succeed(w, r) // opens the connection that the next one uses
							return
						}
						lose(w, r)
					})
					if hidden {
						visible := httpClient.Transport
						httpClient.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
							hiding := r.Clone(withoutTrace{r.Context()})
							return visible.RoundTrip(hiding)
						})
					}
					client := mustNew(t, acsidentity.Config{
						Endpoint: "https://contoso.communication.azure.com", Credential: acsidentity.AccessKey(key), HTTPClient: httpClient,
					})
					if _, err := client.CreateIdentity(t.Context()); err != nil {
						t.Fatal(err)
					}
					id, _, err := client.CreateIdentityWithToken(t.Context(), voip)
					if e := asError(t, err); id != "" || !errors.Is(err, acsidentity.ErrOutcomeUnknown) || e.FailureKind() != "unavailable" || e.StatusCode != 0 {
						t.Errorf("%q, error %v of kind %s", id, err, e.FailureKind())
					}
					if n := requests.Load(); n != 2 {
						t.Errorf("%d requests reached the service, want 2", n)
					}
				})
			}
		}
	}
}

// withoutTrace hides the values of a context, and with them httptrace.
type withoutTrace struct{ context.Context }

func (withoutTrace) Value(any) any { return nil }

func TestLog(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		var lines bytes.Buffer
		fake := &acs{script: []http.HandlerFunc{
			answer(429, `{"error":{"code":"Busy","message":"`+userID+`"}}`, "retry-after-ms", "0"),
		}}
		cfg := listen(t, fake)
		cfg.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		if err := op.call(t.Context(), mustNew(t, cfg)); err != nil {
			t.Fatal(err)
		}
		log := strings.Split(strings.TrimSpace(lines.String()), "\n")
		if len(log) != 2 {
			t.Fatalf("%s: %d lines for 2 attempts:\n%s", op.name, len(log), &lines)
		}
		id := fake.seen()[0].Header.Get("x-ms-client-request-id")
		for i, want := range []string{"attempt=1", "attempt=2"} {
			for _, want := range []string{want, "level=DEBUG", "operation=" + op.name, "duration_ms=", "client_request_id=" + id, "service_request_id=cv.0"} {
				if !strings.Contains(log[i], want) {
					t.Errorf("%s: no %s in %s", op.name, want, log[i])
				}
			}
		}
		if !strings.Contains(log[0], "status=429") || !strings.Contains(log[0], "code=Busy") || !strings.Contains(log[1], "status=20") {
			t.Errorf("%s: statuses are missing in\n%s", op.name, &lines)
		}
		for _, secret := range []string{"8:acs", "8%3Aacs", tokenText, exchange.Token, key, "Signature"} {
			if strings.Contains(lines.String(), secret) {
				t.Errorf("%s: the log holds %s:\n%s", op.name, secret, &lines)
			}
		}
	}
}

// Without a Logger the process's own gets the lines. It is the whole process's, so this
// test does not run beside others.
func TestLogByDefault(t *testing.T) {
	var lines bytes.Buffer
	before, output, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(output)
		log.SetFlags(flags)
	})
	slog.SetDefault(slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if _, err := mustNew(t, listen(t, &acs{})).CreateIdentity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(lines.String(), "operation=CreateIdentity") {
		t.Errorf("the default logger got %q", &lines)
	}
}

func TestLogOfLostAnswer(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		var lines bytes.Buffer
		fake := &acs{script: []http.HandlerFunc{drop}}
		cfg := listen(t, fake)
		cfg.MaxRetries = -1
		cfg.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		err := op.call(t.Context(), mustNew(t, cfg))
		asError(t, err)
		log := lines.String()
		if !strings.Contains(log, "status=0") || !strings.Contains(log, "error=") {
			t.Errorf("%s: %s", op.name, log)
		}
		// net/http names the URL in its errors.
		if strings.Contains(log+err.Error(), "/identities") || strings.Contains(log+err.Error(), "/teamsUser") {
			t.Errorf("%s: the URL is named in %v or %s", op.name, err, log)
		}
	}
}
