package acsauth_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// inBubble runs a test in virtual time against a cloud without sockets.
func inBubble(t *testing.T, test func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		test(t, c, must(t, acsauth.NewAuthenticator, authConfig(c)))
	})
}

// verdict verifies a fresh token that is signed with a key, and returns the name
// of the refusal, or "".
func verdict(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator, key string) string {
	t.Helper()
	u := c.Entra.AddUser(cloud.User{})
	_, err := auth.Verify(t.Context(), c.Entra.UserToken(u, cloud.TokenOptions{Key: key}))
	var refused *acsauth.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &refused):
		return refused.Name
	}
	return err.Error()
}

func wantVerdict(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator, when, key, want string) {
	t.Helper()
	if got := verdict(t, c, auth, key); got != want {
		t.Errorf("%s: got %q, want %q", when, got, want)
	}
}

func TestKeysAreLoadedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		if auth.Ready() == nil {
			t.Error("ready before any keys were loaded")
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { wantVerdict(t, c, auth, "first", "", "") })
		}
		all.Wait()
		if n := c.CallCount(cloud.OpEntraKeys); n != 1 {
			t.Errorf("the keys were fetched %d times", n)
		}
		if err := auth.Ready(); err != nil {
			t.Error(err)
		}
	})
}

// A caller who hangs up while the keys are being fetched for them disturbs nobody.
func TestKeyFetchOutlivesItsCause(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		release := c.Inject(cloud.Fault{Op: cloud.OpEntraKeys, Hang: true})
		token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := auth.Verify(ctx, token); err == nil {
				t.Error("the cancelled call succeeded")
			}
		})
		synctest.Wait()
		all.Go(func() { wantVerdict(t, c, auth, "second", "", "") })
		synctest.Wait()
		cancel()
		synctest.Wait()
		release()
		all.Wait()
		if n := c.CallCount(cloud.OpEntraKeys); n != 1 {
			t.Errorf("the keys were fetched %d times", n)
		}
	})
}

func TestUnknownKeys(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		wantVerdict(t, c, auth, "start", "", "")
		fetches := func() int { return c.CallCount(cloud.OpEntraKeys) }

		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				header := fmt.Sprintf(`{"alg":"RS256","kid":"made up %d"}`, i)
				_, err := auth.Verify(t.Context(), base64.RawURLEncoding.EncodeToString([]byte(header))+".e30.AA")
				wantRefusal(t, err, "invalid_token", "does not publish")
			})
		}
		all.Wait()
		if fetches() != 2 {
			t.Errorf("200 unknown keys at once cost %d fetches", fetches()-1)
		}
		rotated := c.Entra.RotateKey()
		wantVerdict(t, c, auth, "new key, budget spent", rotated, "invalid_token")
		time.Sleep(5 * time.Minute)
		wantVerdict(t, c, auth, "new key, five minutes later", rotated, "")
		wantVerdict(t, c, auth, "made-up key right after", cloud.KeyUnlisted, "invalid_token")
		if fetches() != 3 {
			t.Errorf("%d fetches, want 3", fetches())
		}
		time.Sleep(5 * time.Minute)
		c.Inject(cloud.Fault{Op: cloud.OpEntraKeys, Status: 500, Times: 1})
		wantVerdict(t, c, auth, "unknown key, fetch failed", cloud.KeyUnlisted, "keys_unavailable")
		wantVerdict(t, c, auth, "known key, fetch failed", "", "")
		time.Sleep(5 * time.Minute)
		release := c.Inject(cloud.Fault{Op: cloud.OpEntraKeys, Hang: true})
		began := time.Now()
		wantVerdict(t, c, auth, "unknown key, fetch hangs", cloud.KeyUnlisted, "keys_unavailable")
		if waited := time.Since(began); waited != 3*time.Second {
			t.Errorf("waited %v", waited)
		}
		release()
	})
}

