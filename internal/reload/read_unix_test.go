//go:build unix

package reload_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// What is no text file of a reasonable size is refused at once, without its name.
func TestRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, "secret-"+name) }
	for name, content := range map[string]string{
		"file": "text\n", "bom": "\ufefftext\n", "utf16": "\xff\xfet\x00", "largest": strings.Repeat("x", 1<<20), "large": strings.Repeat("x", 1<<20+1),
	} {
		if err := os.WriteFile(path(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(path("file"), path("link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	const special = "it is no regular file, but a pipe, a socket or a device"
	for _, test := range []struct {
		name, path    string
		want, wantErr string
	}{
		{"a file", path("file"), "text\n", ""},
		{"a link to a file", path("link"), "text\n", ""},
		{"a byte order mark", path("bom"), "text\n", ""},
		{"another mark", path("utf16"), "\xff\xfet\x00", ""},
		{"1 MiB", path("largest"), strings.Repeat("x", 1<<20), ""},
		{"more", path("large"), "", "it has more than 1 MiB"},
		{"nothing", path("none"), "", "no such file or directory"},
		{"a directory", dir, "", "it is a directory"},
		{"a pipe that nobody writes to", path("pipe"), "", special},
		{"a device without an end", "/dev/zero", "", special},
	} {
		got, err := reload.Read(test.path)
		if string(got) != test.want || (err == nil) != (test.wantErr == "") || err != nil && err.Error() != test.wantErr {
			t.Errorf("%s: %d bytes, %v; want %d, %q", test.name, len(got), err, len(test.want), test.wantErr)
		}
	}
}

// A pipe will do for what is read once, as long as it has an end.
func TestReadOnce(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(pipe, []byte("\ufefftext"), 0o600) }()
	got, err := reload.ReadOnce(pipe)
	if err != nil || !bytes.Equal(got, []byte("text")) {
		t.Errorf("%q, %v", got, err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if _, err := reload.ReadOnce("/dev/zero"); err == nil || err.Error() != "it has more than 1 MiB" {
		t.Errorf("a device without an end: %v", err)
	}
}
