package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// printConfig prints what is in force, and then what is wrong with it. It puts the
// server together, as that is where most mistakes show, but starts nothing and asks
// nobody.
func printConfig(c command, env source.Layer, stdout, stderr io.Writer, p *problems) int {
	p.outcome = "would not start"
	layers, ignored := sources(c, env, p)
	if c.dev {
		layers = append(layers, devOutline())
	}
	s := load(layers, c.dev, p)
	checkAuditLog(s, p)
	silent := slog.New(slog.DiscardHandler)
	made := compose(s, surroundings{logger: silent, audit: silent}, p)
	if made.database != nil {
		_ = made.database.Close()
	}
	if _, err := io.WriteString(stdout, configText(s, ignored, p)); err != nil {
		fmt.Fprintf(stderr, "acs-auth-server: %v\n", err)
		return exitFailure
	}
	if p.any() {
		p.write(stderr)
		return exitSettings
	}
	return exitOK
}

// configText returns what is in force as a file for -config, in the order of -help.
// What nobody has set is a comment in it, so that it goes on following what it
// follows now; so are secrets, and values that are wrong.
func configText(s *settings, ignored []string, p *problems) string {
	var b strings.Builder
	b.WriteString(`# Settings of acs-auth-server, and under each where it comes from. Lines that begin
# with # are defaults, what follows from other settings, and what is not shown.
`)
	if len(ignored) > 0 {
		fmt.Fprintf(&b, "#\n# Ignored Azure settings in the environment: %s.\n", strings.Join(ignored, ", "))
	}
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n# %s\n\n", g.title)
		for _, st := range g.settings {
			line, where := s.show(st, p)
			fmt.Fprintf(&b, "%s\n    # %s\n", line, strings.ReplaceAll(where, "\n", " "))
		}
	}
	s.showOTel(&b, p)
	return b.String()
}

// showOTel adds the variables of OpenTelemetry that are set. They are comments, since
// its SDK reads them out of the environment alone.
func (s *settings) showOTel(b *strings.Builder, p *problems) {
	if len(s.otel) == 0 {
		return
	}
	b.WriteString("\n# OpenTelemetry, out of the environment alone\n\n")
	for _, name := range slices.Sorted(maps.Keys(s.otel)) {
		text, hidden := s.otel[name], "# "+name+" is set, and not shown"
		line := "#" + name + "=" + text
		switch {
		case p.has(name):
			line = hidden + ": something is wrong with it"
		case strings.HasSuffix(name, "_HEADERS"):
			line = hidden // they hold keys
		case looksSecret(text) || secretName.MatchString(name):
			line = hidden + ": it looks as if it held a secret"
		case strings.ContainsFunc(text, unicode.IsControl):
			line = hidden + ": no line can hold it"
		}
		fmt.Fprintf(b, "%s\n    # %s\n", line, p.from[name])
	}
}

// show returns the line for a setting, and where what it says comes from.
func (s *settings) show(st setting, p *problems) (line, where string) {
	o := s.origins[st.name]
	hidden := func(why string) string { return "# " + st.name + " is set, and not shown" + why }
	switch {
	case o.set && p.has(st.name):
		return hidden(": something is wrong with it"), o.where
	case s.followsWrong(o, p):
		return "# " + st.name + " is not set", o.where + ", with which something is wrong"
	case s.dev && o.where == devName && st.azure:
		return "# " + st.name + " is chosen when the server starts", o.where
	case o.set && st.secret:
		return s.showSecret(st, o, hidden)
	case o.value == "":
		return "# " + st.name + " is not set", o.where
	case looksSecret(o.value):
		return hidden(": it looks as if it held a secret"), o.where
	case strings.ContainsFunc(o.value, unicode.IsControl):
		return hidden(": no line can hold it"), o.where
	case !o.set || o.where == devName:
		return "#" + st.name + "=" + asFileValue(o.value), o.where
	default:
		return st.name + "=" + asFileValue(o.value), o.where
	}
}

// followsWrong reports whether a value follows from another that is not shown, as
// something is wrong with it.
func (s *settings) followsWrong(o origin, p *problems) bool {
	return o.from != "" && (p.has(o.from) || s.followsWrong(s.origins[o.from], p))
}

// showSecret shows the file that a secret comes from, or what may be known of it.
func (s *settings) showSecret(st setting, o origin, hidden func(why string) string) (line, where string) {
	known, all := "", false
	if st.shown != nil {
		known, all = st.shown(s)
	}
	detail := ""
	if known != "" {
		detail = ": " + known
	}
	switch {
	case o.file != "" && !strings.ContainsFunc(o.file, unicode.IsControl):
		return st.key().FileName() + "=" + asFileValue(o.file), o.where + detail
	case all:
		return st.name + "=" + known, o.where
	default:
		return hidden(detail), o.where
	}
}

// secretLike is what a secret looks like where none belongs: an address with user
// information, a part of a connection string or a query, a private key, a secret of
// Microsoft Entra ID's, a token.
var secretLike = regexp.MustCompile(`(?i)-----BEGIN|//[^/\s]*@|(key|secret|password|pwd|sig|signature|token)\s*=|\dQ~|\beyJ[\w-]+\.`)

// secretName is how the names of variables end that hold secrets.
var secretName = regexp.MustCompile(`_(PASSWORD|SECRET|TOKEN|API_KEY)$`)

func looksSecret(text string) bool { return secretLike.MatchString(text) }

// asFileValue returns the value that a file must have for the text.
func asFileValue(text string) string {
	if source.Unquote(text) != text {
		return `"` + text + `"`
	}
	return text
}
