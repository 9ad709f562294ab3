package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/rs/cors"
)

// preflightLife is how long browsers may remember what a preflight was answered.
const preflightLife = 10 * time.Minute

// allowOrigins lets the pages of some origins call the API from browsers, by CORS
// (https://fetch.spec.whatwg.org/#http-cors-protocol). Without origins there is none
// of it. Cookies are not used, so credentials in the sense of CORS are not allowed:
// the token in the Authorization header is none.
//
// Preflights are answered here, whatever their path: they come without a token, and
// the page is to see the error that the request itself gets.
func allowOrigins(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	options := cors.Options{
		// Exactly, while the package's own list ignores case.
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (allowed bool, vary []string) {
			return len(r.Header.Values("Origin")) == 1 && slices.Contains(origins, origin), nil
		},
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"authorization", "content-type", "teams-user-aad-token", "x-request-id", "traceparent"},
		ExposedHeaders: []string{"WWW-Authenticate", "Retry-After", "X-Request-Id"},
		MaxAge:         int(preflightLife.Seconds()),
	}
	preflights := cors.New(options).Handler(next)
	// The package leaves answers to other methods alone, of which browsers send HEAD
	// without a preflight: the page is to see its 405.
	options.AllowedMethods = append(options.AllowedMethods, http.MethodHead, http.MethodPut, http.MethodPatch)
	requests := cors.New(options).Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case isPreflight(r):
			preflights.ServeHTTP(w, r)
		case r.Method == http.MethodOptions:
			next.ServeHTTP(w, r)
		default:
			requests.ServeHTTP(w, r)
		}
	})
}

// isPreflight reports whether a browser asks what a page may do. What else OPTIONS
// can mean is the API's affair.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}
