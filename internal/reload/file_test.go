package reload_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// A bench is a file, a clock that stands still, and a log.
type bench struct {
	t    *testing.T
	path string
	at   time.Time
	log  bytes.Buffer
	file *reload.File[string]
}

// newBench opens a file that holds content. Values are what it holds in capitals;
// what has no dot at its end is not complete.
func newBench(t *testing.T, content string) *bench {
	t.Helper()
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "secret-path"), at: time.Now().Add(time.Hour)}
	b.write(content, time.Hour)
	file, err := reload.Open(reload.Config[string]{
		Path: b.path, Name: "SECRET_FILE", Parse: parse, Now: func() time.Time { return b.at },
		Logger: slog.New(slog.NewTextHandler(&b.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.file = file
	return b
}

func parse(content []byte) (string, error) {
	text, complete := strings.CutSuffix(string(content), ".")
	if !complete {
		return "", errors.New("it is not complete")
	}
	return strings.ToUpper(text), nil
}

// write replaces what the file holds, as if that had been done some time ago.
func (b *bench) write(content string, ago time.Duration) {
	b.t.Helper()
	if err := os.WriteFile(b.path, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.touch(ago)
}

func (b *bench) touch(ago time.Duration) {
	b.t.Helper()
	if err := os.Chtimes(b.path, time.Time{}, b.at.Add(-ago)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) want(value string) *string {
	b.t.Helper()
	got := b.file.Current()
	if *got != value {
		b.t.Errorf("the value is %q, want %q", *got, value)
	}
	return got
}

// wantLog checks how often a line is in the log.
func (b *bench) wantLog(n int, text string) {
	b.t.Helper()
	if got := strings.Count(b.log.String(), text); got != n {
		b.t.Errorf("%d lines with %q, want %d:\n%s", got, text, n, b.log.String())
	}
}

const (
	changed = "a file has changed"
	useless = "a file is of no use"
	again   = "a file is of use again"
	refused = "a value was refused"
)

func TestCurrent(t *testing.T) {
	t.Parallel()
	b := newBench(t, "one.")
	b.write("two.", time.Minute)
	first := b.want("ONE") // too early to look again
	b.at = b.at.Add(time.Second)
	if second := b.want("TWO"); second == first {
		t.Error("two values have one address")
	}
	b.wantLog(1, changed)
	b.write("2.", time.Minute)
	b.want("TWO") // too early again
	b.write("two.", time.Minute)

	// What was written a moment ago may go on.
	b.at = b.at.Add(time.Second)
	b.write("three.", 0)
	b.want("TWO")
	b.at = b.at.Add(time.Second)
	third := b.want("THREE")

	// A new date alone, or a date in the future, means nothing.
	b.at = b.at.Add(time.Second)
	b.touch(time.Minute)
	if b.want("THREE") != third {
		t.Error("the same content makes another value")
	}
	b.at = b.at.Add(time.Second)
	b.write("four.", -time.Hour)
	b.want("FOUR")
	b.wantLog(0, useless)

	// The clock was ahead, and is put right.
	b.at = b.at.Add(-time.Hour)
	b.write("five.", time.Minute)
	b.want("FIVE")
}

// A file that is of no use leaves things as they are, and says so once.
func TestCurrentKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	b := newBench(t, "one.")
	look := func() {
		b.t.Helper()
		b.at = b.at.Add(time.Minute)
		b.want("ONE")
	}
	b.write("two", time.Minute) // half written
	look()
	look()
	b.wantLog(1, useless)
	b.wantLog(1, "it is not complete")

	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	look()
	look()
	b.wantLog(2, useless)
	b.wantLog(1, "no such file")

	b.write("one.", time.Minute) // well again
	look()
	look()
	b.wantLog(1, again)
	b.write("", time.Minute)
	look()
	look()
	b.wantLog(3, useless)
	b.wantLog(0, changed)
	if strings.Contains(b.log.String(), "secret-path") {
		t.Errorf("the path is in the log:\n%s", b.log.String())
	}
	b.write("two.", time.Minute)
	b.at = b.at.Add(time.Minute)
	b.want("TWO")
	b.write("", time.Minute) // of no use again, for the same reason
	b.at = b.at.Add(time.Minute)
	b.want("TWO")
	b.wantLog(4, useless)
}

// Kubernetes replaces a directory by changing a link to it.
func TestSymbolicLink(t *testing.T) {
	t.Parallel()
	b := newBench(t, "one.")
	dir := filepath.Dir(b.path)
	second, link := filepath.Join(dir, "second"), filepath.Join(dir, "link")
	if err := os.WriteFile(second, []byte("two."), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(second, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, b.path); err != nil {
		t.Fatal(err)
	}
	b.at = b.at.Add(time.Minute)
	b.want("TWO")
}

func TestInstead(t *testing.T) {
	t.Parallel()
	b := newBench(t, "one.")
	one := b.want("ONE")
	if got := b.file.Instead(one); got != one {
		t.Errorf("instead of the only value: %q", *got)
	}
	b.write("two.", 0)
	two := b.file.Instead(one) // at once, without waiting for anything
	if *two != "TWO" || b.want("TWO") != two {
		t.Errorf("instead of the old value: %q", *two)
	}
	if got := b.file.Instead(one); got != two {
		t.Errorf("one who comes late with the old value gets %q", *got)
	}
	b.wantLog(0, refused)

	// The other side does not know the new value yet, and then only that.
	if got := b.file.Instead(two); got != one || b.want("ONE") != one {
		t.Errorf("instead of the new value: %q", *got)
	}
	if got := b.file.Instead(one); got != two || b.want("TWO") != two {
		t.Errorf("instead of the old value: %q", *got)
	}
	b.wantLog(1, refused)

	b.write("three", 0) // half written: there is nothing new in it
	if got := b.file.Instead(two); got != one {
		t.Errorf("instead of the new value: %q", *got)
	}
	b.write("three.", 0)
	three := b.file.Instead(one)
	if *three != "THREE" {
		t.Errorf("instead of the old value: %q", *three)
	}
	b.wantLog(1, refused)
	b.wantLog(1, useless)
	b.file.Instead(three) // a newer value, refused as well
	b.wantLog(2, refused)
}

func TestOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret-path")
	open := func() error {
		_, err := reload.Open(reload.Config[string]{Path: path, Parse: parse})
		return err
	}
	if err := open(); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(); err == nil || err.Error() != "it is not complete" {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(path, []byte("just written."), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(); err != nil {
		t.Errorf("error %v", err)
	}
}

func TestFixed(t *testing.T) {
	t.Parallel()
	file := reload.Fixed("one")
	if got := file.Current(); *got != "one" || file.Instead(got) != got {
		t.Errorf("the value is %q, or another", *got)
	}
}

// Whoever asks gets a complete value, one of those that the file held.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	write := func(content string) {
		if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
			t.Error(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Error(err)
		}
	}
	write("a.")
	var seconds atomic.Int64
	file, err := reload.Open(reload.Config[string]{
		Path: path, Name: "FILE", Parse: parse, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Duration(seconds.Add(1)) * time.Second) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for i := range 200 {
				got := file.Current()
				if i%10 == 0 {
					got = file.Instead(got)
				}
				if !strings.Contains("A B C D", *got) {
					t.Errorf("got %q", *got)
				}
			}
		})
	}
	for _, content := range []string{"b.", "c.", "d"} {
		write(content)
	}
	readers.Wait()
	write("d.")
	seen := false
	for i := 0; i < 100 && !seen; i++ {
		seen = *file.Current() == "D"
	}
	if !seen {
		t.Error("the last value is not in use")
	}
}
