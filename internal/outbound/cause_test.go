package outbound_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// A call that ends because its context has says so, and not with what ended the
// context, whatever the protocol and however much of the answer there is.
func TestCauseOfTheContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begin" {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
		}
		<-release
	})
	t.Cleanup(func() { close(release) })
	sibling := errors.New("a sibling has failed")
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(handler)
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.CloseClientConnections)
		client := outbound.New("acs", nil, nil).Client(server.Client())
		for _, path := range []string{"/begin", "/"} {
			ctx, cancel := context.WithCancelCause(t.Context())
			t.Cleanup(func() { cancel(nil) })
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if path == "/" {
				cancel(sibling)
			}
			answer, err := client.Do(r)
			if err == nil {
				cancel(sibling)
				_, err = io.ReadAll(answer.Body)
				_ = answer.Body.Close()
			}
			if !errors.Is(err, context.Canceled) || errors.Is(err, sibling) {
				t.Errorf("HTTP/2 %t, %s: %v, want %v", http2, path, err, context.Canceled)
			}
		}
	}
}

// A RoundTripper that returns nothing at all is an error, timed as any other.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	s := newSDK("acs")
	for _, observer := range []*outbound.Observer{outbound.New("acs", nil, nil), s.Observer} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://contoso.example", nil)
		if err != nil {
			t.Fatal(err)
		}
		if answer, err := observer.Transport(nothing{}).RoundTrip(r); err == nil {
			_ = answer.Body.Close()
			t.Error("there is no error")
		}
	}
	if diff := cmp.Diff(map[string]int{"unreachable acs": 1}, s.counted(t)); diff != "" {
		t.Error(diff)
	}
}

type nothing struct{}

func (nothing) RoundTrip(*http.Request) (*http.Response, error) { return nil, nil }
