package archtest_test

import (
	"go/ast"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loggingPackages are those whose lines the server writes.
var loggingPackages = []string{"acsauth", "acsidentity", "obo", "graphmap", "sqlmap", "tablemap", "movemap", "internal/reload", "internal/stores", "cmd/acs-auth-server"}

// logged says which argument of a method of slog.Logger is the message. Those that name
// their level have an argument before it.
var logged = map[string]int{
	"Info": 0, "Warn": 0, "Error": 0, "InfoContext": 1, "WarnContext": 1, "ErrorContext": 1, "Log": 2, "LogAttrs": 2,
}

// TestLoggingPageListsMessages: docs/logging.md has every message at level info and
// above that the server can log, and every audit event.
func TestLoggingPageListsMessages(t *testing.T) {
	t.Parallel()
	text := readDoc(t, "logging.md")
	messages, events := 0, 0
	for _, directory := range loggingPackages {
		inspect(t, directory, func(n ast.Node) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return
			}
			selector, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return
			}
			if selector.Sel.Name == "audit" && len(call.Args) > 1 {
				event := call.Args[1]
				if sum, ok := event.(*ast.BinaryExpr); ok {
					event = sum.X
				}
				if name := literal(event); name == "" || !strings.Contains(text, "| `"+name) {
					t.Errorf("docs/logging.md does not list the event %q of %s", name, directory)
				}
				events++
			}
			at, ok := logged[selector.Sel.Name]
			if !ok || len(call.Args) <= at || at == 2 && isDebug(call.Args[1]) {
				return
			}
			if message := literal(call.Args[at]); message != "" {
				if !strings.Contains(text, "`"+message+"`") {
					t.Errorf("docs/logging.md does not list the message %q of %s", message, directory)
				}
				messages++
			}
		})
	}
	if messages < 25 || events < 8 {
		t.Errorf("only %d messages and %d events were found", messages, events)
	}
}

func isDebug(level ast.Expr) bool {
	selector, ok := level.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "LevelDebug"
}

// TestLoggingPageListsFields: the tables of fields in docs/logging.md have those of all
// lines, and no others.
func TestLoggingPageListsFields(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, directory := range loggingPackages {
		constants := map[string]string{}
		inspect(t, directory, func(n ast.Node) {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
				for i, name := range spec.Names {
					constants[name.Name] = literal(spec.Values[i])
				}
			}
		})
		inspect(t, directory, func(n ast.Node) {
			for _, key := range loggedKeys(n) {
				name := literal(key)
				if constant, ok := key.(*ast.Ident); ok {
					name = constants[constant.Name]
				}
				if name != "" {
					found[name] = true
				}
			}
		})
	}
	documented := map[string]bool{}
	quoted := regexp.MustCompile("`([a-z_]+)`")
	table := regexp.MustCompile("(?m)^\\| field \\|.*\n((?:\\|.*\n)+)")
	for _, rows := range table.FindAllStringSubmatch(readDoc(t, "logging.md"), -1) {
		for row := range strings.Lines(rows[1]) {
			for _, match := range quoted.FindAllStringSubmatch(strings.Split(row, "|")[1], -1) {
				documented[match[1]] = true
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(found)), slices.Sorted(maps.Keys(documented))); diff != "" || len(found) < 30 {
		t.Errorf("what is logged (-) and the tables of fields in docs/logging.md (+) disagree:\n%s", diff)
	}
}

// loggedKeys returns the expressions in n that name fields of a line: in pairs after a
// message or as arguments of With, in attributes, and in tables of those.
func loggedKeys(n ast.Node) (keys []ast.Expr) {
	if table, ok := n.(*ast.CompositeLit); ok {
		return tableKeys(table)
	}
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if of, ok := selector.X.(*ast.Ident); ok && of.Name == "slog" {
		if slices.Contains([]string{"String", "Int", "Int64", "Bool", "Time", "Duration", "Any"}, selector.Sel.Name) {
			return call.Args[:1]
		}
		return nil
	}
	first := 0
	if selector.Sel.Name != "With" {
		at, ok := logged[strings.Replace(selector.Sel.Name, "Debug", "Info", 1)]
		if !ok || len(call.Args) <= at || literal(call.Args[at]) == "" {
			return nil
		}
		first = at + 1
	}
	for i := first; i+1 < len(call.Args); i += 2 {
		keys = append(keys, call.Args[i])
	}
	return keys
}

// tableKeys returns the keys in a literal of the type []struct{ key, value string }.
func tableKeys(table *ast.CompositeLit) (keys []ast.Expr) {
	list, ok := table.Type.(*ast.ArrayType)
	if !ok {
		return nil
	}
	row, ok := list.Elt.(*ast.StructType)
	if !ok || len(row.Fields.List) == 0 || row.Fields.List[0].Names[0].Name != "key" {
		return nil
	}
	for _, element := range table.Elts {
		if fields, ok := element.(*ast.CompositeLit); ok && len(fields.Elts) > 0 {
			keys = append(keys, fields.Elts[0])
		}
	}
	return keys
}
