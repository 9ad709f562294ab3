package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"slices"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// newLoggers returns the server's log and its audit log, both of which write to w.
// LOG_LEVEL does not thin out the audit log.
func newLoggers(w io.Writer, s *settings) (logger, audit *slog.Logger) {
	var inner slog.Handler = slog.NewJSONHandler(w, nil)
	if s.logFormat == logText || s.logFormat == "" && isTerminal(w) {
		inner = slog.NewTextHandler(w, nil)
	}
	return slog.New(requestHandler{inner: inner, level: s.logLevel}),
		slog.New(requestHandler{inner: inner, level: min(s.logLevel, slog.LevelInfo)})
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

// A requestHandler drops lines below a level, and adds the id of the request to the
// lines that are written on its behalf, so that what a library logs about a call of
// its own, under the id that it sent upstream, can be found by the id that the
// caller knows.
type requestHandler struct {
	inner slog.Handler
	level slog.Level
	hasID bool // the logger has been given it
}

func (h requestHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	has := h.hasID
	r.Attrs(func(a slog.Attr) bool {
		has = has || a.Key == requestIDKey
		return !has
	})
	if id := acsauth.RequestID(ctx); id != "" && !has {
		r = r.Clone()
		r.AddAttrs(slog.String(requestIDKey, id))
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
