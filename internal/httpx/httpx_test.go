package httpx_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

func TestParseBaseURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ raw, want, mistake string }{
		{"https://example.com", "https://example.com", ""},
		{" https://EXAMPLE.com/ ", "https://example.com", ""},
		{"https://example.com:443/v1.0//", "https://example.com/v1.0", ""},
		{"https://example.com:8443", "https://example.com:8443", ""},
		{"http://127.0.0.1:80/x", "http://127.0.0.1/x", ""},
		{"http://localhost:8080", "http://localhost:8080", ""},
		{"http://LOCALHOST:8080", "http://localhost:8080", ""},
		{"http://[::1]:8080", "http://[::1]:8080", ""},
		{"http://example.com", "", "https"},
		{"http://localhost.example.com", "", "https"},
		{"ftp://example.com", "", "https"},
		{"example.com", "", "host"},
		{"https://", "", "host"},
		{"https://user:pass@example.com", "", "user"},
		{"https://example.com?x", "", "query"},
		{"https://example.com?", "", "query"},
		{"https://example.com#x", "", "fragment"},
		{"https://exa mple.com", "", "URL"},
	} {
		u, err := httpx.ParseBaseURL(test.raw)
		switch {
		case test.mistake == "" && (err != nil || u.String() != test.want):
			t.Errorf("%q: got %v, %v; want %s", test.raw, u, err, test.want)
		case test.mistake != "" && (err == nil || !strings.Contains(err.Error(), test.mistake)):
			t.Errorf("%q: got %v, %v; want an error about the %s", test.raw, u, err, test.mistake)
		case err != nil && strings.Contains(err.Error(), "pass"):
			t.Errorf("%q: the error repeats it: %v", test.raw, err)
		}
	}
}

func TestReadBody(t *testing.T) {
	t.Parallel()
	read := func(body io.Reader, length int64) ([]byte, error) {
		return httpx.ReadBody(&http.Response{Body: io.NopCloser(body), ContentLength: length}, 10)
	}
	for size, fits := range map[int]bool{0: true, 9: true, 10: true, 11: false, 1000: false, 10_000: false} {
		// What the header says is no more than a hint, even if it is wrong.
		for _, length := range []int64{-1, 0, int64(size), math.MaxInt64} {
			b, err := read(strings.NewReader(strings.Repeat("a", size)), length)
			if fits && (err != nil || len(b) != size) || !fits && !errors.Is(err, httpx.ErrBodyTooLarge) {
				t.Errorf("%d bytes of at most 10, said to be %d: %d, %v", size, length, len(b), err)
			}
		}
	}
	if _, err := read(io.MultiReader(strings.NewReader("a"), errReader{}), 5); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a body that breaks off: %v", err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name   string
		header http.Header
		want   time.Duration
		told   bool
	}{
		{"nothing", nil, 0, false},
		{"seconds", http.Header{"Retry-After": {"120"}}, 2 * time.Minute, true},
		{"a date", http.Header{"Retry-After": {"Mon, 23 Nov 2026 12:00:30 GMT"}}, 30 * time.Second, true},
		{"a date in the past", http.Header{"Retry-After": {"Mon, 23 Nov 2026 11:00:00 GMT"}}, time.Second, true},
		{"no wait", http.Header{"Retry-After": {"0"}}, time.Second, true},
		{"no wait in milliseconds", http.Header{"Retry-After-Ms": {"0"}, "Retry-After": {"9"}}, time.Second, true},
		{"milliseconds first", http.Header{"Retry-After-Ms": {"1500"}, "Retry-After": {"9"}}, 1500 * time.Millisecond, true},
		{"Azure's milliseconds", http.Header{"X-Ms-Retry-After-Ms": {"250"}}, 250 * time.Millisecond, true},
		{"unusable milliseconds", http.Header{"Retry-After-Ms": {"soon"}, "Retry-After": {"9"}}, 9 * time.Second, true},
		{"negative", http.Header{"Retry-After": {"-1"}}, 0, false},
		{"absurd", http.Header{"Retry-After": {"99999999999999999999"}}, math.MaxInt32 * time.Second, true},
		{"more than a Duration holds", http.Header{"Retry-After": {"9223372037"}}, math.MaxInt32 * time.Second, true},
		{"more milliseconds than a Duration holds", http.Header{"Retry-After-Ms": {"9223372036855"}}, math.MaxInt32 * time.Millisecond, true},
		{"words", http.Header{"Retry-After": {"soon"}}, 0, false},
	} {
		if got, told := httpx.RetryAfter(test.header, now); got != test.want || told != test.told {
			t.Errorf("%s: got %v, %v; want %v, %v", test.name, got, told, test.want, test.told)
		}
	}
}

