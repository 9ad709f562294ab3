//go:build linux

package check_test

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

const (
	moduleRoot = "../.."
	dockerfile = moduleRoot + "/deploy/docker/Dockerfile"
)

// certificates is where Debian keeps the authorities, in the base image and here.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// An image is what the Dockerfile says of it.
type image struct {
	build, final instructions.Stage
	entrypoint   []string
	health       []string
	uid, gid     uint32
	port         int32 // that it exposes
}

// readImage reads the Dockerfile with BuildKit's own parser.
func readImage(t *testing.T) image {
	t.Helper()
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	lint := linter.New(&linter.Config{
		Warn: func(rule, _, _, message string, at []parser.Range) {
			t.Errorf("Dockerfile:%d: %s: %s", at[0].Start.Line, rule, message)
		},
	})
	stages, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 {
		t.Fatalf("the Dockerfile has %d stages, want 2", len(stages))
	}
	img := image{build: stages[0], final: stages[1]}
	for _, command := range img.final.Commands {
		switch command := command.(type) {
		case *instructions.EntrypointCommand:
			if command.PrependShell {
				t.Fatalf("the entry point needs a shell, which is not there: %q", command.CmdLine)
			}
			img.entrypoint = command.CmdLine
		case *instructions.HealthCheckCommand:
			if command.Health.Test[0] != "CMD" {
				t.Fatalf("the health check needs a shell, which is not there: %q", command.Health.Test)
			}
			img.health = command.Health.Test[1:]
		case *instructions.UserCommand:
			img.uid, img.gid = numericUser(t, command.User)
		case *instructions.ExposeCommand:
			if len(command.Ports) != 1 || img.port != 0 {
				t.Fatalf("EXPOSE %q: the API has one port, and nobody else may call another", command.Ports)
			}
			img.port = portOf(t, ":"+command.Ports[0])
		}
	}
	if img.uid == 0 || img.entrypoint == nil || img.health == nil || img.port == 0 {
		t.Fatal("the Dockerfile has no USER, ENTRYPOINT, HEALTHCHECK or EXPOSE")
	}
	return img
}

// numericUser wants numbers, since only of these Kubernetes can tell that they are
// not root's.
func numericUser(t *testing.T, user string) (uid, gid uint32) {
	t.Helper()
	number := func(text string) uint32 {
		n, err := strconv.ParseUint(text, 10, 32)
		if err != nil || n == 0 {
			t.Fatalf("USER %s: must be two numbers that are not 0", user)
		}
		return uint32(n)
	}
	u, g, _ := strings.Cut(user, ":")
	return number(u), number(g)
}

// What the final stage consists of: the programs and the authorities.
func TestImageHasNothingElse(t *testing.T) {
	t.Parallel()
	img := readImage(t)
	if img.final.BaseName != "scratch" {
		t.Errorf("the final stage is FROM %s, want scratch", img.final.BaseName)
	}
	if !regexp.MustCompile(`^golang:\d+\.\d+\.\d+-\w+(@sha256:[0-9a-f]{64})?$`).MatchString(img.build.BaseName) {
		t.Errorf("the build stage is FROM %s: its Go must be an exact version", img.build.BaseName)
	}
	var copied []string
	for _, command := range img.final.Commands {
		switch command := command.(type) {
		case *instructions.CopyCommand:
			copied = append(copied, command.From+":"+strings.Join(command.SourcePaths, ",")+" to "+command.DestPath)
		case *instructions.AddCommand, *instructions.RunCommand, *instructions.EnvCommand, *instructions.VolumeCommand:
			t.Errorf("the final stage has a %s", command.Name())
		}
	}
	want := []string{"build:" + certificates + " to " + certificates, "build:/out/ to /"}
	if diff := cmp.Diff(want, copied); diff != "" {
		t.Errorf("the final stage copies (-want +got):\n%s", diff)
	}
}

// Of what git keeps, nothing is missing in the build context: "go build" would call
// the clone modified, and say so in the version.
func TestContextIsComplete(t *testing.T) {
	t.Parallel()
	file, err := os.Open(dockerfile + ".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(path string) bool {
		match, err := matcher.MatchesOrParentMatches(path)
		if err != nil {
			t.Fatal(err)
		}
		return match
	}
	out, err := exec.CommandContext(t.Context(), "git", "-C", moduleRoot, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if ignored(path) {
			t.Errorf("%s is not in the build context", path)
		}
	}
	for _, secret := range []string{
		"deploy/compose/.env", "deploy/compose/secrets/postgres-password", "deploy/kubernetes/overlays/mine/secrets/graph-mapping-keys",
		".env", "app.pem", "keys/app.key",
	} {
		if !ignored(secret) {
			t.Errorf("%s would get into the build context", secret)
		}
	}
}

