package archtest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// A file is about one thing. Tests are exempt: a table may be as long as what it
// specifies.
func TestFileLength(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).packages {
		checkLength(t, p, 400)
	}
}

// The program in the README fits on one screen.
func TestFirstProgramLength(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).matching(t, "examples/ownmux") {
		checkLength(t, p, 45)
	}
}

func checkLength(t *testing.T, p pkg, limit int) {
	t.Helper()
	for _, file := range p.GoFiles {
		source, err := os.ReadFile(filepath.Join(p.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(source, []byte("\n")); lines > limit {
			t.Errorf("%s/%s has %d lines, at most %d are allowed", p.ImportPath, file, lines, limit)
		}
	}
}