// Entra's list of keys flaps: one that a fetch misses lives on for a day.
func TestKeysThatAreNotListed(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		old := c.Entra.KeyID()
		wantVerdict(t, c, auth, "start", old, "")
		c.Entra.RotateKey()
		c.Entra.ListKey(old, false)
		time.Sleep(time.Hour)
		wantVerdict(t, c, auth, "due for a refresh", old, "")
		synctest.Wait() // the refresh in the background
		for range 23 {
			time.Sleep(time.Hour)
			wantVerdict(t, c, auth, "unlisted for less than a day", old, "")
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		wantVerdict(t, c, auth, "unlisted for a day", old, "invalid_token")
		c.Entra.ListKey(old, true)
		time.Sleep(time.Hour)
		wantVerdict(t, c, auth, "listed again", old, "")
	})
}

func TestKeysOutliveAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		wantVerdict(t, c, auth, "start", "", "")
		recover := c.Inject(cloud.Fault{Op: "entra.", Status: 503})
		for hour := range 71 {
			time.Sleep(time.Hour)
			if got := verdict(t, c, auth, ""); got != "" {
				t.Fatalf("after %d hours of outage: %s", hour+1, got)
			}
			synctest.Wait()
		}
		time.Sleep(time.Hour)
		wantVerdict(t, c, auth, "after three days", "", "keys_unavailable")
		if auth.Ready() == nil {
			t.Error("ready without keys")
		}
		recover()
		time.Sleep(time.Second)
		wantVerdict(t, c, auth, "after the outage", "", "")
	})
}

func TestNoKeysYet(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		recover := c.Inject(cloud.Fault{Op: cloud.OpEntraMetadata, Status: 500})
		for range 100 {
			wantVerdict(t, c, auth, "outage", "", "keys_unavailable")
		}
		if n := c.CallCount(cloud.OpEntraMetadata); n != 1 {
			t.Errorf("100 requests at once caused %d attempts", n)
		}
		recover()
		time.Sleep(time.Second)
		wantVerdict(t, c, auth, "a second later", "", "")
	})
}

// Without keys nobody can tell good tokens from bad ones. A 401 would make clients
// throw away good ones, and send their users through sign-in in a loop.
func TestKeyOutageAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]cloud.Fault{
		"no metadata":         {Op: cloud.OpEntraMetadata, Status: 503},
		"metadata not found":  {Op: cloud.OpEntraMetadata, Status: 404},
		"metadata is no JSON": {Op: cloud.OpEntraMetadata, Status: 200, Body: "<html>"},
		"another's metadata":  {Op: cloud.OpEntraMetadata, Status: 200, Body: `{"issuer":"https://login.attacker.example/t/v2.0","jwks_uri":"https://login.entra.test/k"}`},
		"a redirect":          {Op: cloud.OpEntraMetadata, Status: 302, Header: http.Header{"Location": {"https://attacker.example"}}},
		"no keys":             {Op: cloud.OpEntraKeys, Status: 500},
		"keys are no JSON":    {Op: cloud.OpEntraKeys, Status: 200, Body: "<html>"},
		"an empty list":       {Op: cloud.OpEntraKeys, Status: 200, Body: `{"keys":[]}`},
		"no usable keys":      {Op: cloud.OpEntraKeys, Status: 200, Body: `{"keys":[{"kty":"oct","kid":"k","k":"c2VjcmV0"}]}`},
		"a cut connection":    {Op: cloud.OpEntraKeys, Drop: true},
		"no answer":           {Op: cloud.OpEntraKeys, Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
				recover := c.Inject(fault)
				handler := auth.Require(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				status := func(token string) int {
					r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
					r.Header.Set("Authorization", "Bearer "+token)
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r)
					wait, err := strconv.Atoi(w.Header().Get("Retry-After"))
					if told := err == nil && wait > 0; told != (w.Code == 503) || w.Code == 503 && w.Header().Get("WWW-Authenticate") != "" {
						t.Errorf("%d with %v", w.Code, w.Header())
					}
					return w.Code
				}
				u := c.Entra.AddUser(cloud.User{})
				good := c.Entra.UserToken(u, cloud.TokenOptions{})
				if got := status(good); got != 503 {
					t.Errorf("a good token: %d, want 503", got)
				}
				if got := status(c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted})); got != 503 {
					t.Errorf("a token of an unknown key: %d, want 503", got)
				}
				if got := status(c.Entra.UserToken(u, cloud.TokenOptions{Alg: "none"})); got != 401 {
					t.Errorf("a token that no key makes good: %d, want 401", got)
				}
				recover()
				time.Sleep(time.Minute)
				if got := status(good); got != 200 {
					t.Errorf("after the outage: %d, want 200", got)
				}
			})
		})
	}
}

