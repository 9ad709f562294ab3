package main

import (
	"strconv"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// A command is what the command line asks for.
type command struct {
	help, version, healthcheck, printConfig, dev bool
	config                                       string // path of a file with settings
	flags                                        source.Layer
}

// parseArgs reads the command line. Of arguments, only the names of flags are
// repeated in what it reports.
func parseArgs(args []string, p *problems) command {
	c := command{flags: source.Layer{Name: "flags", Values: make(map[string]source.Value)}}
	line := newCommandLine(args, p)
	c.declare(line)
	line.read()
	return c
}

// declare says which flags there are, and what each does.
func (c *command) declare(line *commandLine) {
	p := line.problems
	line.declare("config", lineFlag{take: func(path string) {
		switch {
		case path == "":
			p.addOther("the flag -config needs the path of a file")
		case c.config != "" && c.config != path:
			p.addOther("the flag -config names two files, and can name one")
		}
		c.config = path
	}})
	for name, target := range map[string]*bool{
		"help": &c.help, "h": &c.help, "version": &c.version,
		"healthcheck": &c.healthcheck, "print-config": &c.printConfig, "dev": &c.dev,
	} {
		line.declare(name, lineFlag{boolean: true, take: func(text string) {
			on, err := strconv.ParseBool(text)
			if err != nil {
				p.addOther("the flag -%s must be true or false", name)
			}
			*target = on
		}})
	}
	for _, st := range allSettings() {
		f := lineFlag{boolean: st.boolean, take: func(text string) { c.set(st, text, p) }}
		if st.secret {
			f.instead = st.name + " or " + st.key().FileName()
		}
		line.declare(st.flag(), f)
	}
}

// set takes in the flag of a setting.
func (c *command) set(st setting, text string, p *problems) {
	where := "flag -" + st.flag()
	if before, again := c.flags.Values[st.name]; again && before.Text != text {
		p.addFirst(st.name, "has two values that differ (%s, twice): remove one of them", where)
	}
	c.flags.Values[st.name] = source.Value{Text: text, Where: where}
}
