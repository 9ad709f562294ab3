package deploytest_test

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// workflows returns the texts of all workflows, by file name.
func workflows(t *testing.T) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(moduleRoot, ".github", "workflows", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no workflows: %v", err)
	}
	texts := map[string]string{}
	for _, name := range names {
		texts[filepath.Base(name)] = read(t, ".github/workflows/"+filepath.Base(name))
	}
	return texts
}

// TestActionsArePinned: no action can be changed by moving a tag, and everything of one
// repository has one version, in all workflows.
func TestActionsArePinned(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`uses: ([\w.-]+/[\w.-]+)(?:/[\w./-]+)?@([0-9a-f]{40} # v\d+\.\d+\.\d+)\n`)
	versions := map[string]string{}
	for name, text := range workflows(t) {
		uses := pinned.FindAllStringSubmatch(text, -1)
		for _, match := range uses {
			if before, ok := versions[match[1]]; ok && before != match[2] {
				t.Errorf("%s: %s is pinned to %s and to %s", name, match[1], before, match[2])
			}
			versions[match[1]] = match[2]
		}
		if all := strings.Count(text, "uses: "); len(uses) != all || all == 0 {
			t.Errorf("%s: %d of %d actions are pinned by commit and say their version", name, len(uses), all)
		}
	}
}

// TestEverythingPinnedIsWatched: whatever names versions is raised by Dependabot, or it
// would keep its vulnerabilities for ever.
func TestEverythingPinnedIsWatched(t *testing.T) {
	t.Parallel()
	ecosystems := map[string]string{"go.mod": "gomod", "Dockerfile": "docker", "compose.yaml": "docker-compose"}
	want := map[string]bool{"github-actions /": true}
	err := fs.WalkDir(os.DirFS(moduleRoot), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "testdata") {
			return fs.SkipDir
		}
		if ecosystem := ecosystems[entry.Name()]; ecosystem != "" && !entry.IsDir() {
			want[ecosystem+" "+path.Join("/", path.Dir(name))] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	watched := regexp.MustCompile(`(?m)^  - package-ecosystem: (\S+).*\n    directory: (\S+)$`)
	for _, match := range watched.FindAllStringSubmatch(read(t, ".github/dependabot.yml"), -1) {
		got[match[1]+" "+match[2]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("there is (-), Dependabot watches (+):\n%s", diff)
	}
}
