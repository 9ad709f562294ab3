//go:build linux

package check_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// notingGo is a go command that builds nothing. It writes down which of its settings are
// not the default, and whatever else of the environment gets into an archive.
const notingGo = `#!/bin/sh
set -eu
case $1 in
install)
	mkdir -p "$GOBIN"
	printf '#!/bin/sh\nexit 0\n' >"$GOBIN/cyclonedx-gomod"
	chmod +x "$GOBIN/cyclonedx-gomod" ;;
build)
	{ "$REAL_GO" env -changed; env; } |
		grep -E '^(GO(386|AMD64|ARM64|DEBUG|EXPERIMENT|FIPS140|FLAGS|OS|ARCH|TOOLCHAIN|WORK|111MODULE)|CGO_ENABLED|TZ|LC_ALL|GZIP|TAR_OPTIONS)=' |
		sort -u >>"$NOTES" ;;
*)
	exit 64 ;;
esac
`

// notes runs build.sh in a repository of its own, and returns what the go command saw.
func notes(t *testing.T, settings string, environment ...string) string {
	t.Helper()
	dir := t.TempDir()
	clone, written := filepath.Join(dir, "clone"), filepath.Join(dir, "notes")
	script := string(must(os.ReadFile(moduleRoot + "/deploy/release/build.sh"))(t))
	for path, content := range map[string]string{
		"clone/deploy/release/build.sh": script, "clone/LICENSE.md": "", "clone/README.md": "", "clone/CHANGELOG.md": "",
		"clone/go.mod": "module example\n", "bin/go": notingGo, "go-env": settings,
		"go.work": "go 1.24\n\nuse ./clone\n", // of somebody who works on several modules
	} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	real := must(exec.LookPath("go"))(t)
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir = clone
		cmd.Env = append([]string{
			"PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "TARGETS=linux/amd64",
			"NOTES=" + written, "REAL_GO=" + real, "GOENV=" + filepath.Join(dir, "go-env"),
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
		}, environment...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
	}
	run("git", "init", "--quiet")
	run("git", "add", ".")
	run("git", "commit", "--quiet", "--message=everything")
	run("deploy/release/build.sh", filepath.Join(dir, "dist"))
	return string(must(os.ReadFile(written))(t))
}

// The bytes of a release do not depend on whose machine builds it: nothing that its
// owner has set up reaches the compiler, nor what packs the archives.
func TestReleaseIgnoresSettings(t *testing.T) {
	t.Parallel()
	want := notes(t, "")
	for _, setting := range []string{"CGO_ENABLED=0", "GOARCH=amd64", "GOOS=linux", "GOTOOLCHAIN=local", "GOWORK=off"} {
		if !strings.Contains(want, setting+"\n") {
			t.Errorf("the script does not say %s:\n%s", setting, want)
		}
	}
	for name, test := range map[string]struct {
		settings    string // of go env -w
		environment []string
	}{
		"go env -w": {settings: "GOFLAGS=-tags=mine\nGOAMD64=v3\nGOEXPERIMENT=jsonv2\nGOTOOLCHAIN=auto\nGOFIPS140=latest\nCGO_ENABLED=1\n"},
		"environment": {environment: []string{
			"GOFLAGS=-tags=mine", "GOAMD64=v3", "GOEXPERIMENT=jsonv2", "GOTOOLCHAIN=auto", "GOFIPS140=latest", "CGO_ENABLED=1",
			"GODEBUG=panicnil=1", "GO111MODULE=auto", "TAR_OPTIONS=--sort=none", "GZIP=-1", "TZ=Asia/Tokyo", "LC_ALL=C.UTF-8",
		}},
	} {
		if diff := cmp.Diff(want, notes(t, test.settings, test.environment...)); diff != "" {
			t.Errorf("%s: without (-) and with (+) settings:\n%s", name, diff)
		}
	}
}
