package archtest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The tables in docs/ are compared with those in the code, so that neither can
// change without the other.

// TestEndpointsPageListsErrors: docs/endpoints.md has the errors of the API, each
// with its status.
func TestEndpointsPageListsErrors(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| (\\d{3}) \\| `([a-z_]+)` \\|.*$")
	documented := map[string]string{}
	for _, match := range row.FindAllStringSubmatch(readDoc(t, "endpoints.md"), -1) {
		if _, twice := documented[match[2]]; twice {
			t.Errorf("docs/endpoints.md lists %s twice", match[2])
		}
		documented[match[2]] = match[1]
	}
	if diff := cmp.Diff(apiErrors(t), documented); diff != "" {
		t.Errorf("acsauth/errors.go (-) and docs/endpoints.md (+) disagree:\n%s", diff)
	}
}

// TestRunbookHasEveryError: docs/runbook.md has one entry for each error, in the order
// of docs/endpoints.md, and for what only the log and metrics have.
func TestRunbookHasEveryError(t *testing.T) {
	t.Parallel()
	var want, entries []string
	for _, match := range regexp.MustCompile("(?m)^\\| \\d{3} \\| `([a-z_]+)` \\|").FindAllStringSubmatch(readDoc(t, "endpoints.md"), -1) {
		want = append(want, match[1])
	}
	want = append(want, "client_closed", "aborted")
	for _, match := range regexp.MustCompile(`(?m)^## ([a-z_]+)$`).FindAllStringSubmatch(readDoc(t, "runbook.md"), -1) {
		entries = append(entries, match[1])
	}
	if diff := cmp.Diff(want, entries); diff != "" || len(want) < 20 {
		t.Errorf("docs/endpoints.md (-) and docs/runbook.md (+) disagree:\n%s", diff)
	}
}

// TestDocsNameKnownErrors: no page speaks of an error that is not there.
func TestDocsNameKnownErrors(t *testing.T) {
	t.Parallel()
	known := apiErrors(t)
	answered := regexp.MustCompile("\\b[1-5]\\d\\d `([a-z]+(?:_[a-z]+)+)`")
	for name, p := range markdownText(t) {
		for _, match := range answered.FindAllStringSubmatch(p, -1) {
			if _, ok := known[match[1]]; !ok {
				t.Errorf("%s speaks of the error %s, which the API does not have", name, match[1])
			}
		}
	}
}

// TestSettingsPageListsSettings: docs/settings.md has the settings of the server,
// and the names of the sibling samples that it understands.
func TestSettingsPageListsSettings(t *testing.T) {
	t.Parallel()
	text := readDoc(t, "settings.md")
	tables, siblings, ok := strings.Cut(text, "\n## Names of the siblings\n")
	if !ok {
		t.Fatal("docs/settings.md has no section about the siblings' names")
	}
	row := regexp.MustCompile("(?m)^\\| `([A-Z][A-Z0-9_]+)`( S)? \\|([^|]*)\\|")
	settings := serverSettings(t)
	var documented []string
	for _, match := range row.FindAllStringSubmatch(tables, -1) {
		name, secret, fallback := match[1], match[2] != "", match[3]
		documented = append(documented, name)
		setting, ok := settings[name]
		if !ok {
			continue // reported below
		}
		if setting.secret != secret {
			t.Errorf("docs/settings.md: the mark S of %s is not what the server says", name)
		}
		if setting.fallback != "" && !strings.Contains(fallback, "`"+setting.fallback+"`") {
			t.Errorf("docs/settings.md: the default of %s is not `%s`", name, setting.fallback)
		}
		for _, alias := range setting.aliases {
			if !strings.Contains(siblings, "`"+alias+"`") {
				t.Errorf("docs/settings.md does not list %s, which means %s", alias, name)
			}
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(settings)), documented); diff != "" {
		t.Errorf("cmd/acs-auth-server (-) and docs/settings.md (+) disagree:\n%s", diff)
	}
}

// apiErrors returns name and status of the errors in the table of acsauth.
func apiErrors(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	inspect(t, "acsauth", func(n ast.Node) {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Names) != 1 || spec.Names[0].Name != "answers" || len(spec.Values) != 1 {
			return
		}
		table, ok := spec.Values[0].(*ast.CompositeLit)
		if !ok {
			return
		}
		for _, element := range table.Elts {
			if entry, ok := element.(*ast.KeyValueExpr); ok {
				if fields, ok := entry.Value.(*ast.CompositeLit); ok && len(fields.Elts) > 0 {
					if status, ok := fields.Elts[0].(*ast.BasicLit); ok {
						found[literal(entry.Key)] = status.Value
					}
				}
			}
		}
	})
	if len(found) == 0 {
		t.Fatal("the table of errors in acsauth was not found")
	}
	return found
}

type serverSetting struct {
	secret   bool
	fallback string // "" if it is none, or no constant
	aliases  []string
}

// serverSettings returns the settings in the tables of the reference server.
func serverSettings(t *testing.T) map[string]serverSetting {
	t.Helper()
	constants := map[string]string{}
	inspect(t, "cmd/acs-auth-server", func(n ast.Node) {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				constants[name.Name] = literal(spec.Values[i])
			}
		}
	})
	found := map[string]serverSetting{}
	inspect(t, "cmd/acs-auth-server", func(n ast.Node) {
		table, ok := n.(*ast.CompositeLit)
		if !ok {
			return
		}
		slice, ok := table.Type.(*ast.ArrayType)
		if !ok {
			return
		}
		if element, ok := slice.Elt.(*ast.Ident); !ok || element.Name != "setting" {
			return
		}
		for _, row := range table.Elts {
			name, setting := readSetting(row, constants)
			found[name] = setting
		}
	})
	if len(found) == 0 {
		t.Fatal("the tables of settings in cmd/acs-auth-server were not found")
	}
	return found
}

func readSetting(row ast.Expr, constants map[string]string) (name string, setting serverSetting) {
	fields, ok := row.(*ast.CompositeLit)
	if !ok {
		return "", serverSetting{}
	}
	for _, element := range fields.Elts {
		field, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		key, ok := field.Key.(*ast.Ident)
		if !ok {
			continue
		}
		switch key.Name {
		case "name":
			name = literal(field.Value)
		case "secret":
			value, ok := field.Value.(*ast.Ident)
			setting.secret = ok && value.Name == "true"
		case "fallback":
			setting.fallback = literal(field.Value)
			if value, ok := field.Value.(*ast.Ident); ok {
				setting.fallback = constants[value.Name]
			}
		case "aliases":
			if list, ok := field.Value.(*ast.CompositeLit); ok {
				for _, alias := range list.Elts {
					setting.aliases = append(setting.aliases, literal(alias))
				}
			}
		}
	}
	return name, setting
}

// inspect visits the syntax of a package's files, tests left aside.
func inspect(t *testing.T, directory string, visit func(ast.Node)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(moduleRoot, filepath.FromSlash(directory), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if n != nil {
				visit(n)
			}
			return true
		})
	}
}

// literal returns the text of a string literal, "" for anything else.
func literal(e ast.Expr) string {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(basic.Value)
	if err != nil {
		return ""
	}
	return text
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot, "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func markdownText(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for name := range markdownPages(t) {
		text, err := os.ReadFile(filepath.Join(moduleRoot, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	return texts
}
