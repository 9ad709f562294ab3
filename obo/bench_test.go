package obo_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// memoryClient gets a token of the usual 2,000 bytes from every exchange, without
// any network.
func memoryClient(t testing.TB, cfg obo.Config) *obo.Client {
	body := fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":%q}`, strings.Repeat("t", 2000))
	cfg.ClientID, cfg.Credential = clientID, obo.ClientSecret(clientSecret)
	cfg.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})}
	return mustNew(t, cfg)
}

// benchAssertion is an assertion of 1,800 bytes that expires in an hour.
func benchAssertion(user int) string {
	payload := fmt.Sprintf(`{"exp":%d,"sub":"%d","x":"%s"}`, time.Now().Add(time.Hour).Unix(), user, strings.Repeat("x", 1000))
	return "header." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + strings.Repeat("s", 342)
}

func BenchmarkRememberedToken(b *testing.B) {
	client := memoryClient(b, obo.Config{})
	assertion := benchAssertion(0)
	mustToken(b, client, assertion, "")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := client.Token(b.Context(), tenantID, assertion, ""); err != nil {
				b.Error(err)
			}
		}
	})
}

// Everything but the network.
func BenchmarkExchange(b *testing.B) {
	client := memoryClient(b, obo.Config{})
	b.ReportAllocs()
	for i := range b.N {
		mustToken(b, client, benchAssertion(i), "")
	}
}

// What an entry with a token of 2,000 bytes takes; it is accounted as 2,512.
func BenchmarkMemoryPerEntry(b *testing.B) {
	const entries = 20_000
	for b.Loop() {
		client := memoryClient(b, obo.Config{})
		before := heap()
		for i := range entries {
			mustToken(b, client, benchAssertion(i), "")
		}
		b.ReportMetric(float64(heap()-before)/entries, "B/entry")
		mustToken(b, client, benchAssertion(0), "") // keeps the client alive
	}
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
