package acsauth

import (
	"context"
	"net/http"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, for logs. It is
// empty outside of requests that went through [Handler], [Authenticator.Require]
// or [WithRequestID].
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// WithRequestID gives every request an id before h sees it: the one in the
// request's X-Request-Id header, if there is exactly one and it is well-formed
// (at most 64 letters, digits, dots, underscores and hyphens, not beginning with
// "eyJ", as parts of tokens do), or else a new UUID. The answer carries it in X-Request-Id. A request that has an id already
// keeps it, so that an outer handler can log under the same one.
func WithRequestID(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if RequestID(r.Context()) == "" {
			id := ""
			if sent := r.Header.Values("X-Request-Id"); len(sent) == 1 && isRequestID(sent[0]) {
				id = sent[0]
			} else {
				id = httpx.NewRequestID()
			}
			w.Header()["X-Request-Id"] = []string{id}
			r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
		}
		h.ServeHTTP(w, r)
	})
}

// isRequestID reports whether s is well-formed: at most 64 letters,
// digits, dots, underscores and hyphens, of which the first is a letter or digit. What
// begins like a JSON object in base64, as a JWT and its payload do, is no id: ids are
// logged, and no part of a token may be.
func isRequestID(s string) bool {
	if s == "" || len(s) > 64 || strings.HasPrefix(s, "eyJ") {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}
