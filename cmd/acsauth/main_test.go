package main

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// asTool in the environment makes the test binary the program itself, for what only a
// process of its own can show.
const asTool = "ACSAUTH_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asTool) != "" {
		main()
	}
	os.Exit(m.Run())
}

// What Azure's SDK would print if it was asked to is not printed: people's ids are in
// the addresses of their mappings.
func TestAzureSDKIsSilent(t *testing.T) {
	t.Parallel()
	tables := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "s3cret", http.StatusForbidden) }))
	defer tables.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program, "prepare")
	c.Env = []string{asTool + "=1", "AZURE_SDK_GO_LOGGING=all", "ACS_CONNECTION_STRING=" + resource,
		"MAPPING_STORE=tables:AccountName=a;AccountKey=a2V5;TableEndpoint=" + tables.URL}
	output, _ := c.CombinedOutput()
	text := string(output)
	if c.ProcessState.ExitCode() != exitUsage || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "acsauth: tablemap: ") || strings.Contains(text, "s3cret") {
		t.Errorf("%v, printed:\n%s", c.ProcessState, text)
	}
}

// A world is an ACS resource, a SQLite file, and the environment that names both.
type world struct {
	testing.TB
	cloud *cloud.Cloud
	env   map[string]string
}

func newWorld(t testing.TB) *world {
	t.Helper()
	c, err := cloud.Start(cloud.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	w := &world{TB: t, cloud: c, env: map[string]string{"ACS_CONNECTION_STRING": c.ACS.ConnectionString()}}
	return w.elsewhere()
}

// elsewhere returns the world with another SQLite file, which is prepared.
func (w *world) elsewhere() *world {
	w.Helper()
	other := &world{TB: w.TB, cloud: w.cloud, env: maps.Clone(w.env)}
	other.env["MAPPING_STORE"] = "sqlite:" + filepath.Join(w.TempDir(), "mappings.db")
	other.succeed("prepare")
	return other
}

// A result is what a run of the program comes to.
type result struct {
	Status         int
	Stdout, Stderr string
}

// run runs the program, whose output must not have the access key.
func (w *world) run(stdin string, args ...string) result {
	w.Helper()
	r := runIn(w, w.env, stdin, args...)
	_, key, _ := strings.Cut(w.cloud.ACS.ConnectionString(), "accesskey=")
	if key == "" || strings.Contains(r.Stdout+r.Stderr, key) {
		w.Errorf("acsauth %q prints the access key: %+v", args, r)
	}
	return r
}

// runIn runs the program with nothing but env around it. Only w's cloud is reached.
func runIn(w *world, env map[string]string, stdin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	t := &tool{
		environ: environOf(env),
		stdin:   strings.NewReader(stdin), stdout: &stdout, stderr: &stderr,
		httpClient: w.cloud.HTTPClient(),
	}
	status := t.run(w.Context(), append([]string{"acsauth"}, args...))
	return result{status, stdout.String(), stderr.String()}
}

func environOf(env map[string]string) (environ []string) {
	for name, text := range env {
		environ = append(environ, name+"="+text)
	}
	return environ
}

// succeed runs the program, and returns what it wrote to standard output.
func (w *world) succeed(args ...string) string {
	w.Helper()
	r := w.run("", args...)
	if r.Status != exitOK {
		w.Fatalf("acsauth %q: %+v", args, r)
	}
	return r.Stdout
}

// store opens the store, to look at it and to fill it.
func (w *world) store() *stores.Store {
	w.Helper()
	identities, err := acsidentity.New(acsidentity.Config{ConnectionString: w.env["ACS_CONNECTION_STRING"]})
	if err != nil {
		w.Fatal(err)
	}
	store, err := stores.Open(w.env["MAPPING_STORE"], stores.Options{Resource: identities.Host()})
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = store.Close() })
	return store
}

func (w *world) mapTo(u acsauth.User, acsID string) {
	w.Helper()
	if err := w.store().Create(w.Context(), u, acsID); err != nil {
		w.Fatal(err)
	}
}

