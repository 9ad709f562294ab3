package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// A row says what a setting does: its default, what value yields, and values that
// are refused.
type row struct {
	name      string
	get       func(*settings) any
	fallback  any
	value     string
	want      any
	malformed []string
}

const (
	guid1 = "aaaaaaaa-1111-4222-8333-444444444444"
	guid2 = "bbbbbbbb-1111-4222-8333-444444444444"
	key1  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	key2  = "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj9AQUJDREVGR0hJSktMTU5P" // 48 bytes: without padding
)

// The malformed values are recognisable, so that reports can be searched for them.
var table = []row{
	{"AZURE_TENANT_ID", func(s *settings) any { return s.tenantID }, "", guid1, guid1, []string{"m4lformed"}},
	{"AZURE_CLIENT_ID", func(s *settings) any { return s.clientID }, "", guid1, guid1, []string{"m4lformed"}},
	{"AZURE_CLIENT_SECRET", func(s *settings) any { return s.clientSecret.Reveal() }, "", "tops3cret", "tops3cret", nil},
	{"AZURE_CLIENT_CERTIFICATE_PATH", func(s *settings) any { return s.certificatePath }, "", "/x/app.pem", "/x/app.pem", []string{"/m4lformed"}},
	{"AZURE_FEDERATED_TOKEN_FILE", func(s *settings) any { return s.federatedTokenFile }, "", "/x/token", "/x/token", []string{"/m4lformed"}},
	{"MANAGED_IDENTITY_CLIENT_ID", func(s *settings) any { return s.managedIdentity }, "", strings.ToUpper(guid1), guid1, []string{"m4lformed", "{" + guid1 + "}"}},
	{"OBO_CREDENTIAL", func(s *settings) any { return s.oboCredential }, "", "managed-identity", "managed-identity", []string{"m4lformed", "none"}},
	{"AZURE_CLOUD", func(s *settings) any { return s.cloud }, "public", "china", "china", []string{"m4lformed"}},
	{"AZURE_AUTHORITY_HOST", func(s *settings) any { return s.authorityHost }, "https://login.microsoftonline.com",
		"https://login.example", "https://login.example", []string{"m4lformed", "http://m4lformed.example", "https://m4lformed.example/tenant", "https://me:m4lformed@m4lformed.example"}},
	{"REQUIRED_SCOPE", func(s *settings) any { return s.requiredScope }, "access_as_user", "chat", "chat", []string{"m4l formed"}},
	{"ALLOWED_AUDIENCES", func(s *settings) any { return s.audiences }, []string(nil), "api://a, api://b", []string{"api://a", "api://b"}, []string{","}},
	{"ALLOWED_CLIENT_IDS", func(s *settings) any { return s.allowedClients }, []string(nil), guid1 + "," + guid2, []string{guid1, guid2}, []string{"m4lformed", ",", "<m4lformed>"}},
	{"ALLOWED_TENANTS", func(s *settings) any { return s.allowedTenants }, []string(nil), guid1 + "," + guid2, []string{guid1, guid2}, []string{"m4lformed", ",", "*," + guid1}},

	{"ACS_CONNECTION_STRING", func(s *settings) any { return s.acsConnectionString.Reveal() }, "", "endpoint=https://a/;accesskey=Zm9v", "endpoint=https://a/;accesskey=Zm9v",
		[]string{"m4lformed", "endpoint=https://a/", "endpoint=https://a/;accesskey=m4lformed!"}},
	{"ACS_ENDPOINT", func(s *settings) any { return s.acsEndpoint }, "", "https://a", "https://a", []string{"m4lformed", "https://a/m4lformed"}},
	{"ACS_CREDENTIAL", func(s *settings) any { return s.acsCredential }, "", "secret", "secret", []string{"m4lformed"}},
	{"ACS_ENTRA_SCOPE", func(s *settings) any { return s.acsEntraScope }, "https://communication.azure.com//.default", "https://x/.default", "https://x/.default", []string{"m4l formed", "https://me:m4lformed@x/.default"}},
	{"ACS_RESOURCE_ID", func(s *settings) any { return s.acsResourceID }, "", guid1, guid1, []string{"m4lformed"}},
	{"ACS_TOKEN_SCOPES", func(s *settings) any { return s.acsTokenScopes }, []string{"chat", "voip"}, "chat.join,voip.join", []string{"chat.join", "voip.join"},
		[]string{"m4lformed", "chat,chat", ","}},
	{"ACS_TOKEN_TTL", func(s *settings) any { return s.acsTokenTTL }, time.Duration(0), "90m", 90 * time.Minute, []string{"m4lformed", "0", "59m", "25h", "61m1s"}},
	{"ACS_API_VERSION", func(s *settings) any { return s.acsAPIVersion }, "2023-10-01", "2024-01-01", "2024-01-01", []string{"m4lformed", "2021-03-07"}},
	{"TEAMS_CLIENT_IDS", func(s *settings) any { return s.teamsClients }, []string(nil), guid1, []string{guid1}, []string{"m4lformed", ","}},

	{"MAPPING_STORE", func(s *settings) any { return s.mappingStore }, "graph", "memory", "memory",
		[]string{"m4lformed", "sqlite:", "postgres://", "postgres://a:m4l%formed@host/db", "tables:m4lformed", "tables:AccountName=m4lformed"}},
	{"GRAPH_BASE_URL", func(s *settings) any { return s.graphBaseURL }, "https://graph.microsoft.com/v1.0", "https://g/v1.0", "https://g/v1.0", []string{"m4lformed", "ftp://m4lformed", "https://me:m4lformed@g/v1.0", "https://g/v1.0?m4l"}},
	{"GRAPH_SCOPE", func(s *settings) any { return s.graphScope }, "https://graph.microsoft.com/.default", "https://g/.default", "https://g/.default", []string{"m4l formed", "openid"}},
	{"GRAPH_EXTENSION_NAME", func(s *settings) any { return s.extensionName }, "com.contoso.identityMapping", "com.example.map", "com.example.map", []string{"1m4lformed", "com.microsoft.m4lformed"}},
	{"GRAPH_MAPPING_KEYS", func(s *settings) any { return len(s.mappingKeys) }, 0, key1 + ",\t" + key2, 2,
		[]string{"m4lformed", "bTRsZm9ybWVk", key1 + "," + key1, ",", key1[:43] + "\n=", key1[:20] + " " + key1[20:]}},
	{"GRAPH_UNSIGNED_MAPPINGS", func(s *settings) any { return s.unsignedMappings }, "refuse", "trust", "trust", []string{"m4lformed", "trust"}},
	{"GRAPH_ADOPT_UNTIL", func(s *settings) any { return s.adoptUntil }, time.Time{}, "2027-01-31T00:00:00Z", time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC),
		[]string{"m4lformed", "2027-01-31", "2027-01-31T00:00:00Z"}},
	{"MAPPING_CACHE_TTL", func(s *settings) any { return s.mappingTTL }, time.Minute, "0", time.Duration(0), []string{"m4lformed", "-1s", "60"}},
	{"AUTO_PROVISION", func(s *settings) any { return s.autoProvision }, false, "true", true, []string{"m4lformed"}},
	{"REPLACE_FOREIGN_IDENTITY", func(s *settings) any { return s.replaceForeign }, false, "true", true, []string{"m4lformed"}},

	{"LISTEN_ADDR", func(s *settings) any { return s.listenAddr }, ":5000", "127.0.0.1:80", "127.0.0.1:80", []string{"m4lformed", "5000", "a:http", ":70000", "<m4lformed:5000>"}},
	{"PORT", func(s *settings) any { return s.listenAddr }, ":5000", "8080", ":8080", []string{"m4lformed", "70000", ":80"}},
	{"ADMIN_ADDR", func(s *settings) any { return s.adminAddr }, "", "127.0.0.1:5050", "127.0.0.1:5050", []string{"m4lformed", "5050"}},
	{"METRICS", func(s *settings) any { return s.metrics }, false, "true", true, []string{"m4lformed"}},
	{"TLS_CERT_FILE", func(s *settings) any { return s.tlsCertFile }, "", "/x/tls.crt", "/x/tls.crt", nil},
	{"TLS_KEY_FILE", func(s *settings) any { return s.tlsKeyFile }, "", "/x/tls.key", "/x/tls.key", nil},
	{"CORS_ALLOWED_ORIGINS", func(s *settings) any { return s.corsOrigins }, []string(nil), "https://a.example, http://localhost:3000", []string{"https://a.example", "http://localhost:3000"},
		[]string{"m4lformed", "*", "https://*.m4lformed.example", "https://m4lformed.example/", "https://M4lformed.example", "https://m4lformed.example:443", "http://m4lformed.example:80", "https://m4lformed.example:", "https://m4lformed.example:08443", "https://m4lformed.example:70000", "https://m4lförmed.example", "https://:8443", "ftp://m4lformed.example", ",", "<m4lformed>"}},
	{"RATE_LIMIT_PER_USER", func(s *settings) any { return [2]float64{s.userRate.perSecond, float64(s.userRate.burst)} }, [2]float64{20, 40}, "90/m, burst=30", [2]float64{1.5, 30}, []string{"m4lformed", "20/s", "20/h,burst=1", "0/s,burst=1", "1/s,burst=0", "-1/s,burst=1"}},
	{"MAX_CONCURRENT_REQUESTS", func(s *settings) any { return s.maxRequests }, 4096, "10", 10, []string{"m4lformed", "0"}},
	{"MAX_CONCURRENT_PER_UPSTREAM", func(s *settings) any { return s.maxPerUpstream }, 256, "10", 10, []string{"m4lformed", "0"}},
	{"CACHE_MAX_ENTRIES", func(s *settings) any { return s.cacheMaxEntries }, 100_000, "5000", 5000, []string{"m4lformed", "15", "-1", "1e6"}},
	{"CACHE_MAX_BYTES", func(s *settings) any { return s.cacheMaxBytes }, int64(256 << 20), "1GiB", int64(1 << 30), []string{"m4lformed", "1", "1MB", "KiB", "-1MiB", "9999999999GiB", "17179869185GiB", "-17179869183GiB", "1MiBMiB"}},
	{"REQUEST_TIMEOUT", func(s *settings) any { return s.requestTimeout }, 30 * time.Second, "1m", time.Minute, []string{"m4lformed", "0", "-1s"}},
	{"UPSTREAM_TIMEOUT", func(s *settings) any { return s.upstreamTimeout }, 10 * time.Second, "3s", 3 * time.Second, []string{"m4lformed", "0", "2000000h"}},
	{"LOG_LEVEL", func(s *settings) any { return s.logLevel }, slog.LevelInfo, "debug", slog.LevelDebug, []string{"m4lformed", "INFO"}},
	{"LOG_FORMAT", func(s *settings) any { return s.logFormat }, "", "text", "text", []string{"m4lformed"}},
	{"DEBUG_ERRORS", func(s *settings) any { return s.debugErrors }, false, "true", true, []string{"m4lformed"}},
	{"SHUTDOWN_DELAY", func(s *settings) any { return s.shutdownDelay }, 5 * time.Second, "0s", time.Duration(0), []string{"m4lformed", "-1s", "2562047h47m16s"}},
	{"AUDIT_LOG", func(s *settings) any { return s.auditLog }, "stderr", "./audit.log", "./audit.log", []string{"m4lformed", "STDOUT", "/m4lformed/audit.log", "<m4lformed>"}},
	{"SHUTDOWN_TIMEOUT", func(s *settings) any { return s.shutdownTimeout }, 30 * time.Second, "1m", time.Minute, []string{"m4lformed", "28s", "0"}},
}

