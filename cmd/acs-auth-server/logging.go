package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"

	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// newLoggers returns the server's log and its audit log, both of which write to w.
// LOG_LEVEL does not thin out the audit log.
func newLoggers(w io.Writer, s *settings) (logger, audit *slog.Logger) {
	inner := newLogHandler(w, s)
	return slog.New(requestHandler{inner: inner, level: s.logLevel}), newAuditLogger(inner, s)
}

func newLogHandler(w io.Writer, s *settings) slog.Handler {
	if s.logFormat == logText || s.logFormat == "" && isTerminal(w) {
		return slog.NewTextHandler(w, nil)
	}
	return slog.NewJSONHandler(w, nil)
}

// newAuditLogger marks each line, so that whoever collects them can tell them apart
// where they are among others.
func newAuditLogger(inner slog.Handler, s *settings) *slog.Logger {
	return slog.New(requestHandler{inner: inner, level: min(s.logLevel, slog.LevelInfo)}).With("log", "audit")
}

// withReports returns a logger that LOG_LEVEL leaves the lines at level info, for who
// uses a store that keeps no journal: among them are the only traces of identities that
// a process which is killed leaves behind.
func withReports(logger *slog.Logger) *slog.Logger {
	if h, ok := logger.Handler().(requestHandler); ok && h.level > slog.LevelInfo {
		h.level = slog.LevelInfo
		return slog.New(h)
	}
	return logger
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const requestIDKey = "request_id"

// A requestHandler drops lines below a level, and adds to the lines that are written
// on behalf of a request its id, so that what a library logs about a call of its own,
// under the id that it sent upstream, can be found by the id that the caller knows;
// and the ids of the trace and the span that they belong to, if there is one.
type requestHandler struct {
	inner slog.Handler
	level slog.Level
	hasID bool // the logger has been given it
}

func (h requestHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle adds nothing, and so takes no memory, where the id is there already and
// nobody traces. The lines that each request has see to that.
func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	has := h.hasID
	if !has {
		r.Attrs(func(a slog.Attr) bool {
			has = a.Key == requestIDKey
			return !has
		})
	}
	span := trace.SpanContextFromContext(ctx)
	if has && !span.IsValid() {
		return h.inner.Handle(ctx, r)
	}
	r = r.Clone()
	if id := acsauth.RequestID(ctx); id != "" && !has {
		r.AddAttrs(slog.String(requestIDKey, id))
	}
	if span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.inner.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.hasID = h.hasID || slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == requestIDKey })
	h.inner = h.inner.WithAttrs(attrs)
	return h
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	h.inner = h.inner.WithGroup(name)
	return h
}
