package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Audit events go where AUDIT_LOG says, whatever LOG_LEVEL says, and nothing else does.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	for _, test := range []struct{ setting, where string }{
		{"", "stderr"}, {"stderr", "stderr"}, {"stdout", "stdout"}, {path, "file"},
	} {
		t.Run(test.where, func(t *testing.T) {
			c, token := startCloud(t)
			r := startAgainst(t, c, nil, "AUDIT_LOG="+test.setting, "LOG_LEVEL=info")
			call(t, "POST", r.url+"/api/user", bearer(token))
			call(t, "GET", r.url+"/api/user")
			r.end()
			r.wait(t)
			file, err := os.ReadFile(path)
			if err != nil && test.where == "file" {
				t.Fatal(err)
			}
			got := map[string]string{}
			for where, text := range map[string]string{"stderr": r.stderr.String(), "stdout": r.stdout.String(), "file": string(file)} {
				for _, line := range logLines(t, text, "audit") {
					got[where] += line["event"].(string) + " "
					if line["log"] != "audit" {
						t.Errorf("the line is not marked: %v", line)
					}
				}
				if n := strings.Count(text, `"log":"audit"`); n != len(logLines(t, text, "audit")) || where != "stderr" && n != strings.Count(text, "\n") {
					t.Errorf("%s has other lines, or other lines are marked:\n%s", where, text)
				}
			}
			if diff := cmp.Diff(map[string]string{test.where: "identity_created request_refused "}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A file is appended to, and nobody else can read a new one. After it was renamed,
// SIGHUP makes the server go on with another.
func TestAuditLogRotation(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := startAgainst(t, c, nil, "AUDIT_LOG="+path)
	call(t, "POST", r.url+"/api/user", bearer(token))
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.stderr.line(t, "the audit log was opened again")
	call(t, "DELETE", r.url+"/api/user", bearer(token))

	for name, want := range map[string]string{path + ".1": "identity_created", path: "identity_deleted"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text, appended := strings.CutPrefix(string(content), "before\n")
		if events := logLines(t, text, "audit"); appended != (name != path) || len(events) != 1 || events[0]["event"] != want {
			t.Errorf("%s is not what was before and %s:\n%s", filepath.Base(name), want, content)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the new file: %v, %v", info.Mode(), err)
	}
}

// Events that are lost are an error, once; what the former file can take is not lost.
func TestAuditLogFails(t *testing.T) {
	t.Parallel()
	log := newOutput()
	logger, _ := newLoggers(log, &settings{logFormat: logJSON})
	directory := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := openAuditFile(filepath.Join(directory, "audit.log"), logger, newLossCounter(nil))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	write := func(want error) {
		t.Helper()
		if _, err := a.Write([]byte("event\n")); (err == nil) != (want == nil) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	write(nil)
	_ = a.file.Close()
	write(fs.ErrClosed)
	write(fs.ErrClosed)
	a.reopen()
	write(nil)
	if err := os.RemoveAll(directory); err != nil {
		t.Fatal(err)
	}
	a.reopen()
	write(nil)

	var got []string
	for line := range strings.Lines(log.String()) {
		_, text, _ := strings.Cut(line, `"level":`)
		got = append(got, strings.TrimSpace(text))
	}
	want := []string{
		`"ERROR","msg":"audit events cannot be written, and are lost","error":"file already closed"}`,
		`"INFO","msg":"the audit log was opened again"}`,
		`"INFO","msg":"audit events are written again"}`,
		`"ERROR","msg":"the audit log could not be opened again, so that events go on to the former file","error":"no such file or directory"}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Events that are lost are counted, from zero on.
func TestAuditLossesAreCounted(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	r := startAgainst(t, c, func(s *settings) { s.stdout = fullDisk{} }, "AUDIT_LOG=stdout", "METRICS=true")
	for _, want := range []string{"0", "1", "2"} {
		if got := scrape(t, r.url); !strings.Contains(got, "\nacsauth_audit_lost_total "+want+"\n") {
			t.Errorf("not %s events are lost:\n%s", want, got)
		}
		call(t, "GET", r.url+"/api/user", bearer(token+"x"))
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// An event that could only be written in part is lost, and takes no other with it: each
// event that counts as written is a line of its own.
func TestAuditLinesAreWhole(t *testing.T) {
	t.Parallel()
	log := newOutput()
	logger, _ := newLoggers(log, &settings{logFormat: logJSON})
	disk := new(smallDisk)
	w := &eventWriter{out: disk, logger: logger, lost: newLossCounter(nil)}
	for _, step := range []struct {
		room  int
		event string
		lost  bool
	}{
		{100, "first", false}, {3, "second", true}, {0, "third", true}, {1, "fourth", true}, {2, "fifth", true}, {100, "sixth", false}, {100, "seventh", false},
	} {
		disk.room = step.room
		if _, err := w.Write([]byte(step.event + "\n")); (err != nil) != step.lost {
			t.Errorf("%s: %v", step.event, err)
		}
	}
	if diff := cmp.Diff("first\nsec\nfi\nsixth\nseventh\n", disk.content.String()); diff != "" {
		t.Error(diff)
	}
	if said := log.String(); strings.Count(said, "are lost") != 1 || strings.Count(said, "are written again") != 1 {
		t.Errorf("said: %s", said)
	}
}

// A smallDisk takes as many bytes as it has room for.
type smallDisk struct {
	room    int
	content strings.Builder
}

func (d *smallDisk) Write(b []byte) (int, error) {
	n := min(d.room, len(b))
	d.room -= n
	d.content.Write(b[:n])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// Half a line that another process left is not gone on with.
func TestAuditFileAfterACrash(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	for _, test := range []struct{ before, want string }{
		{"", "event\n"}, {"whole\n", "whole\nevent\n"}, {"hal", "hal\nevent\n"},
	} {
		if err := os.WriteFile(path, []byte(test.before), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := openAuditFile(path, slog.New(slog.DiscardHandler), newLossCounter(nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("event\n")); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if got, err := os.ReadFile(path); string(got) != test.want || err != nil {
			t.Errorf("after %q: %q, %v; want %q", test.before, got, err, test.want)
		}
	}
}

// Who reads audit events from standard output may go away: they are lost, which is
// counted and logged, and the server goes on.
func TestAuditReaderGoesAway(t *testing.T) {
	t.Parallel()
	dev := startDev(t, nil)
	exports, _ := readGuide(t, dev.stdout)
	environ := []string{"LISTEN_ADDR=127.0.0.1:0", "AUDIT_LOG=stdout", "METRICS=true", "SHUTDOWN_DELAY=0s"}
	for name, text := range exports {
		environ = append(environ, name+"="+text)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	server := startProcessWriting(t, environ, writer)
	_ = reader.Close()
	for range 2 {
		if got := call(t, "GET", server.url+"/api/user", "Authorization: Bearer x"); got.status != 401 {
			t.Errorf("status %d: %s", got.status, got.body)
		}
	}
	if got := scrape(t, server.url); !strings.Contains(got, "\nacsauth_audit_lost_total 2\n") {
		t.Errorf("not counted:\n%s", got)
	}
	server.stderr.line(t, "audit events cannot be written, and are lost")
	if err := server.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if status := server.wait(t); status != exitOK {
		t.Errorf("exit status %d", status)
	}
}