func TestRetryDelay(t *testing.T) {
	t.Parallel()
	retry := httpx.Retry{Max: 4, Base: time.Second, MaxDelay: 5 * time.Second}
	for n, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second} {
		got, ok := retry.Delay(n, nil, time.Time{})
		if !ok || got < want*8/10 || got > want*12/10 {
			t.Errorf("retry %d: %v, %v; want about %v", n, got, ok, want)
		}
	}
	if _, ok := retry.Delay(4, nil, time.Time{}); ok {
		t.Error("a fifth retry of four")
	}
	if got, ok := retry.Delay(0, http.Header{"Retry-After": {"3"}}, time.Time{}); !ok || got != 3*time.Second {
		t.Errorf("told to wait: %v, %v", got, ok)
	}
	if got, ok := retry.Delay(0, http.Header{"Retry-After": {"5"}}, time.Time{}); !ok || got != 5*time.Second {
		t.Errorf("told to wait for as long as may be: %v, %v", got, ok)
	}
	one, _ := retry.Delay(0, nil, time.Unix(1, 0))
	other, _ := retry.Delay(0, nil, time.Unix(2, 0))
	if one == other {
		t.Errorf("callers that failed together come back together, after %v", one)
	}
	if got, ok := retry.Delay(0, http.Header{"Retry-After": {"60"}}, time.Time{}); ok || got != time.Minute {
		t.Errorf("told to wait for long: %v, %v", got, ok)
	}
}

func TestSleep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		if err := httpx.Sleep(t.Context(), time.Hour); err != nil || time.Since(begin) != time.Hour {
			t.Errorf("slept %v, %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin = time.Now()
		if err := httpx.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 0 {
			t.Errorf("past the deadline: slept %v, %v", time.Since(begin), err)
		}
		cause := errors.New("enough")
		ctx2, cancel2 := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel2(cause) })
		if err := httpx.Sleep(ctx2, time.Hour); !errors.Is(err, cause) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// A redirect would repeat a secret to whoever the answer names.
func TestNoRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the redirect was followed, with Authorization %q", r.Header.Get("Authorization"))
	}))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	original := server.Client()
	for name, client := range map[string]*http.Client{"own": httpx.NewClient(), "given": httpx.Harden(original), "none given": httpx.Harden(nil)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("secret"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		httpx.Drain(answer.Body)
		if answer.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%s: status %d", name, answer.StatusCode)
		}
	}
	if original.CheckRedirect != nil {
		t.Error("the given client was changed")
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	if got := httpx.UserAgent(); !strings.HasPrefix(got, "acs-authentication-hero-go/") || strings.ContainsAny(got, " ()") {
		t.Errorf("got %q", got)
	}
}

func TestNewRequestID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		id := httpx.NewRequestID()
		parsed, err := uuid.Parse(id)
		if err != nil || parsed.Version() != 4 || parsed.Variant() != uuid.RFC4122 || parsed.String() != id {
			t.Fatalf("%q is no UUID of version 4: %v", id, err)
		}
		if seen[id] {
			t.Fatalf("%q twice", id)
		}
		seen[id] = true
	}
}

// A buffer holds a whole body or nothing, whatever was in it before.
func TestReadBodyInto(t *testing.T) {
	t.Parallel()
	b := bytes.NewBufferString("of another answer")
	for _, test := range []struct {
		body io.Reader
		want string
	}{
		{strings.NewReader("0123456789"), "0123456789"},
		{strings.NewReader("01234567890"), ""},
		{strings.NewReader("short"), "short"},
		{io.MultiReader(strings.NewReader("a"), errReader{}), ""},
	} {
		err := httpx.ReadBodyInto(b, &http.Response{Body: io.NopCloser(test.body), ContentLength: -1}, 10)
		if b.String() != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q, %v; want %q", b, err, test.want)
		}
	}
}

func TestBuffers(t *testing.T) {
	t.Parallel()
	for range 100 {
		b := httpx.TakeBuffer()
		if b.Len() > 0 || b.Cap() > 64<<10 {
			t.Errorf("%d bytes are left in a buffer of %d", b.Len(), b.Cap())
		}
		b.Write(make([]byte, 1<<20))
		httpx.GiveBuffer(b)
		b = httpx.TakeBuffer()
		b.WriteString("secret")
		httpx.GiveBuffer(b)
	}
}

func TestSetFields(t *testing.T) {
	t.Parallel()
	h := http.Header{"A": {"0", "0"}, "D": {"4"}}
	httpx.SetFields(h, httpx.Field{Name: "A", Value: "1"}, httpx.Field{Name: "B", Value: "2"}, httpx.Field{Name: "C", Value: "3"})
	h.Add("A", "5")
	h.Add("B", "6")
	want := http.Header{"A": {"1", "5"}, "B": {"2", "6"}, "C": {"3"}, "D": {"4"}}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Error(diff)
	}
}

// What a client does besides: it uses connections again, and proxies; it bounds headers,
// and the time of a handshake.
func TestNewClient(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/large" {
			w.Header().Set("X-Large", strings.Repeat("x", 300<<10))
		}
		_, _ = io.WriteString(w, "what nobody reads")
	}))
	defer server.Close()
	client := httpx.NewClient()
	reused := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { reused = got.Reused }})
	send := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		return client.Do(r)
	}
	for range 2 {
		answer, err := send("/")
		if err != nil {
			t.Fatal(err)
		}
		httpx.Drain(answer.Body)
	}
	if !reused {
		t.Error("a connection is not used again")
	}
	if answer, err := send("/large"); err == nil {
		httpx.Drain(answer.Body)
		t.Error("a header of 300 KiB was taken")
	}
	if transport, ok := client.Transport.(*http.Transport); !ok || transport.Proxy == nil || transport.TLSHandshakeTimeout != 5*time.Second {
		t.Errorf("%+v", client.Transport)
	}
}
