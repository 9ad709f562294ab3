//go:build linux

package check_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A documentedMetric is a row of the table in docs/operations.md.
type documentedMetric struct {
	kind   string
	values map[string][]string // of labels, by name
}

func (m documentedMetric) labels() []string { return slices.Sorted(maps.Keys(m.values)) }

// documented returns the table of metrics in docs/operations.md, by name.
func documented(t *testing.T) map[string]documentedMetric {
	t.Helper()
	found := map[string]documentedMetric{}
	var names []string
	for name := range apiErrors(t) {
		names = append(names, name)
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\w+) \\| ([^|]*)\\|")
	for _, match := range row.FindAllStringSubmatch(readPage(t, "operations.md"), -1) {
		m := documentedMetric{kind: match[2], values: map[string][]string{}}
		for cell := range strings.SplitSeq(match[3], "<br>") {
			words := quoted.FindAllStringSubmatch(cell, -1)
			if len(words) == 0 {
				continue
			}
			var values []string
			for _, word := range words[1:] {
				values = append(values, word[1])
			}
			if strings.Contains(cell, "(endpoints.md#errors)") {
				values = append(values, names...)
			}
			m.values[words[0][1]] = values
		}
		found[match[1]] = m
	}
	if len(found) < 10 {
		t.Fatalf("docs/operations.md has only %d metrics", len(found))
	}
	return found
}

// apiErrors returns name and status of the errors of the API.
func apiErrors(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| (\\d{3}) \\| `([a-z_]+)` \\|")
	for _, match := range row.FindAllStringSubmatch(readPage(t, "endpoints.md"), -1) {
		found[match[2]] = match[1]
	}
	if len(found) < 15 {
		t.Fatalf("docs/endpoints.md has only %d errors", len(found))
	}
	return found
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(moduleRoot + "/docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page lists the metrics that the server has, with their labels, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	known := documented(t)
	ours := regexp.MustCompile(`^(acsauth|obo|outbound)_`)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	got := served(t)
	for name, m := range got {
		if !ours.MatchString(name) || suffix.MatchString(name) && got[suffix.ReplaceAllString(name, "")].kind == "histogram" {
			continue
		}
		doc, ok := known[name]
		if !ok || doc.kind != m.kind || !slices.Equal(doc.labels(), m.labels()) {
			t.Errorf("%s is a %s with the labels %q; docs/operations.md has: %s, %q", name, m.kind, m.labels(), doc.kind, doc.labels())
		}
	}
	for name := range known {
		if _, ok := got[name]; !ok {
			t.Errorf("docs/operations.md has %s, the server has not", name)
		}
	}
	// Every event is there from the start: alerts and panels see its first occurrence.
	const events = "acsauth_identity_events_total"
	want, all := slices.Sorted(slices.Values(known[events].values["event"])), slices.Sorted(slices.Values(got[events].values["event"]))
	if !slices.Equal(want, all) {
		t.Errorf("the server counts the events %q; docs/operations.md has %q", all, want)
	}
}
