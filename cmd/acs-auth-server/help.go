package main

import (
	"fmt"
	"io"
	"strings"
)

// printHelp prints how to start the server, and all settings.
func printHelp(w io.Writer) {
	fmt.Fprint(w, `acs-auth-server gives people who are signed in with Microsoft Entra ID their
Azure Communication Services (ACS) tokens.

Usage:

  acs-auth-server [flags]

  -dev            start everything on this machine, without Azure, to try it out
  -config FILE    read settings from a file of NAME=value lines
  -print-config   print the settings that are in force, in the form of such a file
                  and without secrets, and where each comes from; start nothing
  -healthcheck    ask the server that runs with these settings for /healthz, and
                  exit 0 if it is up, or else 1
  -version        print the version
  -help, -h       print this

Settings, with the names of their environment variables, which the file uses too,
and their flags: -flag VALUE or -flag=VALUE; of those that are true or false, -flag
or -flag=false. A flag beats the environment, which beats the file, which beats the
default. Secrets have no flag: NAME_FILE names a file that holds the value. What is
empty, or a placeholder such as <your_client_id>, counts as not set. Durations are
written 30s, 2m or 1h30m.
`)
	for _, g := range groups() {
		fmt.Fprintf(w, "\n%s\n", g.title)
		for _, st := range g.settings {
			printSetting(w, st)
		}
	}
	fmt.Fprint(w, `
OpenTelemetry: its own variables, which are in the environment and nowhere else. By
default nothing is exported; docs/settings.md has all that count.

  OTEL_EXPORTER_OTLP_ENDPOINT    where traces are sent to
  OTEL_METRICS_EXPORTER=otlp     metrics are sent there too
  OTEL_EXPORTER_OTLP_PROTOCOL    http/protobuf (default) or grpc
  OTEL_EXPORTER_OTLP_HEADERS     sent along, such as a key
  OTEL_SERVICE_NAME              default acs-auth-server
  OTEL_RESOURCE_ATTRIBUTES       what else says where this server runs
  OTEL_TRACES_SAMPLER            which traces; by default the callers decide
  OTEL_SDK_DISABLED=true         nothing at all
`)
}

func printSetting(w io.Writer, st setting) {
	other := "-" + st.flag()
	if st.secret {
		other = st.key().FileName()
	}
	standard := st.standard()
	if standard != "" {
		standard = " (" + standard + ")"
	}
	fmt.Fprintf(w, "\n  %s, %s%s\n", st.name, other, standard)
	for _, line := range wrap(st.meaning, 72) {
		fmt.Fprintf(w, "      %s\n", line)
	}
	if len(st.aliases) > 0 {
		also := "also: " + strings.Join(st.aliases, ", ")
		if strings.HasSuffix(also, "__0") {
			also += ", __1 and so on"
		}
		for i, line := range wrap(also, 72) {
			fmt.Fprintf(w, "      %s%s\n", strings.Repeat(" ", min(i, 1)*6), line)
		}
	}
}

// standard tells what holds without a setting. It is empty if nothing does.
func (st setting) standard() string {
	switch {
	case st.required:
		return "required"
	case st.fallback != "":
		return "default " + st.fallback
	case st.otherwise != "":
		return "default: " + st.otherwise
	}
	return ""
}

func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return append(lines, line)
}
