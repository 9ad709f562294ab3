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

// Values of the field error for requests whose client saw no answer.
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

// logAccess logs one line for each request. It logs neither the query nor any header,
// and the path only if there is an endpoint, because clients put tokens into all of
// them. Health checks and scrapes of metrics are logged at level debug.
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

// conclude corrects the line where the client did not see what the handler answered:
// after a panic, or because the client hung up.
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
