package source

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// File reads a file of settings, and what is wrong with it. Known tells whether some
// setting has a name.
func File(path string, known func(name string) bool) (Layer, []Mistake) {
	file := Layer{Name: path, Values: make(map[string]Value)}
	content, err := reload.ReadOnce(path)
	if err != nil { // without the name, which may be anything
		return file, []Mistake{{Text: fmt.Sprintf("the file of -config cannot be read: %v", err)}}
	}
	var mistakes []Mistake
	wrong := func(format string, args ...any) {
		mistakes = append(mistakes, Mistake{Text: path + ": " + fmt.Sprintf(format, args...)})
	}
	lines, malformed := parseFile(string(content))
	for _, text := range malformed {
		wrong("%s", text)
	}
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line.name, "OTEL_"):
			wrong("line %d: %s belongs into the environment: OpenTelemetry does not read this file", line.number, line.name)
		case !known(line.name):
			wrong("line %d: there is no setting of the name %s", line.number, cmp.Or(line.title(), "before its equals sign"))
		default:
			file.Values[line.name] = Value{Text: line.value, Where: fmt.Sprintf("%s, line %d", path, line.number)}
		}
	}
	return file, mistakes
}

// A fileLine is one setting in a file.
type fileLine struct {
	number      int
	name, value string
}

// title returns the name for a report. It is empty if nothing follows the name but
// padding: then it may be no name but a secret in base64.
func (line fileLine) title() string {
	if strings.Trim(line.value, "=") == "" {
		return ""
	}
	return line.name
}

// parseFile takes apart lines of the form NAME=value. Empty lines and those that
// begin with # are skipped; one pair of quotes around a value is dropped, and
// nothing else means anything but itself: values hold passwords, which a # must not
// cut off, nor a backslash or a dollar sign change. Mistakes name a line and repeat
// nothing that could be a secret.
func parseFile(content string) (lines []fileLine, mistakes []string) {
	first := make(map[string]int)
	number := 0
	for raw := range strings.Lines(content) {
		number++
		raw = strings.TrimSpace(raw)
		if raw == "" || strings.HasPrefix(raw, "#") {
			continue
		}
		name, value, ok := strings.Cut(raw, "=")
		name = strings.TrimSpace(name)
		if !ok || !IsName(name) {
			mistakes = append(mistakes, fmt.Sprintf("line %d: not of the form NAME=value", number))
			continue
		}
		line := fileLine{number, name, Unquote(strings.TrimSpace(value))}
		if first[name] != 0 {
			mistakes = append(mistakes, fmt.Sprintf("line %d: %s is in line %d already", number, cmp.Or(line.title(), "the same name"), first[name]))
			continue
		}
		first[name] = number
		lines = append(lines, line)
	}
	return lines, mistakes
}

// IsName reports whether s can be the name of a setting.
func IsName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// Unquote drops one pair of quotes around s.
func Unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}
