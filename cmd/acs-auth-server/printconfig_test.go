package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// A shown setting is what -print-config says of it.
type shown struct{ line, where string }

// printed runs -print-config, and returns what it says of each setting, and in which
// order.
func printed(t *testing.T, args, environ []string) (all map[string]shown, order []string, status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append([]string{"-print-config"}, args...), environ, &out, &errs)
	all = make(map[string]shown)
	lines := strings.Split(out.String(), "\n")
	for i, line := range lines {
		where, ok := strings.CutPrefix(line, "    # ")
		if !ok {
			continue
		}
		subject := strings.TrimLeft(lines[i-1], "# ")
		name := subject[:strings.IndexAny(subject, " =")]
		if _, file := all[name]; !file && strings.HasSuffix(name, "_FILE") && !strings.HasPrefix(name, "TLS_") && name != "AZURE_FEDERATED_TOKEN_FILE" {
			name = strings.TrimSuffix(name, "_FILE")
		}
		all[name] = shown{lines[i-1], where}
		order = append(order, name)
	}
	return all, order, status, out.String(), errs.String()
}

// Every setting has its place, with what is in force and where it comes from.
func TestPrintConfig(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	keys := write("keys", key1+",ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=\n")
	certificate, key, _ := newServerCert(t, time.Now().Add(time.Hour), "localhost")
	certFile, keyFile := write("tls # 1.crt", certificate), write("k\"", key)
	file := write("server.env", "# comment\nLOG_LEVEL=debug\nPORT=1\nMAPPING_STORE=graph\nTLS_CERT_FILE="+certFile+"\nTLS_KEY_FILE='"+keyFile+"'\n")
	args := []string{"-config", file, "-port=2", "-acs-token-ttl", "90m", "-auto-provision"}
	environ := []string{
		"AZURE_TENANT_ID=" + guid1, "AzureActiveDirectory__ClientId=" + guid2, "azureActiveDirectory_clientSecret=tops3cret", "AZURE_CLOUD=usgov",
		"CommunicationServices__Scopes__0=voip", "CommunicationServices__Scopes__1=chat", "GRAPH_MAPPING_KEYS_FILE=" + keys,
		"ACS_CONNECTION_STRING=endpoint=https://contoso.communication.azure.com/;accesskey=Zm9v", "REQUIRED_SCOPE=<your_scope>", "ALLOWED_AUDIENCES= a, b ", "ALLOWED_CLIENT_IDS=", "ACS_RESOURCE_ID=<id>",
	}
	all, order, status, stdout, stderr := printed(t, args, environ)
	if status != exitOK || stderr != "" {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	want := map[string]shown{
		"AZURE_TENANT_ID":         {"AZURE_TENANT_ID=" + guid1, "environment variable AZURE_TENANT_ID"},
		"AZURE_CLIENT_ID":         {"AZURE_CLIENT_ID=" + guid2, "environment variable AzureActiveDirectory__ClientId"},
		"AZURE_CLIENT_SECRET":     {"# AZURE_CLIENT_SECRET is set, and not shown", "environment variable azureActiveDirectory_clientSecret"},
		"OBO_CREDENTIAL":          {"#OBO_CREDENTIAL=secret", "follows from AZURE_CLIENT_SECRET"},
		"AZURE_CLOUD":             {"AZURE_CLOUD=usgov", "environment variable AZURE_CLOUD"},
		"AZURE_AUTHORITY_HOST":    {"#AZURE_AUTHORITY_HOST=https://login.microsoftonline.us", "follows from AZURE_CLOUD"},
		"REQUIRED_SCOPE":          {"#REQUIRED_SCOPE=access_as_user", "default; a placeholder does not count (environment variable REQUIRED_SCOPE)"},
		"ALLOWED_AUDIENCES":       {"ALLOWED_AUDIENCES=a, b", "environment variable ALLOWED_AUDIENCES"},
		"ALLOWED_CLIENT_IDS":      {"# ALLOWED_CLIENT_IDS is not set", "default: any"},
		"ALLOWED_TENANTS":         {"#ALLOWED_TENANTS=" + guid1, "follows from AZURE_TENANT_ID"},
		"ACS_CONNECTION_STRING":   {"# ACS_CONNECTION_STRING is set, and not shown", "environment variable ACS_CONNECTION_STRING"},
		"ACS_ENTRA_SCOPE":         {"# ACS_ENTRA_SCOPE is not set", "default: https://communication.azure.com//.default in the public cloud"},
		"ACS_CREDENTIAL":          {"# ACS_CREDENTIAL is not set", "default: as OBO_CREDENTIAL"},
		"ACS_RESOURCE_ID":         {"# ACS_RESOURCE_ID is not set", "default: learned from the first identity; a placeholder does not count (environment variable ACS_RESOURCE_ID)"},
		"ACS_TOKEN_SCOPES":        {"ACS_TOKEN_SCOPES=voip,chat", "environment variable CommunicationServices__Scopes__0"},
		"ACS_TOKEN_TTL":           {"ACS_TOKEN_TTL=90m", "flag -acs-token-ttl"},
		"TEAMS_CLIENT_IDS":        {"#TEAMS_CLIENT_IDS=" + guid2, "follows from AZURE_CLIENT_ID"},
		"MAPPING_STORE":           {"MAPPING_STORE=graph", "FILE, line 4"},
		"GRAPH_SCOPE":             {"#GRAPH_SCOPE=https://graph.microsoft.us/.default", "follows from AZURE_CLOUD"},
		"GRAPH_MAPPING_KEYS":      {"GRAPH_MAPPING_KEYS_FILE=" + keys, "environment variable GRAPH_MAPPING_KEYS_FILE: 2 of them"},
		"GRAPH_UNSIGNED_MAPPINGS": {"#GRAPH_UNSIGNED_MAPPINGS=refuse", "default"},
		"AUTO_PROVISION":          {"AUTO_PROVISION=true", "flag -auto-provision"},
		"PORT":                    {"PORT=2", "flag -port"},
		"LISTEN_ADDR":             {"#LISTEN_ADDR=:2", "follows from PORT"},
		"ADMIN_ADDR":              {"# ADMIN_ADDR is not set", "default: no second listener"},
		"TLS_CERT_FILE":           {"TLS_CERT_FILE=" + certFile, "FILE, line 5"},
		"TLS_KEY_FILE":            {"TLS_KEY_FILE=" + keyFile, "FILE, line 6"},
		"LOG_LEVEL":               {"LOG_LEVEL=debug", "FILE, line 2"},
	}
	for name, w := range want {
		got := all[name]
		got.where = strings.Replace(got.where, file, "FILE", 1)
		if got != w {
			t.Errorf("%s:\n%s\n    # %s\nwant\n%s\n    # %s", name, got.line, got.where, w.line, w.where)
		}
	}
	var names []string
	for _, st := range allSettings() {
		names = append(names, st.name)
	}
	if diff := cmp.Diff(names, order); diff != "" {
		t.Errorf("-help (-) and -print-config (+) list different settings:\n%s", diff)
	}
	for _, g := range groups() {
		if !strings.Contains(stdout, "\n# "+g.title+"\n") {
			t.Errorf("no group %q", g.title)
		}
	}
}

// What follows from a setting is shown with it, or not at all if that one is wrong.
func TestPrintConfigOfWhatFollows(t *testing.T) {
	t.Parallel()
	byEntra := with(enough, "ACS_CONNECTION_STRING=", "ACS_ENDPOINT=https://a.example")
	all, _, _, _, _ := printed(t, nil, byEntra)
	if want := (shown{"#ACS_CREDENTIAL=secret", "follows from OBO_CREDENTIAL"}); all["ACS_CREDENTIAL"] != want {
		t.Errorf("%q, want %q", all["ACS_CREDENTIAL"], want)
	}
	for _, wrong := range []string{"OBO_CREDENTIAL=x", "AZURE_CLIENT_SECRET_FILE=/x"} { // what it follows from, and what that follows from
		all, _, _, _, _ = printed(t, nil, with(byEntra, wrong))
		if want := (shown{"# ACS_CREDENTIAL is not set", "follows from OBO_CREDENTIAL, with which something is wrong"}); all["ACS_CREDENTIAL"] != want {
			t.Errorf("%s: %q, want %q", wrong, all["ACS_CREDENTIAL"], want)
		}
	}
}

// What is printed is a file for -config, which has the same effect, secrets aside.
func TestPrintedConfigAsFile(t *testing.T) {
	t.Parallel()
	besides := map[string]string{ // what the value of a row needs
		"ACS_ENDPOINT": "ACS_CONNECTION_STRING=", "GRAPH_UNSIGNED_MAPPINGS": "GRAPH_MAPPING_KEYS=", "GRAPH_ADOPT_UNTIL": "GRAPH_UNSIGNED_MAPPINGS=adopt",
	}
	for _, st := range allSettings() {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			r := rowOf(t, st)
			environ := with(enough, besides[st.name], st.name+"="+r.value)
			_, _, _, stdout, _ := printed(t, nil, environ)
			path := filepath.Join(t.TempDir(), "printed.env")
			if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
				t.Fatal(err)
			}
			before := load([]source.Layer{source.Environment(environ)}, false, new(problems))
			after := load([]source.Layer{fileLayer(path)}, false, new(problems))
			for _, other := range allSettings() {
				get := rowOf(t, other).get
				if diff := cmp.Diff(get(before), get(after)); diff != "" && !other.secret {
					t.Errorf("%s: %s\n%s", other.name, diff, stdout)
				}
			}
		})
	}
}

