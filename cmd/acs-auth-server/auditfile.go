package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/otel/metric"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// An auditFile is a file that events are appended to. On SIGHUP it is opened again, for
// those who rename it from time to time.
type auditFile struct {
	eventWriter
	path    string
	file    *os.File // what is written to
	hangups chan os.Signal
	ended   chan struct{}
}

func openAuditFile(path string, logger *slog.Logger, lost metric.Int64Counter) (*auditFile, error) {
	file, torn, err := appendTo(path)
	if err != nil {
		return nil, err
	}
	a := &auditFile{
		eventWriter: eventWriter{logger: logger, lost: lost, out: file, torn: torn},
		path:        path, file: file, hangups: make(chan os.Signal, 1), ended: make(chan struct{}),
	}
	signal.Notify(a.hangups, syscall.SIGHUP)
	go func() {
		defer close(a.ended)
		for range a.hangups {
			a.reopen()
		}
	}()
	return a, nil
}

// appendTo opens a file to append to, and reports whether it ends with half a line, as
// whoever died while writing left it.
func appendTo(path string) (file *os.File, torn bool, err error) {
	if err := refusePipe(path); err != nil {
		return nil, false, err
	}
	if file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		// It need not be one that can be read.
		file, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		return file, false, reload.WithoutPath(err)
	}
	last := []byte{'\n'}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		_, _ = file.ReadAt(last, info.Size()-1)
	}
	return file, last[0] != '\n', nil
}

// reopen goes on with what the path names now.
func (a *auditFile) reopen() {
	file, torn, err := appendTo(a.path)
	if err != nil {
		a.logger.ErrorContext(context.Background(), "the audit log could not be opened again, so that events go on to the former file", "error", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.file.Close() // every event has been written
	a.file, a.out, a.torn = file, file, torn
	a.logger.InfoContext(context.Background(), "the audit log was opened again")
}

// Close ends the log. Nothing may be written to it any more.
func (a *auditFile) Close() error {
	signal.Stop(a.hangups)
	close(a.hangups)
	<-a.ended
	return a.file.Close()
}