// mapped returns which identity each user has, by tenant and object id.
func (w *world) mapped() map[acsauth.Mapping]string {
	w.Helper()
	found := map[acsauth.Mapping]string{}
	for m, err := range w.store().Mappings(w.Context()) {
		if err != nil {
			w.Fatal(err)
		}
		found[acsauth.Mapping{TenantID: m.TenantID, ObjectID: m.ObjectID}] = m.ACSID
	}
	return found
}

// open returns the ids of the open entries, the oldest first.
func (w *world) open() (ids []string) {
	w.Helper()
	for e, err := range w.store().OpenEntries(w.Context(), acsauth.User{}, time.Now().Add(time.Hour)) {
		if err != nil {
			w.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

// The mistakes of the command line are told in one line on standard error, and end
// with status 2. Nothing is done.
func TestUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cloud.ResetCalls()
	for _, test := range []struct{ args, want string }{
		{"frob", "there is no such command; see acsauth --help"},
		{"--min-age=tops3cret", "flag provided but not defined: -min-age"},
		{"--frob", "flag provided but not defined: -frob"},
		{"help frob", "there is no help on that; see acsauth --help"},
		{"prepare now", "prepare takes no arguments, besides flags"},
		{"prepare --frob", "flag provided but not defined: -frob"},
		{"reconcile now", "reconcile takes no arguments, besides flags"},
		{"reconcile --frob", "flag provided but not defined: -frob"},
		{"reconcile --min-age 5", "--min-age cannot have the value that it has; see --help"},
		{`reconcile --min-age tops3cret"for\flag`, "--min-age cannot have the value that it has; see --help"},
		{"reconcile --min-age 0s", "--min-age must be positive, such as 1m"},
		{"reconcile --min-age -1m", "--min-age must be positive, such as 1m"},
		{"reconcile --json=maybe", "--json cannot have the value that it has; see --help"},
		{"export mappings.jsonl", "export takes no arguments, besides flags"},
		{"export --json", "flag provided but not defined: -json"},
		{"import mappings.jsonl", "import takes no arguments, besides flags"},
		{"import --frob", "flag provided but not defined: -frob"},
		{"export --config no/such.env", "the file of -config cannot be read: no such file or directory"},
		{"export --config=", "--config cannot have the value that it has; see --help"},
		{"export --config a --config b", "--config cannot have the value that it has; see --help"},
		{"import --input", "flag needs an argument: --input"},
		{"import --input no/such.jsonl", "the file of --input cannot be read: no such file or directory"},
	} {
		want := result{Status: exitUsage, Stderr: "acsauth: " + test.want + "\n"}
		if diff := cmp.Diff(want, w.run("", strings.Fields(test.args)...)); diff != "" {
			t.Errorf("acsauth %s:\n%s", test.args, diff)
		}
	}
	if n := w.cloud.CallCount(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// Help and version need no settings, and are what was asked for: standard output.
func TestHelp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		args string
		want []string
	}{
		{"", []string{"prepare", "reconcile", "export", "import", "MAPPING_STORE_FILE", "ACS_CONNECTION_STRING_FILE", "ACS_ENDPOINT"}},
		{"--help", []string{"prepare", "reconcile", "export", "import"}},
		{"-h", []string{"prepare", "reconcile", "export", "import"}},
		{"help", []string{"prepare", "reconcile", "export", "import"}},
		{"help import", []string{"--input FILE", "--dry-run", "--json"}},
		{"prepare --help", []string{"tables", "MAPPING_STORE"}},
		{"reconcile --help", []string{"--dry-run", "--json", "--drop-unknown", "--min-age duration", "(default: 53s)", "MAPPING_STORE"}},
		{"export --help", []string{"JSON lines", "--allow-empty", "MAPPING_STORE", "ACS_CONNECTION_STRING", "ACS_ENDPOINT", "ACS_ENTRA_SCOPE", "ACS_RESOURCE_ID", "--config FILE"}},
		{"import --help", []string{"--input FILE", "--dry-run", "--json", "--allow-foreign", "MAPPING_STORE_FILE"}},
		{"--version", []string{"acsauth version "}},
		{"-v", []string{"acsauth version "}},
		{"completion bash", []string{"acsauth"}},
	} {
		r := runIn(w, nil, "", strings.Fields(test.args)...)
		if r.Status != exitOK || r.Stderr != "" {
			t.Errorf("acsauth %s: %+v", test.args, r)
		}
		for _, want := range test.want {
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("acsauth %s has no %q:\n%s", test.args, want, r.Stdout)
			}
		}
		if strings.Count(r.Stdout, "(default: ") > 1 {
			t.Errorf("acsauth %s tells a default twice:\n%s", test.args, r.Stdout)
		}
	}
}

// Preparing can be repeated, and keeps what is there.
func TestPrepare(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	u := acsauth.User{TenantID: tenant, ObjectID: alice}
	w.mapTo(u, w.cloud.ACS.AddIdentity())
	before := w.mapped()
	for range 2 {
		if diff := cmp.Diff(result{}, w.run("", "prepare")); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff(before, w.mapped()); diff != "" || len(before) != 1 {
		t.Errorf("%v\n%s", before, diff)
	}
}

// A store without tables, or without its file, is told apart from an empty one by all
// that read it. None of them creates the file.
func TestNotPrepared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "mappings.db")
	w.env["MAPPING_STORE"] = "sqlite:" + file
	line := `{"tenantId":"` + tenant + `","objectId":"` + alice + `","acsUserIdentity":"` + w.cloud.ACS.AddIdentity() + `"}`
	check := func(want string) {
		t.Helper()
		for _, command := range []string{"reconcile", "reconcile --dry-run", "export", "export --allow-empty", "import", "import --dry-run"} {
			if diff := cmp.Diff(result{Status: 2, Stderr: "acsauth: " + want + "\n"}, w.run(line, strings.Fields(command)...)); diff != "" {
				t.Errorf("%s:\n%s", command, diff)
			}
		}
	}
	check("MAPPING_STORE names a file that does not exist: acsauth prepare creates it, and so does the server")
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has been created: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	check("the store's tables are missing, or not those that this program knows: run acsauth prepare")
	w.succeed("prepare")
	w.succeed("import")
}

