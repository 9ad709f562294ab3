package main

import (
	"flag"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// A commandLine reads arguments with package flag, and reports all that is wrong with
// them. Package flag stops at the first mistake, and its errors repeat values, which
// may be secrets. So its errors are dropped, the mistake is told from the argument at
// which it stopped, and it goes on after that.
type commandLine struct {
	args     []string
	at       int    // the argument after the last one that was read
	toggled  string // the flag just before it, if that was turned on by its name alone
	flags    *flag.FlagSet
	problems *problems
}

func newCommandLine(args []string, p *problems) *commandLine {
	l := &commandLine{args: args, flags: flag.NewFlagSet("acs-auth-server", flag.ContinueOnError), problems: p}
	l.flags.SetOutput(io.Discard)
	l.flags.Usage = func() {}
	return l
}

// A lineFlag takes any value. What is wrong with one is judged by take, so that
// package flag sees no mistake in it.
type lineFlag struct {
	boolean bool   // it needs no value, and then has the value "true"
	instead string // what to set instead of a secret's flag, which does not exist
	take    func(text string)

	name string
	line *commandLine
}

// declare says that there is a flag.
func (l *commandLine) declare(name string, f lineFlag) {
	f.name, f.line = name, l
	l.flags.Var(&f, name, "")
}

// Set is what package flag does with a flag that it has found.
func (f *lineFlag) Set(text string) error {
	l := f.line
	l.at, l.toggled = len(l.args)-l.flags.NArg(), ""
	if f.boolean && !strings.Contains(l.args[l.at-1], "=") {
		l.toggled = f.name
	}
	if f.instead != "" {
		f.refuse()
		return nil
	}
	f.take(strings.TrimSpace(text))
	return nil
}

func (f *lineFlag) String() string   { return "" }
func (f *lineFlag) IsBoolFlag() bool { return f.boolean }

// refuse reports a secret's flag.
func (f *lineFlag) refuse() {
	f.line.problems.addOther("there is no flag -%s, because others can see flags: set %s", f.name, f.instead)
}

// read reads the arguments.
func (l *commandLine) read() {
	for l.at < len(l.args) {
		_ = l.flags.Parse(l.args[l.at:])
		if l.at < len(l.args) {
			l.at += l.refuse(l.args[l.at], l.args[l.at+1:])
			l.toggled = ""
		}
	}
}

// flagForm is that of the names of flags. What has another may be anything, and is not
// repeated.
var flagForm = regexp.MustCompile(`^--?([a-z][a-z0-9-]*)(=|$)`)

// refuse reports the argument at which package flag has stopped, and returns how many
// to pass over.
func (l *commandLine) refuse(arg string, next []string) int {
	form := flagForm.FindStringSubmatch(arg)
	_, err := strconv.ParseBool(arg)
	switch {
	case form == nil && err == nil && l.toggled != "":
		l.problems.addOther("the value of -%s must follow an equals sign: -%[1]s=%s", l.toggled, strings.ToLower(arg))
		return 1
	case form == nil:
		l.problems.addOther("argument number %d is no flag, and nothing else is expected", l.at+1)
		return 1
	}
	name, hasText := form[1], form[2] != ""
	if known := l.flags.Lookup(name); known != nil { // the last argument, without its value
		if f := known.Value.(*lineFlag); f.instead != "" {
			f.refuse()
		} else {
			l.problems.addOther("the flag -%s needs a value", name)
		}
		return 1
	}
	l.problems.addOther("there is no flag -%s", name)
	if !hasText && len(next) > 0 && !strings.HasPrefix(next[0], "-") {
		return 2 // likely its value
	}
	return 1
}
