package main

import (
	"net/http"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// hsts tells browsers that have reached this host over https to use nothing else for
// a year. It does not include subdomains, which are not this server's.
const hsts = "max-age=31536000"

// setHeaders sets what every answer carries, of the API and of the operational
// endpoints. docs/limits.md says why it is this and nothing else.
func (s *server) setHeaders(h http.Header) {
	httpx.SetFields(h,
		httpx.Field{Name: "Cache-Control", Value: "no-store"},
		httpx.Field{Name: "X-Content-Type-Options", Value: "nosniff"},
		httpx.Field{Name: "Content-Security-Policy", Value: "default-src 'none'; frame-ancestors 'none'"})
	if s.parts.keyPair != nil {
		h.Set("Strict-Transport-Security", hsts)
	}
}