// Wrong settings are no reason to print nothing: what is known is, and then what is
// wrong.
func TestPrintConfigOfWrongSettings(t *testing.T) {
	t.Parallel()
	all, _, status, _, stderr := printed(t, []string{"-acs-token-ttl=tops3cret", "-x"}, []string{"AZURE_TENANT_ID=" + guid1, "LOG_LEVEL=debug", "AZURE_CLIENT_SECRET_FILE=/tops3cret", "MAPPING_STORE_FILE=/tops3cret", "LISTEN_ADDR=tops3cret"})
	if status != exitSettings {
		t.Errorf("exit status %d", status)
	}
	for name, want := range map[string]shown{
		"AZURE_TENANT_ID":     {"AZURE_TENANT_ID=" + guid1, "environment variable AZURE_TENANT_ID"},
		"AZURE_CLIENT_ID":     {"# AZURE_CLIENT_ID is not set", "required"},
		"AZURE_CLIENT_SECRET": {"# AZURE_CLIENT_SECRET is set, and not shown: something is wrong with it", "environment variable AZURE_CLIENT_SECRET_FILE"},
		"MAPPING_STORE":       {"# MAPPING_STORE is set, and not shown: something is wrong with it", "environment variable MAPPING_STORE_FILE"},
		"ACS_TOKEN_TTL":       {"# ACS_TOKEN_TTL is set, and not shown: something is wrong with it", "flag -acs-token-ttl"},
		"LISTEN_ADDR":         {"# LISTEN_ADDR is set, and not shown: something is wrong with it", "environment variable LISTEN_ADDR"},
		"LOG_LEVEL":           {"LOG_LEVEL=debug", "environment variable LOG_LEVEL"},
		"TEAMS_CLIENT_IDS":    {"# TEAMS_CLIENT_IDS is not set", "default: AZURE_CLIENT_ID"},
	} {
		if all[name] != want {
			t.Errorf("%s: %q, want %q", name, all[name], want)
		}
	}
	for _, want := range []string{
		"acs-auth-server would not start, because 7 things are wrong with its settings:\n", "  there is no flag -x\n", "  AZURE_CLIENT_ID is missing\n",
		"  AZURE_CLIENT_SECRET cannot be read from the file that AZURE_CLIENT_SECRET_FILE names: no such file or directory\n",
		"  ACS_CONNECTION_STRING is missing: ", "  ACS_TOKEN_TTL must be a duration ", "  MAPPING_STORE cannot be read from the file that MAPPING_STORE_FILE names: ",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("not said: %s\n%s", want, stderr)
		}
	}
}

