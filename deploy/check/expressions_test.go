//go:build linux

package check_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// targetLabels are what Prometheus itself adds to every series.
var targetLabels = []string{"job", "instance"}

// expressions returns the PromQL of the alerts and of the dashboard, by where it is.
func expressions(t *testing.T) map[string]parser.Expr {
	t.Helper()
	texts := map[string]string{}
	for _, rule := range alertRules(t) {
		texts["alert "+rule.Alert] = rule.Expr
	}
	for _, panel := range readDashboard(t).panels() {
		for _, target := range panel.Targets {
			texts[fmt.Sprintf("panel %q, %s", panel.Title, target.RefID)] = target.Expr
		}
	}
	// As Grafana replaces them.
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$job", "acs-auth-server", "$instance", "a|b")
	reader := parser.NewParser(parser.Options{})
	parsed := map[string]parser.Expr{}
	for where, text := range texts {
		text = variables.Replace(text)
		if strings.Contains(text, "$") {
			t.Errorf("%s: an unknown variable in %s", where, text)
		}
		expr, err := reader.ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v in %s", where, err, text)
			continue
		}
		parsed[where] = expr
	}
	return parsed
}

// selectors returns the selectors within an expression.
func selectors(expr parser.Node) []*parser.VectorSelector {
	var found []*parser.VectorSelector
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			found = append(found, s)
		}
		return nil
	})
	return found
}

// Whatever the dashboard and the alerts ask for is what the server serves: metrics,
// their labels, and the values of these.
func TestExpressionsMatchTheServer(t *testing.T) {
	t.Parallel()
	all, known := maps.Clone(served(t)), documented(t)
	all["up"] = metric{kind: "gauge"} // of Prometheus itself
	used := map[string]bool{}
	for where, expr := range expressions(t) {
		for _, s := range selectors(expr) {
			m, ok := all[s.Name]
			if !ok {
				t.Errorf("%s: the server has no %s", where, s.Name)
				continue
			}
			base := s.Name
			if _, ok := known[base]; !ok {
				base = strings.TrimSuffix(strings.TrimSuffix(base, "_bucket"), "_count")
			}
			used[base] = true
			for _, matcher := range s.LabelMatchers {
				if matcher.Name == labels.MetricName || slices.Contains(targetLabels, matcher.Name) {
					continue
				}
				values, ok := m.values[matcher.Name]
				if !ok {
					t.Errorf("%s: %s has no label %s", where, s.Name, matcher.Name)
				}
				if ours, ok := known[base].values[matcher.Name]; ok {
					values = ours // this once it has not taken all of them
				}
				checkValues(t, where+": "+s.Name, matcher, values)
			}
		}
		parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
			group, ok := node.(*parser.AggregateExpr)
			if !ok {
				return nil
			}
			for _, label := range group.Grouping {
				for _, s := range selectors(group.Expr) {
					if !slices.Contains(targetLabels, label) && !slices.Contains(all[s.Name].labels(), label) {
						t.Errorf("%s: grouped by %s, which %s has not", where, label, s.Name)
					}
				}
			}
			return nil
		})
	}
	for name := range known {
		if !used[name] {
			t.Errorf("%s is in no panel", name)
		}
	}
}

// checkValues checks that each alternative of a matcher is a value that there is.
func checkValues(t *testing.T, where string, matcher *labels.Matcher, values []string) {
	t.Helper()
	for alternative := range strings.SplitSeq(matcher.Value, "|") {
		exact := regexp.MustCompile("^(?:" + alternative + ")$")
		if !slices.ContainsFunc(values, exact.MatchString) {
			t.Errorf("%s: %s is never %s", where, matcher.Name, alternative)
		}
	}
}

// The list of errors that stand for 5xx is complete wherever it is.
func TestServerErrorsAreAll(t *testing.T) {
	t.Parallel()
	var want []string
	for name, status := range apiErrors(t) {
		if status >= "500" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	found := 0
	for where, expr := range expressions(t) {
		for _, s := range selectors(expr) {
			for _, matcher := range s.LabelMatchers {
				if got := strings.Split(matcher.Value, "|"); slices.Contains(got, "internal") {
					found++
					if slices.Sort(got); !slices.Equal(got, want) {
						t.Errorf("%s: %q, want %q", where, got, want)
					}
				}
			}
		}
	}
	if found < 2 {
		t.Errorf("it was found %d times", found)
	}
}

// Legends name labels that the expression leaves over.
func TestDashboardLegends(t *testing.T) {
	t.Parallel()
	name := regexp.MustCompile(`\{\{(\w+)\}\}`)
	all := served(t)
	reader := parser.NewParser(parser.Options{})
	variables := strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h")
	for _, panel := range readDashboard(t).panels() {
		for _, target := range panel.Targets {
			expr, err := reader.ParseExpr(variables.Replace(target.Expr))
			if err != nil {
				continue // reported elsewhere
			}
			left := map[string]bool{}
			parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
				if group, ok := node.(*parser.AggregateExpr); ok {
					for _, label := range group.Grouping {
						left[label] = true
					}
				}
				return nil
			})
			if len(left) == 0 && !strings.Contains(target.Expr, "sum(") && !strings.Contains(target.Expr, "max(") {
				for _, label := range append(targetLabels, all[selectors(expr)[0].Name].labels()...) {
					left[label] = true
				}
			}
			for _, match := range name.FindAllStringSubmatch(target.LegendFormat, -1) {
				if !left[match[1]] {
					t.Errorf("panel %q: the legend %s names %s, but there are %q", panel.Title, target.LegendFormat, match[1], slices.Sorted(maps.Keys(left)))
				}
			}
		}
	}
}

// A dashboardFile is what the tests need to know of the dashboard.
type dashboardFile struct {
	UID        string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []dashboardPanel
}

type dashboardPanel struct {
	ID          int
	Type, Title string
	Datasource  struct{ UID string }
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct {
		RefID, Expr, LegendFormat string
		Datasource                struct{ UID string }
	}
}

func (d dashboardFile) panels() []dashboardPanel {
	return slices.DeleteFunc(slices.Clone(d.Panels), func(p dashboardPanel) bool { return p.Type == "row" })
}

const dashboardPath = moduleRoot + "/deploy/grafana/acs-auth-server.json"

func readDashboard(t *testing.T) dashboardFile {
	t.Helper()
	text, err := os.ReadFile(dashboardPath)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboardFile
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}