// What can be decided with the keys that are there costs no fetch, however often.
func TestBadSignaturesCostNoFetch(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		wantVerdict(t, c, auth, "start", "", "")
		u := c.Entra.AddUser(cloud.User{})
		for range 10 {
			_, err := auth.Verify(t.Context(), c.Entra.UserToken(u, cloud.TokenOptions{Key: cloud.KeyUnlisted, Header: map[string]any{"kid": c.Entra.KeyID()}}))
			wantRefusal(t, err, "invalid_token", "signature")
		}
		if n := c.CallCount(cloud.OpEntraKeys); n != 1 {
			t.Errorf("the keys were fetched %d times", n)
		}
	})
}

func TestRun(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, auth *acsauth.Authenticator) {
		recover := c.Inject(cloud.Fault{Op: "entra.", Status: 503})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- auth.Run(ctx) }()
		time.Sleep(time.Minute)
		if auth.Ready() == nil {
			t.Error("ready during the outage")
		}
		recover()
		time.Sleep(time.Minute)
		if err := auth.Ready(); err != nil {
			t.Errorf("a minute after the outage: %v", err)
		}
		c.ResetCalls()
		time.Sleep(24 * time.Hour)
		if n := c.CallCount(cloud.OpEntraKeys); n < 20 || n > 27 {
			t.Errorf("%d refreshes in a day, want about one an hour", n)
		}
		rotated := c.Entra.RotateKey()
		time.Sleep(70 * time.Minute)
		c.Inject(cloud.Fault{Op: "entra.", Status: 503})
		wantVerdict(t, c, auth, "rotated key, without a fetch", rotated, "")
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
}

// How old the signing keys are, and how many may be used.
func TestKeyTelemetry(t *testing.T) {
	inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
		recorder := telemetrytest.New()
		cfg := authConfig(c)
		cfg.Telemetry.MeterProvider = recorder.Meters
		auth := must(t, acsauth.NewAuthenticator, cfg)
		ageOf, countOf := "acsauth.keys.age client="+cfg.ClientID, "acsauth.keys.usable client="+cfg.ClientID
		wantKeys := func(when string, want map[string]int64) {
			t.Helper()
			got := recorder.Counts(t)
			maps.DeleteFunc(got, func(key string, _ int64) bool { return !strings.HasPrefix(key, "acsauth.keys.") })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", when, diff)
			}
		}
		keys := func(age time.Duration, count int64) map[string]int64 {
			return map[string]int64{ageOf: int64(age.Seconds()), countOf: count}
		}
		wantKeys("before any were loaded", map[string]int64{countOf: 0})
		current := c.Entra.KeyID()
		wantVerdict(t, c, auth, "first token", current, "")
		wantKeys("loaded", keys(0, 2))
		time.Sleep(90 * time.Second)
		wantKeys("later", keys(90*time.Second, 2))
		rotated := c.Entra.RotateKey()
		wantVerdict(t, c, auth, "rotated key", rotated, "")
		wantKeys("after a rotation", keys(0, 3))
		recover := c.Inject(cloud.Fault{Op: "entra.", Status: 503})
		time.Sleep(71 * time.Hour)
		wantVerdict(t, c, auth, "during an outage", rotated, "")
		wantKeys("during an outage", keys(71*time.Hour, 3))
		time.Sleep(2 * time.Hour)
		wantKeys("after three days of it, before anybody looks", keys(73*time.Hour, 0))
		wantVerdict(t, c, auth, "after three days of it", rotated, "keys_unavailable")
		wantKeys("after three days of it", keys(73*time.Hour, 0))
		recover()
		time.Sleep(time.Second)
		wantVerdict(t, c, auth, "after the outage", rotated, "")
		if got := recorder.Counts(t); got[ageOf] != 0 || got[countOf] == 0 {
			t.Errorf("after the outage: %v", got)
		}
	})
}

