//go:build unix

package main

import (
	"path/filepath"
	"syscall"
	"testing"
)

// pipe returns the path of a pipe that nobody reads from or writes to.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "m4lformed")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