// With -dev it starts no cloud either, and prints what can go with -dev.
func TestPrintConfigOfDev(t *testing.T) {
	t.Parallel()
	all, _, status, stdout, stderr := printed(t, []string{"-dev", "-port=5001"}, []string{"AZURE_TENANT_ID=" + guid1, "AZURE_CLIENT_SECRET=tops3cret", "LOG_LEVEL=debug"})
	if status != exitOK || stderr != "" {
		t.Errorf("exit status %d: %s", status, stderr)
	}
	for name, want := range map[string]shown{
		"AZURE_TENANT_ID":     {"# AZURE_TENANT_ID is chosen when the server starts", "-dev"},
		"AZURE_CLIENT_SECRET": {"# AZURE_CLIENT_SECRET is chosen when the server starts", "-dev"},
		"ALLOWED_TENANTS":     {"# ALLOWED_TENANTS is chosen when the server starts", "-dev"},
		"LISTEN_ADDR":         {"#LISTEN_ADDR=127.0.0.1:5001", "follows from PORT"},
		"DEBUG_ERRORS":        {"#DEBUG_ERRORS=true", "-dev"},
		"SHUTDOWN_DELAY":      {"#SHUTDOWN_DELAY=0s", "-dev"},
		"LOG_LEVEL":           {"LOG_LEVEL=debug", "environment variable LOG_LEVEL"},
	} {
		if all[name] != want {
			t.Errorf("%s: %q, want %q", name, all[name], want)
		}
	}
	if want := "# Ignored Azure settings in the environment: AZURE_CLIENT_SECRET, AZURE_TENANT_ID.\n"; !strings.Contains(stdout, want) {
		t.Errorf("not said: %s", want)
	}
	_, _, status, _, stderr = printed(t, []string{"-dev", "-azure-tenant-id", guid1, "-listen-addr=:5000"}, nil)
	if status != exitSettings || !strings.Contains(stderr, "AZURE_TENANT_ID (flag -azure-tenant-id) cannot be used with -dev") ||
		!strings.Contains(stderr, "LISTEN_ADDR must be a loopback address with -dev") {
		t.Errorf("exit status %d: %s", status, stderr)
	}
}

