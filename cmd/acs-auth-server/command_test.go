package main

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
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
		{"an unknown flag before what is no value", []string{"-x", "-dev", "-y", "1", "2"}, command{dev: true}, none, []string{
			"there is no flag -x", "there is no flag -y", "argument number 5 is no flag, and nothing else is expected"}},
		{"an unknown flag twice, with and without a value", []string{"-x", "1", "-x", "-dev", "-x"}, command{dev: true}, none,
			[]string{"there is no flag -x", "there is no flag -x", "there is no flag -x"}},
		{"an empty value of what is true or false", []string{"-metrics=", "-dev="}, command{}, map[string]string{"METRICS": ""}, []string{"the flag -dev must be true or false"}},
		{"a value after what needs none", []string{"-metrics", "False", "-dev", "x"}, command{dev: true}, map[string]string{"METRICS": "true"},
			[]string{"the value of -metrics must follow an equals sign: -metrics=false", "argument number 4 is no flag, and nothing else is expected"}},
		{"what has not the form of a flag", []string{"-1", "-S3cret", "-a_b", " -dev", "-dev "}, command{}, none, []string{
			"argument number 1 is no flag, and nothing else is expected", "argument number 2 is no flag, and nothing else is expected",
			"argument number 3 is no flag, and nothing else is expected", "argument number 4 is no flag, and nothing else is expected",
			"argument number 5 is no flag, and nothing else is expected"}},
		{"what is no flag", []string{"x", "-dev", "-", "--", "---dev", "-=", "-é"}, command{dev: true}, none, []string{
			"argument number 1 is no flag, and nothing else is expected", "argument number 3 is no flag, and nothing else is expected",
			"argument number 4 is no flag, and nothing else is expected", "argument number 5 is no flag, and nothing else is expected",
			"argument number 6 is no flag, and nothing else is expected", "argument number 7 is no flag, and nothing else is expected"}},
		{"mistakes after values that look like flags", []string{"-graph-scope", "-x", "---y", "-log-format", "--", "--", "-z"}, command{},
			map[string]string{"GRAPH_SCOPE": "-x", "LOG_FORMAT": "--"},
			[]string{"argument number 3 is no flag, and nothing else is expected", "argument number 6 is no flag, and nothing else is expected", "there is no flag -z"}},
		{"a secret without a value", []string{"-dev", "-mapping-store"}, command{dev: true}, none,
			[]string{"there is no flag -mapping-store, because others can see flags: set MAPPING_STORE or MAPPING_STORE_FILE"}},
		{"a secret", []string{"-azure-client-secret", "x", "-dev"}, command{dev: true}, none,
			[]string{"there is no flag -azure-client-secret, because others can see flags: set AZURE_CLIENT_SECRET or AZURE_CLIENT_SECRET_FILE"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := new(problems)
			got := parseArgs(test.args, p)
			flags, texts := map[string]string{}, []string(nil)
			for name, v := range got.flags.Values {
				flags[name] = v.Text
			}
			for _, known := range p.list {
				texts = append(texts, known.text)
			}
			got.flags = source.Layer{}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(command{}, source.Layer{}, source.Value{})); diff != "" {
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
	needsValue := map[string]bool{"config": true}
	for _, st := range allSettings() {
		needsValue[st.flag()] = !st.boolean
	}
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
			if name, missing := strings.CutSuffix(known.text, " needs a value"); missing && !needsValue[strings.TrimPrefix(name, "the flag -")] {
				t.Errorf("%q: %s", args, known.text)
			}
			if strings.Contains(known.text, secret) {
				t.Errorf("%q: %s", args, known.text)
			}
		}
	})
}

// A flag beats the environment, which beats the file, which beats the default, for all
// that the program does.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "server.env")
	write(t, path, "SHUTDOWN_TIMEOUT=33s\n")
	flag, env, file := []string{"-shutdown-timeout=31s"}, []string{"SHUTDOWN_TIMEOUT=32s"}, []string{"-config", path}
	for _, test := range []struct {
		name          string
		args, environ []string
		want          string
	}{
		{"all", slices.Concat(flag, file), env, "31s"},
		{"a flag and the environment", flag, env, "31s"},
		{"a flag and a file", slices.Concat(file, flag), nil, "31s"},
		{"the environment and a file", file, env, "32s"},
		{"a file", file, nil, "33s"},
		{"nothing", nil, nil, "30s"},
	} {
		for _, dev := range []string{"-dev=false", "-dev"} {
			t.Run(test.name+" "+dev, func(t *testing.T) {
				t.Parallel()
				args := append([]string{dev}, test.args...)
				environ := with(test.environ, "LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "AZURE_AUTHORITY_HOST=https://127.0.0.1:1")
				environ = with(environ, enough...)
				all, _, status, _, stderr := printed(t, args, environ)
				if got := strings.TrimLeft(all["SHUTDOWN_TIMEOUT"].line, "#"); status != exitOK || got != "SHUTDOWN_TIMEOUT="+test.want {
					t.Errorf("-print-config: exit status %d, %s\n%s", status, got, stderr)
				}
				r := start(t, func(ctx context.Context, stdout, stderr io.Writer) int {
					return run(ctx, args, environ, stdout, stderr)
				})
				r.end()
				r.wait(t)
				ends := logLines(t, r.stderr.String(), "shutting down")
				if len(ends) != 1 || ends[0]["timeout"] != test.want {
					t.Errorf("a start: %v, want %s", ends, test.want)
				}
			})
		}
	}
}

// Those who run the program know its exit statuses as numbers.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	somewhere := []string{"LISTEN_ADDR=127.0.0.1:0", "AZURE_AUTHORITY_HOST=https://127.0.0.1:1", "SHUTDOWN_DELAY=0s"}
	nobody := "127.0.0.1:1"
	for _, test := range []struct {
		name          string
		args, environ []string
		want          int
	}{
		{"a graceful end", nil, with(enough, somewhere...), 0},
		{"an address that is taken", nil, with(enough, with(somewhere, "LISTEN_ADDR="+taken.Addr().String())...), 1},
		{"wrong settings", nil, nil, 2},
		{"a wrong flag", []string{"-x"}, with(enough, somewhere...), 2},
		{"-help", []string{"-help"}, nil, 0},
		{"-version", []string{"-version"}, nil, 0},
		{"-print-config", []string{"-print-config"}, enough, 0},
		{"-print-config of wrong settings", []string{"-print-config"}, nil, 2},
		{"-healthcheck of nobody", []string{"-healthcheck"}, []string{"LISTEN_ADDR=" + nobody}, 1},
		{"-healthcheck with wrong settings", []string{"-healthcheck"}, []string{"LISTEN_ADDR=x"}, 1},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if test.args == nil {
			cancel() // whatever starts ends at once
		}
		if got := run(ctx, test.args, test.environ, io.Discard, io.Discard); got != test.want {
			t.Errorf("%s: exit status %d, want %d", test.name, got, test.want)
		}
		cancel()
	}
}
