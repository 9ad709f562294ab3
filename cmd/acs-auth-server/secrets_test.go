package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recognisable are values of all secrets, good ones, and what of them must not be
// printed.
func recognisable() (values map[string]string, hidden []string) {
	const mark = "tops3cret-tops3cret-tops3cret-32b"
	encoded := base64.StdEncoding.EncodeToString([]byte(mark))
	values = map[string]string{
		"AZURE_CLIENT_SECRET":   mark,
		"ACS_CONNECTION_STRING": "endpoint=https://tops3cret.communication.azure.com/;accesskey=" + encoded,
		"MAPPING_STORE":         "postgres://tops3cret:" + mark + "@tops3cret.example/tops3cret",
		"GRAPH_MAPPING_KEYS":    encoded,
	}
	return values, []string{"tops3cret", encoded}
}

// Neither -print-config nor the report of what is wrong repeats a secret, where it
// belongs and where it does not.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	values, hidden := recognisable()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range values {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	check := func(t *testing.T, what string, args, environ []string) {
		t.Helper()
		var out bytes.Buffer // the report of what is wrong is the same at a start
		run(t.Context(), append([]string{"-print-config"}, args...), environ, &out, &out)
		for _, secret := range hidden {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s: %s", what, lineWith(out.String(), secret))
			}
		}
	}

	var direct, fromFiles []string
	for _, st := range allSettings() {
		if !st.secret {
			continue
		}
		text, ok := values[st.name]
		if !ok {
			t.Fatalf("this test does not know %s", st.name)
		}
		direct = append(direct, st.name+"="+text)
		fromFiles = append(fromFiles, st.key().FileName()+"="+path(st.name))
		for _, alias := range st.aliases {
			check(t, alias, nil, with(enough, st.name+"=", alias+"="+text))
			check(t, alias+" that disagrees", nil, with(enough, alias+"="+text))
		}
		check(t, "a placeholder before "+st.name, nil, with(enough, st.name+"=<"+text+">"))
		check(t, "a list of "+st.name, nil, with(enough, st.name+"="+text+","+text))
	}
	for _, dev := range [][]string{nil, {"-dev"}} {
		check(t, "in variables", dev, with(enough, direct...))
		check(t, "in files", dev, with(enough[:2], fromFiles...))
		check(t, "in both", dev, with(direct, fromFiles...))
	}

	wrong := []string{
		"https://me:tops3cret@login.example", "https://login.example?key=tops3cret", "https://tops3cret@graph.example/.default", "-----BEGIN PRIVATE KEY----- tops3cret",
		"a line\nand tops3cret", values["ACS_CONNECTION_STRING"], values["MAPPING_STORE"],
	}
	for _, st := range allSettings() {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			texts := wrong
			if !anything(st) { // or else nothing tells it from what belongs there
				texts = with(wrong, values["GRAPH_MAPPING_KEYS"])
			}
			for _, text := range texts {
				check(t, "as a variable", nil, with(enough, st.name+"="+text))
				check(t, "as a flag", []string{"-" + st.flag() + "=" + text}, enough)
				check(t, "with -dev", []string{"-dev"}, with(enough, st.name+"="+text))
				check(t, "with ACS_ENDPOINT", nil, with(enough, "ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://a.example", st.name+"="+text))
				check(t, "with another store", nil, with(enough, "MAPPING_STORE=memory", st.name+"="+text))
			}
		})
	}
}

// anything tells of a setting that any word is good for.
func anything(st setting) bool {
	const word = "any-w0rd"
	s := new(settings)
	return st.parse(s, word) == nil && strings.Contains(fmt.Sprintf("%+v", s), word)
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// An address with user information is refused, whoever would use it.
func TestAddressesHoldNoPassword(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"AZURE_AUTHORITY_HOST", "ACS_ENDPOINT", "GRAPH_BASE_URL", "GRAPH_SCOPE", "ACS_ENTRA_SCOPE", "CORS_ALLOWED_ORIGINS"} {
		for _, store := range []string{"graph", "memory"} {
			environ := with(enough, "MAPPING_STORE="+store, name+"=https://me:m4lformed@login.example")
			if name == "ACS_ENDPOINT" {
				environ = with(environ, "ACS_CONNECTION_STRING=")
			}
			if report := reportOf(t, nil, environ); !strings.Contains(report, "1 thing is wrong") || !strings.Contains(report, "\n  "+name) || strings.Contains(report, "m4l") {
				t.Errorf("%s with %s:\n%s", name, store, report)
			}
		}
	}
}
