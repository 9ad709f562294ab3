package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// As many requests at once as MAX_CONCURRENT_PER_UPSTREAM allows by default open
// connections to ACS the first time, and never again.
func TestConnectionsAreReused(t *testing.T) {
	t.Parallel()
	const width, rounds = 256, 3
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP2=%t", http2), func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			gathering := &gate{width: width, open: make(chan struct{})}
			var opened, protocol atomic.Int64
			acs := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				protocol.Store(int64(r.ProtoMajor))
				if strings.Contains(r.URL.Path, ":issueAccessToken") {
					gathering.pass(t.Context())
				}
				instantACS(w, r)
			}))
			acs.EnableHTTP2 = http2
			acs.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			acs.StartTLS()
			t.Cleanup(acs.Close)

			client := httpx.NewClient()
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(c.CAPEM())
			pool.AddCert(acs.Certificate())
			client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
			t.Cleanup(client.CloseIdleConnections)
			r := start(t, func(ctx context.Context, _, stderr io.Writer) int {
				p := new(problems)
				s := load(cloudLayers(c, "ACS_CONNECTION_STRING=endpoint="+acs.URL+"/;accesskey=c2VjcmV0", "MAPPING_STORE=memory", "MAPPING_CACHE_TTL=24h",
					"RATE_LIMIT_PER_USER=off", "UPSTREAM_TIMEOUT=1m", "REQUEST_TIMEOUT=1m"), true, p)
				return serve(ctx, s, client, stderr, p, announceNothing)
			})
			if got := call(t, "POST", r.url+"/api/user", bearer(token)); got.status != 201 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}

			var warm int64
			for round := range rounds {
				var callers sync.WaitGroup
				for range width {
					callers.Go(func() {
						if got, err := try(t.Context(), "GET", r.url+"/api/token", bearer(token)); err != nil || got.status != 201 {
							t.Errorf("status %d: %s, %v", got.status, got.body, err)
						}
					})
				}
				callers.Wait()
				switch now := opened.Load(); {
				case round == 0:
					warm = now
				case now > warm:
					t.Errorf("round %d has opened %d connections besides the %d that there were", round+1, now-warm, warm)
				}
			}
			if is := protocol.Load() == 2; is != http2 {
				t.Errorf("ACS was spoken to in HTTP/%d", protocol.Load())
			}
			if !http2 && warm < width {
				t.Errorf("%d connections for %d requests at once", warm, width)
			}
			t.Logf("%d connections", warm)
		})
	}
}

// A limit above the default keeps as many connections.
func TestConnectionsAreReusedUpToTheLimit(t *testing.T) {
	t.Parallel()
	const width = 600
	gathering := &gate{width: width, open: make(chan struct{})}
	var opened atomic.Int64
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { gathering.pass(t.Context()) }))
	upstream.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	upstream.Start()
	t.Cleanup(upstream.Close)
	client := surroundings{}.limited(width)
	t.Cleanup(client.CloseIdleConnections)
	for range 3 {
		var callers sync.WaitGroup
		for range width {
			callers.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, upstream.URL, nil)
				if err != nil {
					t.Error(err)
					return
				}
				answer, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_ = answer.Body.Close()
			})
		}
		callers.Wait()
	}
	if n := opened.Load(); n != width {
		t.Errorf("%d connections for %d calls at once", n, width)
	}
}

// A gate opens whenever as many wait as it is wide.
type gate struct {
	width int

	mu      sync.Mutex
	waiting int
	open    chan struct{}
}

func (g *gate) pass(ctx context.Context) {
	g.mu.Lock()
	open := g.open
	if g.waiting++; g.waiting == g.width {
		close(open)
		g.waiting, g.open = 0, make(chan struct{})
	}
	g.mu.Unlock()
	select {
	case <-open:
	case <-ctx.Done():
	}
}
