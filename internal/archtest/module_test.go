package archtest_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const modulePath = "github.com/Azure-Samples/communication-services-authentication-hero-go"

// A pkg is a package of this module as "go list" describes it. Packages of this
// module are named by their directory ("acsauth", "." for the root), all others by
// their import path.
type pkg struct {
	Dir          string
	ImportPath   string
	Name         string
	GoFiles      []string
	TestGoFiles  []string // of the package itself
	XTestGoFiles []string // of its external test package
	Imports      []string // what it imports itself, tests left aside
	TestImports  []string // what its tests import
	XTestImports []string
	Deps         []string // what it links, at any depth
}

// A module is what this module consists of.
type module struct {
	packages []pkg
	// compiled is every package that building or testing the module compiles,
	// wherever it comes from.
	compiled map[string]bool
}

// loadModule asks "go list" once for all tests.
var loadModule = sync.OnceValues(func() (module, error) {
	if err := watch("../.."); err != nil {
		return module{}, err
	}
	out, err := exec.Command("go", "list", "-deps", "-test",
		"-json=Dir,ImportPath,Name,ForTest,GoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Deps", modulePath+"/...").Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = errors.New(string(failed.Stderr))
		}
		return module{}, err
	}
	m := module{compiled: map[string]bool{}}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			pkg
			ForTest string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return m, nil
		} else if err != nil {
			return module{}, err
		}
		m.compiled[local(p.ImportPath)] = true
		variant := p.ForTest != "" || strings.HasSuffix(p.ImportPath, ".test")
		if !variant && within(modulePath, p.ImportPath) {
			p.ImportPath = local(p.ImportPath)
			for _, list := range [][]string{p.Imports, p.TestImports, p.XTestImports, p.Deps} {
				for i := range list {
					list[i] = local(list[i])
				}
			}
			m.packages = append(m.packages, p.pkg)
		}
	}
})

// watch lists every directory below root. "go test" notices which ones a test
// lists, and does not answer from its cache after anything in them has changed;
// what "go list" reads it would not notice.
func watch(root string) error {
	return filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == ".git" {
			return fs.SkipDir
		}
		return err
	})
}

// parse returns the syntax of those files of the package.
func (p pkg) parse(t *testing.T, files *token.FileSet, names []string) []*ast.File {
	t.Helper()
	var parsed []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, file)
	}
	return parsed
}

// load returns the module under test.
func load(t *testing.T) module {
	t.Helper()
	m, err := loadModule()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return m
}

// matching returns the packages that one of the patterns matches, and fails the
// test if there is none: a rule about nothing holds nothing.
func (m module) matching(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	var found []pkg
	for _, p := range m.packages {
		if matchesAny(patterns, p.ImportPath) {
			found = append(found, p)
		}
	}
	if found == nil {
		t.Errorf("no package matches %q", patterns)
	}
	return found
}

// matchesAny reports whether one of the patterns matches the package. A pattern is
// a path as [path.Match] reads it; with "/..." at its end it also matches whatever
// lies below.
func matchesAny(patterns []string, importPath string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if root, deep := strings.CutSuffix(pattern, "/..."); deep {
			return within(root, importPath)
		}
		ok, err := path.Match(pattern, importPath)
		return ok && err == nil
	})
}

// within reports whether the package is root or lies below it.
func within(root, importPath string) bool {
	return importPath == root || strings.HasPrefix(importPath, root+"/")
}

// local shortens the import path of a package of this module to its directory.
func local(importPath string) string {
	importPath, _, _ = strings.Cut(importPath, " ") // "p [p.test]" is p, compiled for its tests
	if importPath == modulePath {
		return "."
	}
	return strings.TrimPrefix(importPath, modulePath+"/")
}

// external reports whether the package comes from another module.
func external(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".") && importPath != "."
}

// has reports whether the package is one of this module.
func (m module) has(importPath string) bool {
	return slices.ContainsFunc(m.packages, func(p pkg) bool { return p.ImportPath == importPath })
}
