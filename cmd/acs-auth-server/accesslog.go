package main

import (
	"log/slog"
	"net/http"
	"slices"
	"time"
)

// logAccess writes one line for every request: neither its query nor its headers,
// and its path only if that is the name of an endpoint, since clients put tokens
// into all of them. What asks for the server's health is logged at level debug.
func logAccess(next http.Handler, route func(path string) string, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		observed := &observedWriter{ResponseWriter: w}
		// Deferred, because a handler that panics has answered too.
		defer func() {
			level := slog.LevelInfo
			if isOperational(r.URL.Path) {
				level = slog.LevelDebug
			}
			logger.LogAttrs(r.Context(), level, "request",
				slog.String("method", knownMethod(r.Method)),
				slog.String("route", route(r.URL.Path)),
				slog.Int("status", observed.status),
				slog.Float64("duration_ms", float64(time.Since(began).Microseconds())/1000))
		}()
		next.ServeHTTP(observed, r)
	})
}

// knownMethod keeps what clients make up out of the log.
func knownMethod(method string) string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}

// An observedWriter remembers the status of an answer; 0: there was none.
type observedWriter struct {
	http.ResponseWriter
	status int
}

func (w *observedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *observedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the writer below.
func (w *observedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
