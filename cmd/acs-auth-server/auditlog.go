package main

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.opentelemetry.io/otel/metric"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
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
func openAuditLog(s *settings, logger *slog.Logger, lost metric.Int64Counter, p *problems) io.WriteCloser {
	switch s.auditLog {
	case auditStderr:
		return nil
	case auditStdout:
		return stdoutLog{&eventWriter{out: s.stdout, logger: logger, lost: lost}}
	}
	file, err := openAuditFile(s.auditLog, logger, lost)
	if err != nil {
		p.addFirst("AUDIT_LOG", "cannot be opened for writing: %v", err)
		return nil
	}
	return file
}

type stdoutLog struct{ *eventWriter }

// Close leaves standard output open.
func (stdoutLog) Close() error { return nil }

// checkAuditLog reports what openAuditLog would, as far as it shows without making a
// file.
func checkAuditLog(s *settings, p *problems) {
	if s.auditLog == auditStderr || s.auditLog == auditStdout {
		return
	}
	if err := tryAuditFile(s.auditLog); err != nil {
		p.addFirst("AUDIT_LOG", "cannot be opened for writing: %v", reload.WithoutPath(err))
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
