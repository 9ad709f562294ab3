package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// What the line of a request has as its error where no answer was seen.
const (
	clientClosed = "client_closed" // whoever asked hung up, or the server ended
	aborted      = "aborted"       // by a panic that nothing below has answered
)

// A visit is what the line of a request tells of its answer. It travels in the
// request's context, so that whatever answers can fill it in.
type visit struct {
	observedWriter
	ctx   context.Context // of the answer: with its span, if there is one
	user  string          // pseudonym; "": nobody knows
	error string          // name; "": success
}

type visitKey struct{}

// observe takes in how a request was answered.
func observe(ctx context.Context, u acsauth.User, refused *acsauth.Error) {
	v, ok := ctx.Value(visitKey{}).(*visit)
	if !ok {
		return
	}
	v.ctx = ctx
	if u.ObjectID != "" {
		v.user = u.Pseudonym()
	}
	if refused != nil {
		v.error = refused.Name
	}
}

// logAccess writes one line for every request: neither its query nor its headers,
// and its path only if that is the name of an endpoint, since clients put tokens
// into all of them. What asks for the server's health, or for metrics where there are
// any, is logged at level debug.
func logAccess(next http.Handler, route func(path string) string, logger *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		level, route := slog.LevelInfo, route(r.URL.Path)
		if isOperational(route) {
			level = slog.LevelDebug
		}
		if !logger.Enabled(r.Context(), level) {
			next.ServeHTTP(w, r)
			return
		}
		began := time.Now()
		ctx, tally := outbound.WithTally(r.Context())
		v := &visit{observedWriter: observedWriter{ResponseWriter: w}, ctx: ctx}
		answered := false
		// Deferred, so that there is a line of what panics, too.
		defer func() {
			v.conclude(answered, errors.Is(ctx.Err(), context.Canceled))
			attrs := make([]slog.Attr, 0, maxAccessAttrs)
			attrs = append(attrs,
				slog.String(requestIDKey, acsauth.RequestID(ctx)),
				slog.String("method", knownMethod(r.Method)),
				slog.String("route", route))
			ended := time.Now()
			// Not by LogAttrs, which looks for the place in this program.
			line := slog.NewRecord(ended, level, "request", 0)
			line.AddAttrs(v.attrs(attrs, ended.Sub(began), tally)...)
			_ = logger.Handler().Handle(v.ctx, line)
		}()
		next.ServeHTTP(&v.observedWriter, r.WithContext(context.WithValue(ctx, visitKey{}, v)))
		answered = true
	})
}

// maxAccessAttrs is more than any line has, so that none takes memory from the heap.
const maxAccessAttrs = 10

// conclude settles what is not the same for whoever answers and for the client.
func (v *visit) conclude(answered, hungUp bool) {
	switch {
	case !answered:
		v.error = aborted
	case v.error != "" && hungUp:
		v.error = clientClosed
	case v.status == 0:
		v.status = http.StatusOK // as net/http has it
	}
}

// attrs appends what the answer has to tell. What does not apply is left out.
func (v *visit) attrs(attrs []slog.Attr, took time.Duration, tally *outbound.Tally) []slog.Attr {
	attrs = append(attrs, slog.Int("status", v.status))
	if v.error != "" {
		attrs = append(attrs, slog.String("error", v.error))
	}
	calls, outside := tally.Calls()
	attrs = append(attrs, slog.Int64("duration_ms", milliseconds(took)), slog.Int("outbound_calls", calls))
	if calls > 0 {
		attrs = append(attrs, slog.Int64("outbound_ms", milliseconds(outside)))
	}
	if v.user != "" {
		attrs = append(attrs, slog.String("user", v.user))
	}
	return attrs
}

// milliseconds are whole ones, as in the access logs of others: whoever needs to know
// more has the metrics.
func milliseconds(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

// knownMethod keeps what clients make up out of the log.
func knownMethod(method string) string {
	if slices.Contains(knownMethods[:], method) {
		return method
	}
	return "other"
}

var knownMethods = [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// An observedWriter remembers the status of an answer; 0: there was none.
type observedWriter struct {
	http.ResponseWriter
	status int
}

func (w *observedWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // what comes before the answer is none
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