// out is the directory that is /out/ in the build stage.
var out string

var (
	buildOnce sync.Once
	errBuild  error
)

// runBuild runs the build stage's last instruction on this machine, with the
// variables that the stage sets.
func runBuild(stage instructions.Stage) (err error) {
	out, err = os.MkdirTemp("", "acs-auth-image-")
	if err != nil {
		return err
	}
	env := append(os.Environ(), "GOFLAGS=", "GIT_OPTIONAL_LOCKS=0", "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH)
	var build string
	for _, command := range stage.Commands {
		switch command := command.(type) {
		case *instructions.EnvCommand:
			for _, pair := range command.Env {
				env = append(env, pair.String())
			}
		case *instructions.RunCommand:
			build = strings.Join(command.CmdLine, " ")
		}
	}
	cmd := exec.Command("sh", "-euc", strings.Replace(build, " /out/ ", " "+out+"/ ", 1))
	cmd.Dir, cmd.Env = moduleRoot, env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", build, err, stderr.String())
	}
	return nil
}

// programs builds what is in /out/ in the build stage, and returns the paths.
func programs(t *testing.T) []string {
	t.Helper()
	img := readImage(t)
	buildOnce.Do(func() { errBuild = runBuild(img.build) })
	if errBuild != nil {
		t.Fatal(errBuild)
	}
	paths, err := filepath.Glob(filepath.Join(out, "*"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing was built: %v", err)
	}
	return paths
}

// newContainer makes a container of the image, with a file system of its own.
func newContainer(t *testing.T) container {
	t.Helper()
	img := readImage(t)
	c := container{Root: t.TempDir(), Command: img.entrypoint, Health: img.health, UID: img.uid, GID: img.gid}
	for _, program := range programs(t) {
		if err := os.Link(program, filepath.Join(c.Root, filepath.Base(program))); err != nil {
			t.Fatal(err)
		}
	}
	authorities, err := os.ReadFile(certificates)
	if err != nil {
		t.Fatal(err)
	}
	c.put(t, certificates, string(authorities))
	// t.TempDir is for its owner only, and the container's user is another one.
	if err := os.Chmod(c.Root, 0o755); err != nil {
		t.Fatal(err)
	}
	return c
}

// The programs need nothing but the kernel, and tell what they were built from.
func TestPrograms(t *testing.T) {
	t.Parallel()
	var names []string
	for _, path := range programs(t) {
		name := filepath.Base(path)
		names = append(names, "/"+name)
		program, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, segment := range program.Progs {
			if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
				t.Errorf("%s is not static: it has a %s", name, segment.Type)
			}
		}
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		settings := map[string]string{}
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if settings["CGO_ENABLED"] != "0" || settings["-trimpath"] != "true" || settings["vcs.revision"] == "" {
			t.Errorf("%s was built with %v", name, settings)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		root, err := filepath.Abs(moduleRoot)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(root+"/")) {
			t.Errorf("%s has the path of this clone in it", name)
		}
	}
	if img := readImage(t); !slices.Contains(names, img.entrypoint[0]) {
		t.Errorf("the entry point is %s, but there are %q", img.entrypoint[0], names)
	}
}

// The image as a container: it starts with a read-only file system, as a user without
// rights, becomes healthy without a network, and ends by itself when told to.
func TestContainer(t *testing.T) {
	t.Parallel()
	c := newContainer(t)
	c.Grace = 30 * time.Second
	c.Env = []string{
		"AZURE_TENANT_ID=11111111-1111-4111-8111-111111111111",
		"AZURE_CLIENT_ID=22222222-2222-4222-8222-222222222222",
		"ACS_CONNECTION_STRING=endpoint=https://contoso.communication.azure.com/;accesskey=a2V5",
		"MAPPING_STORE=memory",
		"SHUTDOWN_DELAY=0s",
	}
	got, log := c.run(t)
	want := report{
		Identity: "Uid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\nGroups:\t \nCapEff:\t0000000000000000\nNoNewPrivs:\t1",
		Healthy:  true, Status: 0, HealthyAfter: false,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, log)
	}
	if port := readImage(t).port; !strings.Contains(log, fmt.Sprintf(`:%d"`, port)) {
		t.Errorf("the image exposes port %d, where the server does not listen:\n%s", port, log)
	}
}