// Keys that cannot be loaded are an error while there are none to check tokens with,
// and may pass while there are.
func TestKeysInLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		log := new(logBuffer)
		cfg := authConfig(c)
		cfg.Logger = slog.New(slog.NewJSONHandler(log, nil))
		auth := must(t, acsauth.NewAuthenticator, cfg)
		outage := c.Inject(cloud.Fault{Op: cloud.OpEntraMetadata, Status: 503})
		wantVerdict(t, c, auth, "no keys", "", "keys_unavailable")
		outage()
		time.Sleep(time.Minute)
		wantVerdict(t, c, auth, "keys", "", "")
		c.Inject(cloud.Fault{Op: cloud.OpEntraMetadata, Status: 503})
		time.Sleep(2 * time.Hour)
		wantVerdict(t, c, auth, "old keys", "", "")
		synctest.Wait()
		var levels []any
		for _, line := range log.lines("signing keys could not be loaded") {
			levels = append(levels, line["level"])
		}
		if diff := cmp.Diff([]any{"ERROR", "WARN"}, levels); diff != "" {
			t.Error(diff)
		}
	})
}

// What whoever answers in place of Microsoft Entra ID says, a proxy that wants another
// password say, is in neither the log nor an answer.
func TestKeyFailuresRepeatNothing(t *testing.T) {
	t.Parallel()
	const broken = "the connection failed before the answer was complete"
	for name, test := range map[string]struct {
		answer string
		proxy  bool // who answers is one, and not the authority
		want   string
	}{
		"a proxy that refuses":    {"HTTP/1.1 407 S3CRET of alice@contoso.example Bearer eyJ\r\n\r\n", true, broken},
		"a malformed header":      {"HTTP/1.1 200 OK\r\nS3CRET\r\n\r\n", false, broken},
		"a malformed status line": {"S3CRET\r\n\r\n", false, broken},
		"a malformed length":      {"HTTP/1.1 200 OK\r\nContent-Length: S3CRET\r\n\r\n", false, broken},
		"a malformed chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nS3CRET\r\n", false, broken},
		"an answer that is cut":   {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nS3CRET", false, "unexpected EOF"},
		"a redirect":              {"HTTP/1.1 302 S3CRET\r\nLocation: https://S3CRET/\r\nContent-Length: 0\r\n\r\n", false, "answered with status 302"},
		"members of one name":     {"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"S3CRET\":1,\"S3CRET\"", false, "not the JSON document that was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := "http://" + answering(t, test.answer)
			log := new(logBuffer)
			transport := new(http.Transport)
			cfg := acsauth.AuthenticatorConfig{
				TenantID: otherTenant, ClientID: otherTenant, AuthorityHost: address, DebugErrors: true,
				HTTPClient: &http.Client{Transport: transport}, Logger: slog.New(slog.NewJSONHandler(log, nil)),
			}
			if test.proxy {
				proxy, err := url.Parse(address)
				if err != nil {
					t.Fatal(err)
				}
				cfg.AuthorityHost, transport.Proxy = "https://login.entra.test", http.ProxyURL(proxy)
			}
			auth := must(t, acsauth.NewAuthenticator, cfg)
			c := startCloud(t)
			_, err := auth.Verify(t.Context(), c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{}))
			w := httptest.NewRecorder()
			auth.WriteError(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), err)
			lines := log.lines("signing keys could not be loaded")
			if len(lines) != 1 || !strings.HasSuffix(fmt.Sprint(lines[0]["error"]), test.want) {
				t.Errorf("logged %v; want %s", lines, test.want)
			}
			if all := log.String() + w.Body.String(); strings.Contains(all, "S3CRET") || w.Code != 503 {
				t.Errorf("what was answered is repeated, or the status is %d, not 503:\n%s", w.Code, all)
			}
		})
	}
}

// answering listens for requests, and answers each with a text. It returns where.
func answering(t *testing.T, text string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(connection)); err == nil {
				_, _ = io.WriteString(connection, text)
			}
			_ = connection.Close()
		}
	}()
	return listener.Addr().String()
}