// Those who run the program know its exit statuses as numbers.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, test := range []struct {
		name, args, stdin string
		env               map[string]string
		want              int
	}{
		{"done", "prepare", "", nil, 0},
		{"help", "--help", "", nil, 0},
		{"lines that were left out", "import", "x", nil, 1},
		{"nobody listens", "prepare", "", map[string]string{"MAPPING_STORE": "postgres://a:b@127.0.0.1:1/m"}, 1},
		{"an empty store", "export", "", nil, 2},
		{"an unknown flag", "export --frob", "", nil, 2},
		{"an unknown command", "frob", "", nil, 2},
		{"a wrong setting", "export", "", map[string]string{"MAPPING_STORE": "mysql:"}, 2},
		{"no directory for the file", "prepare", "", map[string]string{"MAPPING_STORE": "sqlite:/no/such/directory/x.db"}, 2},
	} {
		env := maps.Clone(w.env)
		maps.Copy(env, test.env)
		if r := runIn(w, env, test.stdin, strings.Fields(test.args)...); r.Status != test.want {
			t.Errorf("%s: %+v, want status %d", test.name, r, test.want)
		}
	}
}

// Whoever reads the output has all of it, or the exit status says otherwise.
func TestOutputCannotBeWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, args := range [][]string{{"reconcile"}, {"reconcile", "--json"}, {"import"}} {
		var stderr strings.Builder
		full := &tool{environ: environOf(w.env), stdin: strings.NewReader(line(alice, goodID)), stdout: fullDisk{}, stderr: &stderr, httpClient: w.cloud.HTTPClient()}
		status := full.run(t.Context(), append([]string{"acsauth"}, args...))
		if status != exitFailure || !strings.Contains(stderr.String(), "standard output cannot be written: disk full") {
			t.Errorf("%v: status %d: %s", args, status, &stderr)
		}
	}
}
