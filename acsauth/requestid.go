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
// or [WithRequestID], unless [ContextWithRequestID] has set it.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// ContextWithRequestID returns a context that carries an id, for callers of [Service]
// that have no HTTP request: audit events and reports name it. It is id, if that is
// well-formed (at most 64 letters, digits, dots, underscores and hyphens, of which the
// first is a letter or a digit) and does not begin with "eyJ", as parts of tokens do,
// or else a new UUID.
func ContextWithRequestID(ctx context.Context, id string) context.Context {
	if !isRequestID(id) {
		id = httpx.NewRequestID()
	}
	return context.WithValue(ctx, requestIDKey{}, id)
}

// WithRequestID gives every request an id before h sees it: the one in the
// request's X-Request-Id header, if there is exactly one and it is well-formed
// ([ContextWithRequestID]), or else a new UUID. The answer carries it in
// X-Request-Id. A request that has an id already keeps it, so that an outer handler
// can log under the same one. It panics if h is nil.
func WithRequestID(h http.Handler) http.Handler {
	if h == nil {
		panic("acsauth: WithRequestID needs a handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if RequestID(r.Context()) == "" {
			sent := ""
			if values := r.Header.Values("X-Request-Id"); len(values) == 1 {
				sent = values[0]
			}
			ctx := ContextWithRequestID(r.Context(), sent)
			w.Header()["X-Request-Id"] = []string{RequestID(ctx)}
			r = r.WithContext(ctx)
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
