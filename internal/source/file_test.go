package source_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// read writes content to a file, and returns the values in it and the mistakes, with
// FILE in place of its path.
func read(t *testing.T, content string, known func(name string) bool) (values map[string]string, mistakes []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.env")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	file, wrong := source.File(path, known)
	values = map[string]string{}
	for name, v := range file.Values {
		values[name] = v.Text + strings.Replace(v.Where, path+", line ", " @", 1)
	}
	for _, m := range wrong {
		mistakes = append(mistakes, m.Name+strings.ReplaceAll(m.Text, path, "FILE"))
	}
	return values, mistakes
}

func anything(string) bool { return true }

const key1 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func TestFileForm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		want          map[string]string
		mistakes      []string
	}{
		{"nothing", "", map[string]string{}, nil},
		{"comments and blank lines", "# A=1\n\n \t\n  # B=2\n", map[string]string{}, nil},
		{"values", "A=1\nb_2=x=y;z\nC=", map[string]string{"A": "1 @1", "b_2": "x=y;z @2", "C": " @3"}, nil},
		{"spaces", " A = 1 2 \n", map[string]string{"A": "1 2 @1"}, nil},
		{"quotes", "A=\"1 \"\nB=' 2'\nC=\"3\nD='\nE=\"\"\nF=\"'4'\"", map[string]string{"A": "1  @1", "B": " 2 @2", "C": "\"3 @3", "D": "' @4", "E": " @5", "F": "'4' @6"}, nil},
		{"a hash in a value", "A=1 # 2\n", map[string]string{"A": "1 # 2 @1"}, nil},
		{"what stands for nothing else", "A=p#w$HOME\\n${B}%C%`D`\nB=\"\\t\"\nC=it's \"so\" so\n",
			map[string]string{"A": "p#w$HOME\\n${B}%C%`D` @1", "B": `\t @2`, "C": `it's "so" so @3`}, nil},
		{"no line goes on in the next", "A=1\\\nB='2\n'\n", map[string]string{"A": "1\\ @1", "B": "'2 @2"}, []string{"FILE: line 3: not of the form NAME=value"}},
		{"as Windows writes it", "A=1\r\nB=2\r\n", map[string]string{"A": "1 @1", "B": "2 @2"}, nil},
		{"a duplicate", "A=1\nA=1\n", map[string]string{"A": "1 @1"}, []string{"FILE: line 2: A is in line 1 already"}},
		{"a key of 64 bytes in place of a name", strings.Repeat("A", 86) + "==\n" + strings.Repeat("A", 86) + "==\n", map[string]string{strings.Repeat("A", 86): "= @1"}, []string{"FILE: line 2: the same name is in line 1 already"}},
		{"a key in place of a name, twice", key1 + "\n" + key1 + "\n", map[string]string{strings.TrimRight(key1, "="): " @1"}, []string{"FILE: line 2: the same name is in line 1 already"}},
		{"no name", "=1\nA\nexport B=2\nC-D=3\n", map[string]string{}, []string{"FILE: line 1: not of the form NAME=value", "FILE: line 2: not of the form NAME=value",
			"FILE: line 3: not of the form NAME=value", "FILE: line 4: not of the form NAME=value"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			values, mistakes := read(t, test.content, anything)
			if diff := cmp.Diff(test.want, values); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.mistakes, mistakes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Mistakes in a file are reported without what is in it, names of settings aside.
func TestFile(t *testing.T) {
	t.Parallel()
	known := func(name string) bool { return name == "PORT" || name == "MAPPING_STORE_FILE" }
	tests := []struct {
		name, content string
		values        map[string]string
		want          []string
	}{
		{"nothing wrong", "\ufeffPORT=1\r\nMAPPING_STORE_FILE=/x\n", map[string]string{"PORT": "1 @1", "MAPPING_STORE_FILE": "/x @2"}, nil},
		{"no setting", "POTR=1\nPORT_FILE=/x\nPORT=2\n", map[string]string{"PORT": "2 @3"}, []string{
			"FILE: line 1: there is no setting of the name POTR", "FILE: line 2: there is no setting of the name PORT_FILE"}},
		{"of OpenTelemetry", "OTEL_SERVICE_NAME=x\n", map[string]string{}, []string{
			"FILE: line 1: OTEL_SERVICE_NAME belongs into the environment: OpenTelemetry does not read this file"}},
		{"a key in place of a line", key1, map[string]string{}, []string{"FILE: line 1: there is no setting of the name before its equals sign"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			values, got := read(t, test.content, known)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.values, values); diff != "" {
				t.Error(diff)
			}
		})
	}
	_, mistakes := source.File(filepath.Join(t.TempDir(), "tops3cret"), known)
	if diff := cmp.Diff([]source.Mistake{{Text: "the file of -config cannot be read: no such file or directory"}}, mistakes); diff != "" {
		t.Error(diff)
	}
}

// Whatever a file holds, each of its lines yields a setting, a mistake or nothing,
// and values stay out of the mistakes.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{"", "A=1", "A='1'\nB=\"2\"\n#c\n\nA=3", "\ufeff=\r\n", "tops3cret\n=tops3cret", "A=\x00\nB", key1 + "\n" + key1, "A=p#w\\$H\n'A'=\"\n# c\nA=`", "OTEL_A=1"} {
		f.Add(seed)
	}
	form := regexp.MustCompile(`^FILE: line \d+: (not of the form NAME=value|[A-Za-z0-9_]+ is in line \d+ already|the same name is in line \d+ already` +
		`|OTEL_[A-Za-z0-9_]* belongs into the environment: OpenTelemetry does not read this file)$`)
	f.Fuzz(func(t *testing.T, content string) {
		values, mistakes := read(t, content, anything)
		for name, text := range values {
			if !source.IsName(name) || strings.Contains(text, "\n") {
				t.Errorf("the name %q is unusable, or its value spans lines", name)
			}
		}
		for _, m := range mistakes {
			if !form.MatchString(m) {
				t.Errorf("a mistake may repeat what is in the file: %s", m)
			}
		}
		if n := strings.Count(content, "\n") + 1; len(values)+len(mistakes) > n {
			t.Errorf("%d settings and %d mistakes in %d lines", len(values), len(mistakes), n)
		}
	})
}
