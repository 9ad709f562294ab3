package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseArgs(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	tests := []struct {
		name     string
		args     []string
		want     command // without flags
		flags    map[string]string
		problems []string
	}{
		{"nothing", nil, command{}, none, nil},
		{"what there is besides settings", []string{"-dev", "--healthcheck=true", "-version", "-h", "-print-config", "-config", "a.env"},
			command{dev: true, healthcheck: true, version: true, help: true, printConfig: true, config: "a.env"}, none, nil},
		{"settings", []string{"-port", "1", "--log-level=debug", "-auto-provision", "-debug-errors=false"}, command{},
			map[string]string{"PORT": "1", "LOG_LEVEL": "debug", "AUTO_PROVISION": "true", "DEBUG_ERRORS": "false"}, nil},
		{"a value that looks like a flag", []string{"-graph-scope", "-dev"}, command{}, map[string]string{"GRAPH_SCOPE": "-dev"}, nil},
		{"a value with an equals sign", []string{"-graph-scope=a=b"}, command{}, map[string]string{"GRAPH_SCOPE": "a=b"}, nil},
		{"the same twice", []string{"-port", "1", "-port=1"}, command{}, map[string]string{"PORT": "1"}, nil},
		{"two values", []string{"-port", "1", "-port=2"}, command{}, map[string]string{"PORT": "2"},
			[]string{"PORT has two values that differ (flag -port, twice): remove one of them"}},
		{"one file, twice", []string{"-config=a", "-config", "a"}, command{config: "a"}, none, nil},
		{"two files", []string{"-config=a", "-config", "b"}, command{config: "b"}, none, []string{"the flag -config names two files, and can name one"}},
		{"no file", []string{"-config="}, command{}, none, []string{"the flag -config needs the path of a file"}},
		{"a flag without its value", []string{"-dev", "-port"}, command{dev: true}, none, []string{"the flag -port needs a value"}},
		{"neither true nor false", []string{"-dev=maybe"}, command{}, none, []string{"the flag -dev must be true or false"}},
		{"unknown flags", []string{"-x", "1", "-y=2", "-z", "-dev"}, command{dev: true}, none,
			[]string{"there is no flag -x", "there is no flag -y", "there is no flag -z"}},
		{"what is no flag", []string{"x", "-dev", "-", "--", "---dev", "-=", "-é"}, command{dev: true}, none, []string{
			"argument number 1 is no flag, and nothing else is expected", "argument number 3 is no flag, and nothing else is expected",
			"argument number 4 is no flag, and nothing else is expected", "argument number 5 is no flag, and nothing else is expected",
			"argument number 6 is no flag, and nothing else is expected", "argument number 7 is no flag, and nothing else is expected"}},
		{"mistakes after values that look like flags", []string{"-graph-scope", "-x", "---y", "-log-format", "--", "--", "-z"}, command{},
			map[string]string{"GRAPH_SCOPE": "-x", "LOG_FORMAT": "--"},
			[]string{"argument number 3 is no flag, and nothing else is expected", "argument number 6 is no flag, and nothing else is expected", "there is no flag -z"}},
		{"a secret", []string{"-azure-client-secret", "x", "-dev"}, command{dev: true}, none,
			[]string{"there is no flag -azure-client-secret, because others can see flags: set AZURE_CLIENT_SECRET or AZURE_CLIENT_SECRET_FILE"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := new(problems)
			got := parseArgs(test.args, p)
			flags, texts := map[string]string{}, []string(nil)
			for name, v := range got.flags.values {
				flags[name] = v.text
			}
			for _, known := range p.list {
				texts = append(texts, known.text)
			}
			got.flags = layer{}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(command{}, layer{}, value{})); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.flags, flags); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.problems, texts); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever the arguments are, reading them ends, and what is reported repeats the
// names of flags and nothing else.
func FuzzParseArgs(f *testing.F) {
	for _, seed := range []string{"", "-dev", "-port=1\n-port\n2", "-config\n\n-x\ny\n-z", "--\n-\n---\n-=\n--=x", "x\n-azure-client-secret\ny\n-acs-connection-string=z",
		"-dev=maybe\n-metrics=\n-print-config=x", "-graph-scope\n-x\n---y\n-log-format\n--", "-\xff=\xff\n-é\n-a b\n-h=1\n-help"} {
		f.Add(seed)
	}
	const secret = "tops3cret"
	f.Fuzz(func(t *testing.T, lines string) {
		if strings.Contains(lines, secret) {
			return
		}
		var args []string
		for line := range strings.SplitSeq(lines, "\n") {
			name, text, hasText := strings.Cut(line, "=")
			switch {
			case !strings.HasPrefix(line, "-"):
				line = secret + line
			case hasText:
				line = name + "=" + secret + text
			}
			args = append(args, line)
		}
		p := new(problems)
		parseArgs(args, p)
		if len(p.list) > len(args) {
			t.Errorf("%d problems with %d arguments", len(p.list), len(args))
		}
		for _, known := range p.list {
			if strings.Contains(known.text, secret) {
				t.Errorf("%q: %s", args, known.text)
			}
		}
	})
}
