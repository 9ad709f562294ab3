package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// What the server costs besides what any server has to do for a token: check the
// signature of the caller's token, and ask ACS, which takes no request that is not
// signed with the access key. "bare" does that and nothing else, "unsigned" does not
// even sign, and "server" is the whole program, with its access log and audit log.
// All ask the same ACS, which answers at once, over TLS.
//
// Machines change their pace from one second to the next, so the share of bare's
// throughput that the server reaches is measured by "side-by-side": the two take
// turns of less than a tenth of a second, and the ratio is that of neighbouring turns.
//
//	go test ./cmd/acs-auth-server -run '^$' -bench Throughput/side -benchtime 150x
//	go test ./cmd/acs-auth-server -run '^$' -bench 'Throughput/(unsigned|bare|server)' -benchmem -count 10
func BenchmarkThroughput(b *testing.B) {
	entra, err := cloud.Start(cloud.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = entra.Close() }()
	acs := httptest.NewTLSServer(http.HandlerFunc(instantACS))
	defer acs.Close()
	client := trusting(b, entra.CAPEM(), acs.Certificate())
	token := entra.Entra.UserToken(entra.Entra.AddUser(cloud.User{Name: "Ada"}), cloud.TokenOptions{Lifetime: 23 * time.Hour})

	key := publicKey(b, entra, client)
	unsigned := httptest.NewServer(&bareHandler{client: client, acs: acs.URL, key: key})
	defer unsigned.Close()
	bare := httptest.NewServer(&bareHandler{client: client, acs: acs.URL, key: key, accessKey: []byte("secret")})
	defer bare.Close()
	server, end := serveThroughput(b, entra, acs.URL, client)
	defer end()
	do(b, http.DefaultClient, http.MethodPost, server+"/api/user", token)

	for _, test := range []struct{ name, url string }{{"unsigned", unsigned.URL}, {"bare", bare.URL}, {"server", server}} {
		b.Run(test.name, func(b *testing.B) { generateLoad(b, test.url+"/api/token", token) })
	}
	b.Run("side-by-side", func(b *testing.B) { takeTurns(b, bare.URL+"/api/token", server+"/api/token", token) })
}

// serveThroughput starts the server, and returns its address and what ends it.
func serveThroughput(b *testing.B, entra *cloud.Cloud, acs string, client *http.Client) (url string, end func()) {
	p := new(problems)
	s := load([]source.Layer{source.Environment([]string{
		"AZURE_TENANT_ID=" + entra.TenantID,
		"AZURE_CLIENT_ID=" + entra.ClientID,
		"AZURE_AUTHORITY_HOST=" + entra.Entra.URL,
		"ACS_CONNECTION_STRING=endpoint=" + acs + "/;accesskey=c2VjcmV0",
		"MAPPING_STORE=memory",
		"MAPPING_CACHE_TTL=24h",
		"RATE_LIMIT_PER_USER=999999/s,burst=999999", // one user calls all the time
		"LISTEN_ADDR=127.0.0.1:0",
		"SHUTDOWN_DELAY=0s",
	})}, true, p)
	ctx, cancel := context.WithCancel(b.Context())
	addresses, status := make(chan net.Addr, 1), make(chan int, 1)
	go func() {
		status <- serve(ctx, s, client, io.Discard, p, func(a net.Addr) error { addresses <- a; return nil })
	}()
	select {
	case address := <-addresses:
		return "http://" + address.String(), func() { cancel(); <-status }
	case got := <-status:
		b.Fatalf("the server ended with status %d", got)
		return "", nil
	}
}

// callers is how many send requests at once.
const callers = 64

func trusting(b *testing.B, pem []byte, certificate *x509.Certificate) *http.Client {
	b.Helper()
	client := httpx.NewClient()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	pool.AddCert(certificate)
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	return client
}

func publicKey(b *testing.B, c *cloud.Cloud, client *http.Client) jose.Key {
	b.Helper()
	r, err := client.Get(c.Entra.URL + "/" + c.TenantID + "/discovery/v2.0/keys")
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := jose.ParseKeySet(body)
	if err != nil {
		b.Fatal(err)
	}
	id := c.Entra.KeyID()
	for _, key := range keys {
		if key.ID == id {
			return key
		}
	}
	b.Fatal("no key")
	return jose.Key{}
}

// generateLoad sends requests from all callers, over as many connections.
func generateLoad(b *testing.B, url, token string) {
	client := callersClient()
	defer client.CloseIdleConnections()
	b.SetParallelism(callers / runtime.GOMAXPROCS(0))
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(b, client, http.MethodGet, url, token)
		}
	})
}

// takeTurns sends the same load to two servers, in turns, and reports what one
// request costs with either, and their ratio: that of the median round, and of the
// ones a quarter below and above it.
func takeTurns(b *testing.B, bare, server, token string) {
	client := callersClient()
	defer client.CloseIdleConnections()
	turn := func(url string) float64 {
		const requests = 400
		began := time.Now()
		var all sync.WaitGroup
		var sent atomic.Int64
		for range callers {
			all.Go(func() {
				for sent.Add(1) <= requests {
					do(b, client, http.MethodGet, url, token)
				}
			})
		}
		all.Wait()
		return float64(time.Since(began).Nanoseconds()) / requests
	}
	turn(bare) // connections are opened
	turn(server)
	var bares, servers, ratios []float64
	for b.Loop() {
		// Either goes first in every second round.
		first, second := bare, server
		if len(ratios)%2 == 1 {
			first, second = second, first
		}
		x, y := turn(first), turn(second)
		if first == server {
			x, y = y, x
		}
		bares, servers, ratios = append(bares, x), append(servers, y), append(ratios, x/y)
	}
	b.ReportMetric(0, "ns/op") // of a round: of no use
	b.ReportMetric(quantile(bares, .5), "bare-ns/req")
	b.ReportMetric(quantile(servers, .5), "server-ns/req")
	b.ReportMetric(quantile(ratios, .25), "ratio-p25")
	b.ReportMetric(quantile(ratios, .5), "ratio-p50")
	b.ReportMetric(quantile(ratios, .75), "ratio-p75")
}

func quantile(values []float64, q float64) float64 {
	slices.Sort(values)
	return values[int(q*float64(len(values)-1)+.5)]
}

func callersClient() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: callers}}
}

func do(b *testing.B, client *http.Client, method, url, token string) {
	r, err := http.NewRequestWithContext(b.Context(), method, url, nil)
	if err != nil {
		b.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusCreated {
		b.Errorf("%d %s, %v", answer.StatusCode, body, err)
	}
}
