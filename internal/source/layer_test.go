package source_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// What a secret is, is the same for a variable and for a file.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const control = "it holds control characters, such as NUL"
	for _, test := range []struct {
		name, content string
		lines         bool
		want, wrong   string
	}{
		{"a line", "tops3cret", false, "tops3cret", ""},
		{"the end of a line", "tops3cret\n", false, "tops3cret", ""},
		{"white space around it", " \ttops 3cret \r\n\n", false, "tops 3cret", ""},
		{"several lines", "tops3cret\ntops3cret\n", false, "", "it has several lines, and must be one"},
		{"several lines that may be", "\ntops3cret,\r\n\ttops3cret\n", true, "tops3cret,\r\n\ttops3cret", ""},
		{"NUL", "tops3cret\x00", false, "", control},
		{"an escape in a list", "tops3cret\n\x1b", true, "", control},
		{"UTF-16", "\xff\xfet\x00o\x00p\x00", false, "", "it is not in UTF-8"},
		{"a placeholder", "<tops3cret>\n", false, "", "it holds nothing"},
	} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		key := source.Key{Name: "A", Secret: true, Lines: test.lines}
		for place, found := range map[string]struct{ entry, wrong string }{
			"a variable": {"A=" + test.content, "A cannot be used as it stands (environment variable A): "},
			"a file":     {"A_FILE=" + path, "A cannot be read from the file that A_FILE names: "},
		} {
			v, _, mistakes := source.Lookup([]source.Layer{source.Environment([]string{found.entry})}, key)
			var want []source.Mistake
			if test.wrong != "" && (place == "a file" || !source.IsPlaceholder(strings.TrimSpace(test.content))) {
				want = []source.Mistake{{Name: "A", Text: found.wrong + test.wrong}}
			}
			if diff := cmp.Diff(want, mistakes); diff != "" || v.Text != test.want {
				t.Errorf("%s in %s: %q, want %q\n%s", test.name, place, v.Text, test.want, diff)
			}
		}
	}
	// A mark at its beginning is the file's, and no part of the secret.
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("\ufefftops3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	v, _, mistakes := source.Lookup([]source.Layer{source.Environment([]string{"A_FILE=" + path})}, source.Key{Name: "A", Secret: true})
	if v.Text != "tops3cret" || len(mistakes) > 0 {
		t.Errorf("a byte order mark: %q, %v", v.Text, mistakes)
	}
}

// An earlier layer beats a later one, whichever of its names each has. That names of
// one layer disagree is a mistake.
func TestLookup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("file"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := source.Key{Name: "A", Aliases: []string{"b", "c__0"}, Secret: true}
	for _, test := range []struct {
		name        string
		first, next []string
		want        source.Value
		placeholder string
		wrong       []string // what the mistakes begin with
	}{
		{"nothing", nil, nil, source.Value{}, "", nil},
		{"the first", []string{"A=1"}, []string{"A=2"}, source.Value{Text: "1", Where: "environment variable A"}, "", nil},
		{"an alias before a name", []string{"b= 1 "}, []string{"A=2"}, source.Value{Text: "1", Where: "environment variable b"}, "", nil},
		{"a list", []string{"c__2=2", "c__0=0", "c__x=x"}, nil, source.Value{Text: "0,2", Where: "environment variable c__0"}, "", nil},
		{"a list with entries that are not set", []string{"c__0=", "c__1=<1>", "c__2=2", "c__-1=x"}, nil, source.Value{Text: "2", Where: "environment variable c__2"}, "", nil},
		{"a list of placeholders", []string{"c__0=<0>", "c__1=<1>"}, nil, source.Value{}, "environment variable c__1", nil},
		{"a list of nothing", []string{"c__0=", "c__1= "}, []string{"A=2"}, source.Value{Text: "2", Where: "environment variable A"}, "", nil},
		{"what begins like a placeholder", []string{"A=<1"}, nil, source.Value{Text: "<1", Where: "environment variable A"}, "", nil},
		{"a value before a file", []string{"A=1"}, []string{"A_FILE=" + path}, source.Value{Text: "1", Where: "environment variable A"}, "", nil},
		{"a file before a value", []string{"A_FILE=" + path}, []string{"A=2"}, source.Value{Text: "file", Where: "environment variable A_FILE", File: path}, "", nil},
		{"a value and a file", []string{"A=1", "A_FILE=" + path}, nil, source.Value{Text: "1", Where: "environment variable A"}, "",
			[]string{"A is set (environment variable A), and so is the file to read it from (environment variable A_FILE)"}},
		{"two names that agree", []string{"A=1", "b=1 "}, nil, source.Value{Text: "1", Where: "environment variable A"}, "", nil},
		{"two names that disagree", []string{"A=1", "b=2"}, nil, source.Value{Text: "1", Where: "environment variable A"}, "",
			[]string{"A has two values that differ (environment variable A, and environment variable b)"}},
		{"a placeholder before a value", []string{"A=<1>"}, []string{"A=2"}, source.Value{Text: "2", Where: "environment variable A"}, "", nil},
		{"a placeholder", []string{"b= <1> "}, []string{"A="}, source.Value{}, "environment variable b", nil},
		{"two placeholders", []string{"A=<1>"}, []string{"b=<2>"}, source.Value{}, "environment variable A", nil},
		{"a file with spaces around it", []string{"A_FILE= " + path + " "}, nil, source.Value{Text: "file", Where: "environment variable A_FILE", File: path}, "", nil},
		{"a file that is not there", []string{"A_FILE=/tops3cret"}, []string{"A=2"}, source.Value{Where: "environment variable A_FILE", File: "/tops3cret"}, "", []string{"A cannot be read from the file that A_FILE names: no such file"}},
	} {
		v, placeholder, mistakes := source.Lookup([]source.Layer{source.Environment(test.first), source.Environment(test.next)}, key)
		if diff := cmp.Diff(test.want, v); diff != "" || placeholder != test.placeholder || len(mistakes) != len(test.wrong) {
			t.Errorf("%s: the placeholder %q, the mistakes %q\n%s", test.name, placeholder, mistakes, diff)
			continue
		}
		for i, m := range mistakes {
			if m.Name != "A" || !strings.HasPrefix(m.Text, test.wrong[i]) || strings.Contains(m.Text, "tops3cret") {
				t.Errorf("%s: %v, want %s", test.name, m, test.wrong[i])
			}
		}
	}
}
