//go:build linux

package check_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// A workflow is what runs on GitHub, as far as it is about who may do what.
type workflow struct {
	On          map[string]any `yaml:"on"`
	Permissions permissions    `yaml:"permissions"`
	Jobs        map[string]job `yaml:"jobs"`
}

type job struct {
	Needs       []string    `yaml:"needs"`
	Permissions permissions `yaml:"permissions"` // in place of the workflow's
}

// permissions are what the token of a job is good for. They must be named one by one,
// so "write-all" is an error.
type permissions map[string]string

// readWorkflows returns all workflows, by file name.
func readWorkflows(t *testing.T) map[string]workflow {
	t.Helper()
	names := must(filepath.Glob(moduleRoot + "/.github/workflows/*"))(t)
	if len(names) == 0 {
		t.Fatal("there are no workflows")
	}
	found := map[string]workflow{}
	for _, name := range names {
		var w workflow
		if err := yaml.Unmarshal(must(os.ReadFile(name))(t), &w); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(w.Jobs) == 0 {
			t.Fatalf("%s has no jobs", name)
		}
		found[filepath.Base(name)] = w
	}
	return found
}

// writes returns what a job may write.
func (w workflow) writes(name string) (what []string) {
	granted := w.Jobs[name].Permissions
	if granted == nil {
		granted = w.Permissions
	}
	for permission, level := range granted {
		if level == "write" {
			what = append(what, permission)
		}
	}
	slices.Sort(what)
	return what
}

// No workflow has what the repository grants by default, and only single jobs may
// write. What runs for a pull request runs code that nobody has looked at: it may file
// findings, and nothing else.
func TestWorkflowPermissions(t *testing.T) {
	t.Parallel()
	for file, w := range readWorkflows(t) {
		if w.Permissions == nil {
			t.Errorf("%s does not say what it may do", file)
		}
		for permission, level := range w.Permissions {
			if level == "write" {
				t.Errorf("%s: all jobs may write %s", file, permission)
			}
		}
		_, proposed := w.On["pull_request"]
		if _, ok := w.On["pull_request_target"]; ok {
			t.Errorf("%s: pull_request_target gives a stranger's code the rights of this repository", file)
		}
		for name, j := range w.Jobs {
			if len(w.Permissions) == 0 && j.Permissions == nil {
				t.Errorf("%s: %s does not say what it may do", file, name)
			}
			if what := w.writes(name); proposed && len(what) > 0 && !slices.Equal(what, []string{"security-events"}) {
				t.Errorf("%s: %s may write %q, for pull requests too", file, name, what)
			}
		}
	}
}

// Nothing is published before everything that publishes nothing has succeeded. Each
// job that publishes can do no more than it has to.
func TestReleasePublishesWhatIsChecked(t *testing.T) {
	t.Parallel()
	w := readWorkflows(t)["release.yml"]
	var checks []string
	got := map[string]string{}
	for name := range w.Jobs {
		if what := w.writes(name); len(what) == 0 {
			checks = append(checks, name)
		} else {
			got[name] = strings.Join(what, " ")
		}
	}
	slices.Sort(checks)
	if diff := cmp.Diff(map[string]string{
		"publish":       "attestations contents id-token",
		"publish-image": "attestations id-token packages",
	}, got); diff != "" {
		t.Errorf("jobs that publish, and what they may write (-want +got):\n%s", diff)
	}
	for name := range got {
		needs := slices.Sorted(slices.Values(w.Jobs[name].Needs))
		want := checks
		if name == "publish" { // the last, so that whoever sees a release finds its image
			want = append(slices.Clone(checks), "publish-image")
		}
		if diff := cmp.Diff(want, needs); diff != "" {
			t.Errorf("checks (-) and what %s waits for (+):\n%s", name, diff)
		}
	}
	push := fmt.Sprint(w.On["push"])
	if len(w.On) != 1 || !strings.HasPrefix(push, "map[tags:") {
		t.Errorf("a release is made on %v, want tags alone", w.On)
	}
}
