package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// What the line of a request costs ("on"), besides what comes before it ("off").
//
//	go test ./cmd/acs-auth-server -run '^$' -bench AccessLog -count 10
func BenchmarkAccessLog(b *testing.B) {
	logger, _ := newLoggers(io.Discard, &settings{logFormat: logJSON})
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(201) })
	plain := acsauth.WithRequestID(inner)
	logged := acsauth.WithRequestID(logAccess(inner, func(p string) string { return p }, logger))
	for name, h := range map[string]http.Handler{"off": plain, "on": logged} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/api/token", nil)
			r.Header.Set("X-Request-Id", "0b6a1c5e-1111-4222-8333-444444444444")
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(w, r)
			}
		})
	}
}