// Nothing is started and nobody asked: not even a port that is taken matters.
func TestPrintConfigStartsNothing(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	remote := httptest.NewUnstartedServer(http.NotFoundHandler())
	remote.Config.ConnState = func(net.Conn, http.ConnState) { asked.Add(1) }
	remote.StartTLS()
	t.Cleanup(remote.Close)
	store := filepath.Join(t.TempDir(), "mappings.db")
	for _, more := range [][]string{nil, {"MAPPING_STORE=sqlite:" + store},
		{"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=" + remote.URL, "MANAGED_IDENTITY_CLIENT_ID=" + guid1, "OBO_CREDENTIAL=secret", "ACS_CREDENTIAL=managed-identity"}} {
		environ := with(enough, "AZURE_AUTHORITY_HOST="+remote.URL, "GRAPH_BASE_URL="+remote.URL, "LISTEN_ADDR="+remote.Listener.Addr().String())
		if _, _, status, _, stderr := printed(t, nil, with(environ, more...)); status != exitOK {
			t.Errorf("%q: exit status %d: %s", more, status, stderr)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("somebody has connected: %d changes of a connection", n)
	}
	if _, err := os.Stat(store); !os.IsNotExist(err) {
		t.Errorf("the database: %v", err)
	}
}

// What keeps the server from starting shows, as far as it can without starting.
func TestPrintConfigOfAuditLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, later := filepath.Join(dir, "audit.log"), filepath.Join(dir, "later.log")
	write(t, file, "before\n")
	for _, test := range []struct {
		name, path string
		want       string // "": nothing is wrong
	}{
		{"a file", file, ""},
		{"a file to come", later, ""},
		{"a device", "/dev/null", ""},
		{"a directory", dir, "is a directory"},
		{"no directory", filepath.Join(dir, "none", "audit.log"), "no such file or directory"},
		{"a file in place of the directory", filepath.Join(file, "audit.log"), "not a directory"},
		{"a pipe", pipe(t), "it is a pipe or a socket"},
	} {
		_, _, status, _, stderr := printed(t, nil, with(enough, "AUDIT_LOG="+test.path))
		if said := strings.Contains(stderr, "\n  AUDIT_LOG cannot be opened for writing: "+test.want); said != (test.want != "") || (status == exitOK) != (test.want == "") {
			t.Errorf("%s: exit status %d: %s", test.name, status, stderr)
		}
	}
	if _, err := os.Stat(later); !os.IsNotExist(err) {
		t.Errorf("the file has been made: %v", err)
	}
}