// enough are the fewest settings with which a server starts.
var enough = []string{
	"AZURE_TENANT_ID=" + guid1, "AZURE_CLIENT_ID=" + guid2, "AZURE_CLIENT_SECRET=tops3cret",
	"ACS_CONNECTION_STRING=endpoint=https://contoso.communication.azure.com/;accesskey=Zm9v",
	"GRAPH_MAPPING_KEYS=" + key1,
}

// with returns environment variables of which later ones replace earlier ones.
func with(environ []string, more ...string) []string {
	return append(append([]string(nil), environ...), more...)
}

// fileLayer is the layer of a file, whatever is wrong with it.
func fileLayer(path string) source.Layer {
	file, _ := source.File(path, knownNames())
	return file
}

func rowOf(t *testing.T, st setting) row {
	t.Helper()
	for _, r := range table {
		if r.name == st.name {
			return r
		}
	}
	t.Fatalf("%s is not in the table of this test", st.name)
	return row{}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for _, st := range allSettings() {
		t.Run(st.name, func(t *testing.T) {
			t.Parallel()
			r := rowOf(t, st)
			get := func(layers ...source.Layer) any { return r.get(load(layers, false, new(problems))) }
			expect := func(from string, got, want any) {
				t.Helper()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s:\n%s", from, diff)
				}
			}
			env := func(name, text string) source.Layer { return source.Environment([]string{name + "=" + text}) }
			file := func(name, text string) source.Layer {
				path := filepath.Join(t.TempDir(), "server.env")
				if err := os.WriteFile(path, []byte(name+"=\""+text+"\"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				return fileLayer(path)
			}

			expect("default", get(), r.fallback)
			expect("environment", get(env(st.name, r.value)), r.want)
			expect("surrounded by spaces", get(env(st.name, " "+r.value+" ")), r.want)
			expect("empty", get(env(st.name, "")), r.fallback)
			expect("file", get(file(st.name, r.value)), r.want)
			expect("environment before file", get(env(st.name, r.value), file(st.name, "other")), r.want)
			expect("file after empty environment", get(env(st.name, " "), file(st.name, r.value)), r.want)
			for _, alias := range st.aliases {
				expect(alias, get(env(alias, r.value)), r.want)
				expect(alias+" in the file", get(file(alias, r.value)), r.want)
			}
			if st.secret {
				path := filepath.Join(t.TempDir(), "secret")
				if err := os.WriteFile(path, []byte(r.value+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				expect("NAME_FILE", get(env(st.name+"_FILE", path)), r.want)
				expect("NAME_FILE in the file", get(file(st.name+"_FILE", path)), r.want)
				return
			}
			c := parseArgs([]string{"-" + st.flag() + "=" + r.value}, new(problems))
			expect("flag", get(c.flags), r.want)
			expect("flag before environment", get(c.flags, env(st.name, "other")), r.want)
			if !st.boolean {
				c = parseArgs([]string{"--" + st.flag(), r.value}, new(problems))
				expect("flag with its value apart", get(c.flags), r.want)
			}
		})
	}
}

// Every malformed value stops the start. The report names its setting, and repeats
// neither it nor a secret.
func TestMalformedSettings(t *testing.T) {
	t.Parallel()
	for _, st := range allSettings() {
		for _, malformed := range rowOf(t, st).malformed {
			t.Run(st.name+"="+malformed, func(t *testing.T) {
				t.Parallel()
				environ := with(enough, st.name+"="+malformed)
				switch st.name {
				case "ACS_ENDPOINT":
					environ = with(environ, "ACS_CONNECTION_STRING=")
				case "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE", "MANAGED_IDENTITY_CLIENT_ID":
					environ = with(environ, "AZURE_CLIENT_SECRET=")
				}
				report := reportOf(t, nil, environ)
				if !strings.Contains(report, "\n  "+st.name) || !strings.Contains(report, "example: "+st.name+"=") ||
					strings.Count(report, "example: ") != 1 {
					t.Errorf("the report does not name %s alone, with an example:\n%s", st.name, report)
				}
				for _, hidden := range []string{"m4l", "tops3cret", key1} {
					if strings.Contains(report, hidden) {
						t.Errorf("the report repeats %q:\n%s", hidden, report)
					}
				}
			})
		}
	}
}

// A mistake is reported today, whatever it is of use for today.
func TestGraphSettingsOfAnotherStore(t *testing.T) {
	t.Parallel()
	for malformed, want := range map[string]string{
		"GRAPH_MAPPING_KEYS=aGk=":                          "GRAPH_MAPPING_KEYS has keys of no use: number 1 has 2 bytes, and needs at least 32 random ones\n",
		"GRAPH_MAPPING_KEYS=aGk=," + key1 + "," + key1:     "GRAPH_MAPPING_KEYS has keys of no use: number 1 has 2 bytes, and needs at least 32 random ones; number 3 repeats number 2\n",
		"GRAPH_MAPPING_KEYS=,":                             "GRAPH_MAPPING_KEYS has keys of no use: there are none\n",
		"GRAPH_EXTENSION_NAME=com.microsoft bad name":      "GRAPH_EXTENSION_NAME must be a letter, followed by",
		"GRAPH_EXTENSION_NAME=com.onmicrosoft.contoso.map": "GRAPH_EXTENSION_NAME must not begin with com.microsoft or",
	} {
		for _, store := range []string{storeMemory, storeGraph} {
			report := reportOf(t, nil, with(enough, "MAPPING_STORE="+store, malformed))
			if !strings.Contains(report, "because 1 thing is wrong") || !strings.Contains(report, "\n  "+want) {
				t.Errorf("%s with %s: want %q in\n%s", malformed, store, want, report)
			}
		}
	}
}

// reportOf runs a program that must not start, and returns what it reports.
func reportOf(t *testing.T, args, environ []string) (report string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	// Whatever starts in spite of all ends at once.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := run(ctx, args, environ, &stdout, &stderr); status != exitSettings {
		t.Errorf("exit status %d, want %d", status, exitSettings)
	}
	if stdout.Len() > 0 {
		t.Errorf("printed to standard output:\n%s", &stdout)
	}
	return stderr.String()
}
