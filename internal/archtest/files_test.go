package archtest_test

import (
	"bytes"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A file is about one thing. Tests are exempt: a table may be as long as what it
// specifies.
func TestFileLength(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).packages {
		checkLength(t, p, 350)
	}
}

// The program in the README fits on one screen.
func TestFirstProgramLength(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).matching(t, "examples/ownmux") {
		checkLength(t, p, 45)
	}
}

// What sleeps cannot be called off, and a test that sleeps is slow, or fails on a
// slow machine. Tests wait for events, or sleep in the virtual time of
// testing/synctest.
func TestNoSleep(t *testing.T) {
	t.Parallel()
	for _, p := range load(t).packages {
		names := slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles)
		for i, file := range p.parse(t, token.NewFileSet(), names) {
			virtual := slices.ContainsFunc(file.Imports, func(spec *ast.ImportSpec) bool {
				return spec.Path.Value == `"testing/synctest"`
			})
			if !virtual && callsSleep(file) {
				t.Errorf("%s/%s calls time.Sleep", p.ImportPath, names[i])
			}
		}
	}
}

func callsSleep(file *ast.File) bool {
	found := false
	ast.Inspect(file, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "Sleep" {
			qualifier, ok := selector.X.(*ast.Ident)
			found = found || ok && qualifier.Name == "time"
		}
		return !found
	})
	return found
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
