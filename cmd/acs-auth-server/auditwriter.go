package main

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// An eventWriter writes audit events, each on a line of its own. Those that cannot be
// written are counted; that they cannot be is said once, and so is that it is over.
type eventWriter struct {
	logger *slog.Logger
	lost   metric.Int64Counter

	mu    sync.Mutex
	out   io.Writer
	fails bool
	torn  bool // what was written last is half a line
}

// Write writes one event, with the end of its line.
func (w *eventWriter) Write(event []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := event
	if w.torn {
		line = append([]byte{'\n'}, event...) // or the event would be part of that one, and lost too
	}
	n, err := w.out.Write(line)
	if n > 0 {
		w.torn = line[n-1] != '\n'
	}
	w.report(err)
	return max(0, n-(len(line)-len(event))), err
}

func (w *eventWriter) report(err error) {
	ctx, failed := context.Background(), err != nil
	if failed {
		w.lost.Add(ctx, 1)
	}
	if failed == w.fails {
		return
	}
	w.fails = failed
	if failed {
		w.logger.ErrorContext(ctx, "audit events cannot be written, and are lost", "error", reload.WithoutPath(err))
	} else {
		w.logger.InfoContext(ctx, "audit events are written again")
	}
}

// newLossCounter makes the metric of events that could not be written. It begins with
// none, whether or not audit events have a place of their own, so that the first loss
// is a change.
func newLossCounter(meters metric.MeterProvider) metric.Int64Counter {
	if meters == nil {
		meters = noop.NewMeterProvider()
	}
	// An instrument that is returned with an error does nothing.
	lost, _ := meters.Meter(telemetryScope).Int64Counter("acsauth.audit.lost", metric.WithUnit("{event}"),
		metric.WithDescription("Audit events that could not be written to where AUDIT_LOG says."))
	lost.Add(context.Background(), 0)
	return lost
}