// OpenTelemetry's variables are shown too, as comments and without what is secret.
func TestPrintConfigOfOTel(t *testing.T) {
	t.Parallel()
	all, order, status, stdout, _ := printed(t, nil, with(enough, "OTEL_SERVICE_NAME=acs", "OTEL_EXPORTER_OTLP_TRACES_HEADERS=api-key=tops3cret",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318/?sig=tops3cret", "OTEL_TRACES_SAMPLER=tops3cret", "OTEL_RESOURCE_ATTRIBUTES=", "OTEL_VENDOR_API_TOKEN=tops3cret"))
	if status != exitSettings || strings.Contains(stdout, "tops3cret") {
		t.Errorf("exit status %d:\n%s", status, stdout)
	}
	want := []shown{
		{"# OTEL_EXPORTER_OTLP_ENDPOINT is set, and not shown: it looks as if it held a secret", "environment variable OTEL_EXPORTER_OTLP_ENDPOINT"},
		{"# OTEL_EXPORTER_OTLP_TRACES_HEADERS is set, and not shown", "environment variable OTEL_EXPORTER_OTLP_TRACES_HEADERS"},
		{"#OTEL_SERVICE_NAME=acs", "environment variable OTEL_SERVICE_NAME"},
		{"# OTEL_TRACES_SAMPLER is set, and not shown: something is wrong with it", "environment variable OTEL_TRACES_SAMPLER"},
		{"# OTEL_VENDOR_API_TOKEN is set, and not shown: it looks as if it held a secret", "environment variable OTEL_VENDOR_API_TOKEN"},
	}
	var got []shown
	for _, name := range order[len(allSettings()):] {
		got = append(got, all[name])
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(shown{})); diff != "" {
		t.Error(diff)
	}
}

// A value is not shown if it looks like a secret in the wrong place, or fits on no line.
func TestPrintConfigHides(t *testing.T) {
	t.Parallel()
	const secret, line = ": it looks as if it held a secret", ": no line can hold it"
	for _, test := range []struct{ name, text, why string }{ // why "": it is shown
		{"a word", "api://keyboard", ""},
		{"an at sign in a path", "https://a.example/@b", ""},
		{"in quotes", `"api://a"`, ""},
		{"a private key", "-----BEGIN PRIVATE KEY-----", secret},
		{"user information", "https://me:pw@a.example", secret},
		{"a key", "AccountKey=x", secret},
		{"a secret", "client_secret=x", secret},
		{"a password", "password = x", secret},
		{"a password of ODBC's", "PWD=x", secret},
		{"a shared access signature", "https://a.example/?sig=x", secret},
		{"a signature", "signature=x", secret},
		{"a token by its name", "access_token=x", secret},
		{"a secret of Entra ID", "abc8Q~x", secret},
		{"a token", "eyJhbGciOiJ.x", secret},
		{"two lines", "a\nb", line},
	} {
		all, _, _, _, _ := printed(t, nil, with(enough, "ALLOWED_AUDIENCES="+test.text, "OTEL_SERVICE_NAME="+test.text))
		want, wantOTel := "ALLOWED_AUDIENCES="+asFileValue(test.text), "#OTEL_SERVICE_NAME="+test.text
		if test.name == "in quotes" {
			want = `ALLOWED_AUDIENCES=""api://a""`
		}
		if test.why != "" {
			want, wantOTel = "# ALLOWED_AUDIENCES is set, and not shown"+test.why, "# OTEL_SERVICE_NAME is set, and not shown"+test.why
		}
		if all["ALLOWED_AUDIENCES"].line != want || all["OTEL_SERVICE_NAME"].line != wantOTel {
			t.Errorf("%s: %q, %q; want %q, %q", test.name, all["ALLOWED_AUDIENCES"].line, all["OTEL_SERVICE_NAME"].line, want, wantOTel)
		}
	}
	for _, name := range []string{"OTEL_X_PASSWORD", "OTEL_X_SECRET", "OTEL_X_TOKEN", "OTEL_X_API_KEY"} {
		all, _, _, _, _ := printed(t, nil, with(enough, name+"=x"))
		if want := "# " + name + " is set, and not shown" + secret; all[name].line != want {
			t.Errorf("%q, want %q", all[name].line, want)
		}
	}
}

// A name that no line can hold is not shown, and what is printed must be readable.
func TestPrintConfigOfOddFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "two\nlines")
	write(t, path, key1)
	all, _, _, _, _ := printed(t, nil, with(enough, "GRAPH_MAPPING_KEYS=", "GRAPH_MAPPING_KEYS_FILE="+path))
	if want := "# GRAPH_MAPPING_KEYS is set, and not shown: 1 of them"; all["GRAPH_MAPPING_KEYS"].line != want {
		t.Errorf("%q, want %q", all["GRAPH_MAPPING_KEYS"].line, want)
	}
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"-print-config"}, enough, fullDisk{}, &stderr); status != exitFailure {
		t.Errorf("exit status %d: %s", status, &stderr)
	}
}
