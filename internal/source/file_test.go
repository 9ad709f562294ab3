package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		want          []fileLine
		mistakes      []string
	}{
		{"nothing", "", nil, nil},
		{"comments and blank lines", "# A=1\n\n \t\n  # B=2\n", nil, nil},
		{"values", "A=1\nb_2=x=y;z\nC=", []fileLine{{1, "A", "1"}, {2, "b_2", "x=y;z"}, {3, "C", ""}}, nil},
		{"spaces", " A = 1 2 \n", []fileLine{{1, "A", "1 2"}}, nil},
		{"quotes", "A=\"1 \"\nB=' 2'\nC=\"3\nD='\nE=\"\"\nF=\"'4'\"", []fileLine{{1, "A", "1 "}, {2, "B", " 2"}, {3, "C", "\"3"}, {4, "D", "'"}, {5, "E", ""}, {6, "F", "'4'"}}, nil},
		{"a hash in a value", "A=1 # 2\n", []fileLine{{1, "A", "1 # 2"}}, nil},
		{"what stands for nothing else", "A=p#w$HOME\\n${B}%C%`D`\nB=\"\\t\"\nC=it's \"so\" so\n",
			[]fileLine{{1, "A", "p#w$HOME\\n${B}%C%`D`"}, {2, "B", `\t`}, {3, "C", `it's "so" so`}}, nil},
		{"no line goes on in the next", "A=1\\\nB='2\n'\n", []fileLine{{1, "A", "1\\"}, {2, "B", "'2"}}, []string{"line 3: not of the form NAME=value"}},
		{"as Windows writes it", "\ufeffA=1\r\nB=2\r\n", []fileLine{{1, "A", "1"}, {2, "B", "2"}}, nil},
		{"a duplicate", "A=1\nA=1\n", []fileLine{{1, "A", "1"}}, []string{"line 2: A is in line 1 already"}},
		{"a key in place of a name, twice", key1 + "\n" + key1 + "\n", []fileLine{{1, strings.TrimRight(key1, "="), ""}}, []string{"line 2: the same name is in line 1 already"}},
		{"no name", "=1\nA\nexport B=2\nC-D=3\n", nil, []string{"line 1: not of the form NAME=value", "line 2: not of the form NAME=value",
			"line 3: not of the form NAME=value", "line 4: not of the form NAME=value"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lines, mistakes := parseFile(test.content)
			if diff := cmp.Diff(test.want, lines, cmp.AllowUnexported(fileLine{})); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.mistakes, mistakes); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Mistakes in a file are reported without what is in it, names of settings aside.
func TestReadFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content string
		want          []string
	}{
		{"nothing wrong", "PORT=1\nCommunicationServices__Scopes__0=chat\nCommunicationServices__Scopes__7=voip\nMAPPING_STORE_FILE=/x\n", nil},
		{"no setting", "POTR=1\nPORT_FILE=/x\nCommunicationServices__Scopes__x=chat\n", []string{
			"FILE: line 1: there is no setting of the name POTR", "FILE: line 2: there is no setting of the name PORT_FILE",
			"FILE: line 3: there is no setting of the name CommunicationServices__Scopes__x"}},
		{"a key in place of a line", key1, []string{"FILE: line 1: there is no setting of the name before its equals sign"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "server.env")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			p := new(problems)
			readFile(path, p)
			var got []string
			for _, known := range p.list {
				got = append(got, strings.ReplaceAll(known.text, path, "FILE"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("not there", func(t *testing.T) {
		t.Parallel()
		p := new(problems)
		readFile(filepath.Join(t.TempDir(), "tops3cret"), p)
		if len(p.list) != 1 || p.list[0].text != "the file of -config cannot be read: no such file or directory" {
			t.Errorf("reported: %v", p.list)
		}
	})
}

// Whatever a file holds, each of its lines yields a setting, a mistake or nothing,
// and values stay out of the mistakes.
func FuzzParseFile(f *testing.F) {
	for _, seed := range []string{"", "A=1", "A='1'\nB=\"2\"\n#c\n\nA=3", "\ufeff=\r\n", "tops3cret\n=tops3cret", "A=\x00\nB", key1 + "\n" + key1, "A=p#w\\$H\n'A'=\"\n# c\nA=`"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content string) {
		lines, mistakes := parseFile(content)
		names := make(map[string]bool)
		for _, line := range lines {
			if !isName(line.name) || names[line.name] {
				t.Errorf("the name %q is unusable, or there twice", line.name)
			}
			names[line.name] = true
			if strings.ContainsAny(line.value, "\n") {
				t.Errorf("the value of %s spans lines", line.name)
			}
		}
		form := regexp.MustCompile(`^line \d+: (not of the form NAME=value|[A-Za-z0-9_]+ is in line \d+ already|the same name is in line \d+ already)$`)
		for _, mistake := range mistakes {
			if !form.MatchString(mistake) {
				t.Errorf("a mistake may repeat what is in the file: %s", mistake)
			}
		}
		if n := strings.Count(content, "\n") + 1; len(lines)+len(mistakes) > n {
			t.Errorf("%d settings and %d mistakes in %d lines", len(lines), len(mistakes), n)
		}
	})
}
