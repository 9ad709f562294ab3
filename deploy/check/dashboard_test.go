//go:build linux

package check_test

import (
	"os"
	"slices"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Grafana's own types take the dashboard without anything left over, panels and
// queries included.
func TestDashboardSchema(t *testing.T) {
	t.Parallel()
	plugins.RegisterDefaultPlugins()
	text, err := os.ReadFile(dashboardPath)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard.Dashboard
	// An error without a text is none: the library returns an empty list.
	if err := d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" {
		t.Fatal(err)
	}
	if err := d.Validate(); err != nil {
		t.Error(err)
	}
}

// Panels have their place, and all of them the data source that is chosen.
func TestDashboardPanels(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	ids, taken := map[int]string{}, map[[2]int]string{}
	rows := 0
	for _, p := range d.Panels {
		if other, twice := ids[p.ID]; twice || p.Title == "" {
			t.Errorf("%q and %q have one id, or no title", p.Title, other)
		}
		ids[p.ID] = p.Title
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%q leaves the grid", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if taken[at] != "" {
					t.Fatalf("%q is over %q", p.Title, taken[at])
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			rows++
			continue
		}
		if len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q asks for nothing, or somebody else", p.Title)
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%q asks somebody else", p.Title)
			}
		}
	}
	var names []string
	for _, variable := range d.Templating.List {
		names = append(names, variable.Name)
	}
	if want := []string{"datasource", "job", "instance"}; !slices.Equal(names, want) || rows != 7 || d.UID == "" {
		t.Errorf("variables %q, %d rows", names, rows)
	}
}
