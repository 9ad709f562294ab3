package main

import (
	"bytes"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Help lists every setting in its group: its name, its flag or the name of its file,
// its default, its meaning and its other names.
func TestHelpOfSettings(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	printHelp(&stdout)
	var got, want []string
	_, text, _ := strings.Cut(stdout.String(), "\n\nSettings, ")
	text, _, _ = strings.Cut(text, "\n\nOpenTelemetry: ")
	for _, block := range strings.Split(text, "\n\n")[1:] {
		got = append(got, strings.Join(strings.Fields(block), " "))
	}
	for _, g := range groups() {
		want = append(want, g.title)
		for _, st := range g.settings {
			entry := st.name + ", "
			if st.secret {
				entry += st.name + "_FILE"
			} else {
				entry += "-" + strings.ReplaceAll(strings.ToLower(st.name), "_", "-")
			}
			switch {
			case st.required:
				entry += " (required)"
			case st.fallback != "":
				entry += " (default " + st.fallback + ")"
			case st.otherwise != "":
				entry += " (default: " + st.otherwise + ")"
			default:
				t.Errorf("nothing is said of what holds without %s", st.name)
			}
			entry += " " + st.meaning
			if len(st.aliases) > 0 {
				entry += " also: " + strings.Join(st.aliases, ", ")
			}
			if strings.HasSuffix(entry, "__0") {
				entry += ", __1 and so on"
			}
			want = append(want, entry)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Help lists the flags that are no settings, and no others.
func TestHelpOfFlags(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	printHelp(&stdout)
	usage, _, _ := strings.Cut(stdout.String(), "\n\nSettings")
	var got, want []string
	for word := range strings.FieldsSeq(usage) {
		if strings.HasPrefix(word, "-") {
			got = append(got, strings.Trim(word, "-,"))
		}
	}
	settings := map[string]bool{}
	for _, st := range allSettings() {
		settings[st.flag()] = true
	}
	line := newCommandLine(nil, new(problems))
	new(command).declare(line)
	line.flags.VisitAll(func(f *flag.Flag) {
		if !settings[f.Name] {
			want = append(want, f.Name)
		}
	})
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("flags (-) and -help (+) disagree:\n%s", diff)
	}
}
