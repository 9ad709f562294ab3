package main

import (
	"flag"
	"io"
	"strconv"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// A command is what the command line asks for.
type command struct {
	help, version, healthcheck, printConfig, dev bool
	config                                       string // path of a file with settings
	flags                                        source.Layer
}

// parseArgs reads the command line. Package flag stops at the first mistake, and
// its errors repeat values, which may be secrets: so its errors are dropped, the
// mistake is told from the argument that it stopped at, and it goes on after that.
// Of arguments, only the names of flags are repeated.
func parseArgs(args []string, p *problems) command {
	c := command{flags: source.Layer{Name: "flags", Values: make(map[string]source.Value)}}
	flags := flag.NewFlagSet("acs-auth-server", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	rest := len(args) // how many arguments follow the last flag that was taken
	c.declare(p, func(name string, boolean bool, take func(text string)) {
		define := flags.Func
		if boolean {
			define = flags.BoolFunc // it needs no value, and then has the value "true"
		}
		define(name, "", func(text string) error {
			rest = flags.NArg()
			take(text)
			return nil
		})
	})
	for rest > 0 {
		_ = flags.Parse(args[len(args)-rest:])
		if rest > 0 {
			rest -= refuse(args, len(args)-rest, flags, p)
		}
	}
	return c
}

// refuse reports the argument at which package flag has stopped, and returns how
// many to leave out.
func refuse(args []string, at int, flags *flag.FlagSet, p *problems) int {
	name, dashed := strings.CutPrefix(args[at], "-")
	name, _, hasText := strings.Cut(strings.TrimPrefix(name, "-"), "=")
	switch {
	case !dashed || strings.HasPrefix(name, "-") || !source.IsName(strings.ReplaceAll(name, "-", "_")):
		p.addOther("argument number %d is no flag, and nothing else is expected", at+1)
	case flags.Lookup(name) != nil:
		p.addOther("the flag -%s needs a value", name)
	default:
		p.addOther("there is no flag -%s", name)
		if !hasText && at+1 < len(args) && !strings.HasPrefix(args[at+1], "-") {
			return 2 // the next is likely to be its value
		}
	}
	return 1
}

// declare names the flags that there are, and what each does with its value. What is
// wrong with a value goes to p, so that package flag sees no mistake in any.
func (c *command) declare(p *problems, add func(name string, boolean bool, take func(text string))) {
	add("config", false, func(path string) {
		switch {
		case path == "":
			p.addOther("the flag -config needs the path of a file")
		case c.config != "" && c.config != path:
			p.addOther("the flag -config names two files, and can name one")
		}
		c.config = path
	})
	for name, target := range map[string]*bool{
		"help": &c.help, "h": &c.help, "version": &c.version,
		"healthcheck": &c.healthcheck, "print-config": &c.printConfig, "dev": &c.dev,
	} {
		add(name, true, func(text string) {
			on, err := strconv.ParseBool(text)
			if err != nil {
				p.addOther("the flag -%s must be true or false", name)
			}
			*target = on
		})
	}
	for _, st := range allSettings() {
		add(st.flag(), st.boolean, func(text string) { c.set(st, text, p) })
	}
}

// set takes in the flag of a setting.
func (c *command) set(st setting, text string, p *problems) {
	where := "flag -" + st.flag()
	if st.secret {
		p.addOther("there is no %s, because others can see flags: set %s or %s", where, st.name, st.key().FileName())
		return
	}
	if before, again := c.flags.Values[st.name]; again && before.Text != text {
		p.addFirst(st.name, "has two values that differ (%s, twice): remove one of them", where)
	}
	c.flags.Values[st.name] = source.Value{Text: text, Where: where}
}
