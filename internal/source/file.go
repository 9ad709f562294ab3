package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// readFile reads the file that -config names.
func readFile(path string, p *problems) layer {
	content, err := os.ReadFile(path)
	if err != nil {
		if path := (*fs.PathError)(nil); errors.As(err, &path) {
			err = path.Err // the name may be anything
		}
		p.addOther("the file of -config cannot be read: %v", err)
		return layer{}
	}
	values, mistakes := parseFile(string(content))
	for _, mistake := range mistakes {
		p.addOther("%s: %s", path, mistake)
	}
	known := knownNames()
	file := layer{name: path, values: make(map[string]value)}
	for _, line := range values {
		if strings.HasPrefix(line.name, "OTEL_") {
			p.addOther("%s: line %d: %s belongs into the environment: OpenTelemetry does not read this file", path, line.number, line.name)
			continue
		}
		if !known(line.name) {
			p.addOther("%s: line %d: there is no setting of the name %s", path, line.number, cmp.Or(line.title(), "before its equals sign"))
			continue
		}
		file.values[line.name] = value{text: line.value, where: fmt.Sprintf("%s, line %d", path, line.number)}
	}
	return file
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
	for raw := range strings.Lines(strings.TrimPrefix(content, "\ufeff")) {
		number++
		raw = strings.TrimSpace(raw)
		if raw == "" || strings.HasPrefix(raw, "#") {
			continue
		}
		name, value, ok := strings.Cut(raw, "=")
		name = strings.TrimSpace(name)
		if !ok || !isName(name) {
			mistakes = append(mistakes, fmt.Sprintf("line %d: not of the form NAME=value", number))
			continue
		}
		line := fileLine{number, name, unquote(strings.TrimSpace(value))}
		if first[name] != 0 {
			mistakes = append(mistakes, fmt.Sprintf("line %d: %s is in line %d already", number, cmp.Or(line.title(), "the same name"), first[name]))
			continue
		}
		first[name] = number
		lines = append(lines, line)
	}
	return lines, mistakes
}

func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}
