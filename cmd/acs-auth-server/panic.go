package main

import (
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// answerPanics answers with 500 where next panics, as acsauth.Handler does within
// itself. Left to net/http a panic would be no answer, and a line in the log with its
// value, which might hold anything.
func answerPanics(next http.Handler, refuse func(http.ResponseWriter, *http.Request, *acsauth.Error), logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		observed, ok := w.(*observedWriter)
		if !ok {
			observed = &observedWriter{ResponseWriter: w}
		}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) { // net/http's own convention
				panic(http.ErrAbortHandler)
			}
			logger.ErrorContext(r.Context(), "a request has panicked", "panic", httpx.PanicText(p), "stack", string(debug.Stack()))
			if observed.status != 0 {
				panic(http.ErrAbortHandler) // or half an answer would pass for a whole one
			}
			refuse(observed, r, &acsauth.Error{Name: "internal"})
		}()
		next.ServeHTTP(observed, r)
	})
}
