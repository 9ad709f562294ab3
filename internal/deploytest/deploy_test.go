package deploytest_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	moduleRoot = "../.."
	repository = "Azure-Samples/communication-services-authentication-hero-go"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// deployFiles returns the text of every file in deploy/, but for the Go code that
// checks them, and for what git does not keep.
func deployFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(moduleRoot), "deploy", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "deploy/check" || entry.Name() == "secrets"):
			return fs.SkipDir
		case !entry.IsDir() && entry.Name() != ".env":
			files[name] = read(t, name)
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("deploy/ cannot be read: %v", err)
	}
	return files
}

// documentedSettings returns the names in docs/settings.md, and NAME_FILE of secrets.
func documentedSettings(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	row := regexp.MustCompile("(?m)^\\| (`[A-Z][A-Z0-9_]+`(?:, `[A-Z][A-Z0-9_]+`)*)( S)? \\|")
	name := regexp.MustCompile(`[A-Z][A-Z0-9_]+`)
	for _, match := range row.FindAllStringSubmatch(read(t, "docs/settings.md"), -1) {
		for _, setting := range name.FindAllString(match[1], -1) {
			known[setting] = true
			if match[2] != "" {
				known[setting+"_FILE"] = true
			}
		}
	}
	if len(known) < 20 {
		t.Fatalf("docs/settings.md has only %d settings", len(known))
	}
	return known
}

// others are names in deploy/ that are not the server's.
var others = map[string][]string{
	"the go command":             {"CGO_ENABLED", "GOAMD64", "GOARCH", "GOBIN", "GOCACHE", "GODEBUG", "GOENV", "GOEXPERIMENT", "GOFIPS140", "GOFLAGS", "GOOS", "GOTOOLCHAIN", "GOWORK"},
	"the runtime of Go":          {"GOMEMLIMIT"},
	"the image of PostgreSQL":    {"POSTGRES_DB", "POSTGRES_PASSWORD_FILE", "POSTGRES_USER"},
	"reproducible-builds.org":    {"SOURCE_DATE_EPOCH"},
	"bash":                       {"BASH_SOURCE", "LC_ALL", "POSIXLY_CORRECT"},
	"GNU tar":                    {"TAR_OPTIONS"},
	"Compose, for a health test": {"CMD"},
}

// TestSettingNames: whatever in deploy/ looks like a setting is one. A name with a
// slip would be ignored by the server, in silence.
func TestSettingNames(t *testing.T) {
	t.Parallel()
	known := documentedSettings(t)
	for _, names := range others {
		for _, name := range names {
			known[name] = true
		}
	}
	for _, name := range regexp.MustCompile(`\bOTEL_[A-Z_]+[A-Z]\b`).FindAllString(read(t, "docs/settings.md"), -1) {
		known[name] = true // of OpenTelemetry's SDK; the server and the page know a part of them
	}
	// Names with an underscore anywhere, and all names where only settings stand: in
	// files of NAME=value lines, in "environment" of Compose, in "env" of Azure.
	patterns := []*regexp.Regexp{
		regexp.MustCompile(`\b()([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b`),
		regexp.MustCompile(`(?m)^( *)([A-Z][A-Z0-9]+)(?:=|: )`),
		regexp.MustCompile(`("name": ")([A-Z][A-Z0-9]+)"`),
	}
	found := 0
	for file, text := range deployFiles(t) {
		for _, pattern := range patterns {
			for _, match := range pattern.FindAllStringSubmatch(text, -1) {
				name := match[2]
				if name == "TARGETS" && strings.HasSuffix(file, ".sh") {
					continue // the script's own
				}
				found++
				if !known[name] {
					t.Errorf("%s: there is no setting %s in docs/settings.md", file, name)
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d settings were found", found)
	}
}

// TestOneBuild: the image and the archives are built by the same compiler with the
// same flags, so that they have the same programs in them.
func TestOneBuild(t *testing.T) {
	t.Parallel()
	dockerfile, workflow := read(t, "deploy/docker/Dockerfile"), read(t, ".github/workflows/release.yml")
	base := regexp.MustCompile(`golang:(\d+\.\d+\.\d+)-`).FindStringSubmatch(dockerfile)
	version := regexp.MustCompile(`GO_VERSION: "(\S+)"`).FindStringSubmatch(workflow)
	if base == nil || version == nil || base[1] != version[1] {
		t.Errorf("the image is built with Go %q, the archives with Go %q", base, version)
	}
	flags := regexp.MustCompile(`go build (.*) -o `)
	image, archive := flags.FindStringSubmatch(dockerfile), flags.FindStringSubmatch(read(t, "deploy/release/build.sh"))
	if image == nil || archive == nil || image[1] != archive[1] {
		t.Errorf("the image is built with %q, the archives with %q", image, archive)
	}
}

// TestDeployButton: the button leads to the template that is in this repository.
func TestDeployButton(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/deploy-to-azure.md")
	link := regexp.MustCompile(`\]\(https://portal\.azure\.com/#create/Microsoft\.Template/uri/([^)]+)\)`).FindStringSubmatch(page)
	if link == nil {
		t.Fatal("docs/deploy-to-azure.md has no button")
	}
	got, err := url.QueryUnescape(link[1])
	if want := "https://raw.githubusercontent.com/" + repository + "/main/deploy/azure/azuredeploy.json"; err != nil || got != want || strings.Contains(link[1], "/") {
		t.Errorf("the button leads to %q, want %q, all of it escaped", got, want)
	}
	read(t, "deploy/azure/azuredeploy.json")
}

// TestScriptsAreExecutable: they are called by their name.
func TestScriptsAreExecutable(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob(filepath.Join(moduleRoot, "deploy", "*", "*.sh"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	if os.PathSeparator != '/' {
		return // the bit is in git, not in this file system
	}
	for _, script := range scripts {
		info, err := os.Stat(script)
		if err != nil || info.Mode()&0o111 == 0 {
			t.Errorf("%s is not executable: %v", script, err)
		}
	}
}
