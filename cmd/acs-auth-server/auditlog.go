package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// The values of AUDIT_LOG that are no path.
const (
	auditStderr = "stderr" // with the log
	auditStdout = "stdout"
)

// auditDestination takes a path only if it looks like one, so that a slip does not
// make a file.
func auditDestination(s *settings, value string) error {
	if value != auditStderr && value != auditStdout && !strings.ContainsRune(filepath.ToSlash(value), '/') {
		return errors.New("must be stderr, stdout or the path of a file, with a slash in it")
	}
	s.auditLog = value
	return nil
}

// openAuditLog opens what AUDIT_LOG names. It is nil if that is where the log is, or
// if something is wrong with it.
func openAuditLog(s *settings, logger *slog.Logger, p *problems) io.WriteCloser {
	switch s.auditLog {
	case auditStderr:
		return nil
	case auditStdout:
		return stdoutLog{s.stdout}
	}
	file, err := openAuditFile(s.auditLog, logger)
	if err != nil {
		p.addFirst("AUDIT_LOG", "cannot be opened for writing: %v", err)
		return nil
	}
	return file
}

// A lossCounter counts the events that could not be written.
type lossCounter struct {
	io.WriteCloser
	lost metric.Int64Counter
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

// Write appends one event.
func (c lossCounter) Write(event []byte) (int, error) {
	n, err := c.WriteCloser.Write(event)
	if err != nil {
		c.lost.Add(context.Background(), 1)
	}
	return n, err
}

type stdoutLog struct{ io.Writer }

// Close leaves standard output open.
func (stdoutLog) Close() error { return nil }

// An auditFile is a file that events are appended to. On SIGHUP it is opened again, for
// those who rename it from time to time. What goes wrong is said once, and so is that it
// is over.
type auditFile struct {
	path    string
	logger  *slog.Logger
	hangups chan os.Signal
	ended   chan struct{}

	mu    sync.Mutex
	file  *os.File
	fails bool
}

func openAuditFile(path string, logger *slog.Logger) (*auditFile, error) {
	file, err := appendTo(path)
	if err != nil {
		return nil, err
	}
	a := &auditFile{path: path, logger: logger, file: file, hangups: make(chan os.Signal, 1), ended: make(chan struct{})}
	signal.Notify(a.hangups, syscall.SIGHUP)
	go func() {
		defer close(a.ended)
		for range a.hangups {
			a.reopen()
		}
	}()
	return a, nil
}

// checkAuditLog reports what openAuditLog would, as far as it shows without making a
// file.
func checkAuditLog(s *settings, p *problems) {
	if s.auditLog == auditStderr || s.auditLog == auditStdout {
		return
	}
	if err := tryAuditFile(s.auditLog); err != nil {
		p.addFirst("AUDIT_LOG", "cannot be opened for writing: %v", nameless(err))
	}
}

func tryAuditFile(path string) error {
	if err := refusePipe(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, err = os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
			err = syscall.ENOTDIR
		}
		return err
	case err != nil || !info.Mode().IsRegular() && !info.IsDir():
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// refusePipe reports what would keep the server waiting for somebody to read, when it
// is opened or later.
func refusePipe(path string) error {
	if info, err := os.Stat(path); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return errors.New("it is a pipe or a socket, and who reads from it could keep requests waiting; for standard output there is stdout")
	}
	return nil
}

func appendTo(path string) (*os.File, error) {
	if err := refusePipe(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return file, nameless(err)
}

// nameless returns what went wrong with a file, without its name, which may be
// anything that somebody set by mistake.
func nameless(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// Write appends one event.
func (a *auditFile) Write(event []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := a.file.Write(event)
	if failed := err != nil; failed != a.fails {
		a.fails = failed
		if failed {
			a.logger.ErrorContext(context.Background(), "audit events cannot be written, and are lost", "error", nameless(err))
		} else {
			a.logger.InfoContext(context.Background(), "audit events are written again")
		}
	}
	return n, err
}

// reopen goes on with what the path names now.
func (a *auditFile) reopen() {
	file, err := appendTo(a.path)
	if err != nil {
		a.logger.ErrorContext(context.Background(), "the audit log could not be opened again, so that events go on to the former file", "error", err)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.file.Close() // every event has been written
	a.file = file
	a.logger.InfoContext(context.Background(), "the audit log was opened again")
}

// Close ends the log. Nothing may be written to it any more.
func (a *auditFile) Close() error {
	signal.Stop(a.hangups)
	close(a.hangups)
	<-a.ended
	return a.file.Close()
}
