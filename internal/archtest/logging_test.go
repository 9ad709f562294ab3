package archtest_test

import (
	"go/ast"
	"strings"
	"testing"
)

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
	for _, directory := range []string{"acsauth", "acsidentity", "obo", "graphmap", "sqlmap", "tablemap", "movemap", "internal/reload", "internal/stores", "cmd/acs-auth-server"} {
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
