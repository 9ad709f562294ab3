package main

import (
	"strconv"
	"strings"
)

// A command is what the command line asks for.
type command struct {
	help, version, healthcheck, dev bool
	config                          string // path of a file with settings
	flags                           layer
}

// A commandFlag is one flag: what it does with its value.
type commandFlag struct {
	boolean bool // it needs no value, and then has the value "true"
	take    func(text string)
}

// parseArgs reads the command line, which has the syntax of package flag. That
// package is not used, because it stops at the first mistake, and its errors repeat
// values, which may be secrets. Of arguments, only the names of flags are repeated.
func parseArgs(args []string, p *problems) command {
	c := command{flags: layer{name: "flags", values: make(map[string]value)}}
	flags := c.known(p)
	for i := 0; i < len(args); i++ {
		name, text, hasValue := strings.Cut(args[i], "=")
		name, dashed := strings.CutPrefix(name, "-")
		name = strings.TrimPrefix(name, "-")
		known, ok := flags[name]
		hasNext := i+1 < len(args)
		switch {
		case !dashed || strings.HasPrefix(name, "-") || !isName(strings.ReplaceAll(name, "-", "_")):
			p.addOther("argument number %d is no flag, and nothing else is expected", i+1)
		case !ok:
			p.addOther("there is no flag -%s", name)
			if !hasValue && hasNext && !strings.HasPrefix(args[i+1], "-") {
				i++ // likely to be its value
			}
		case hasValue:
			known.take(text)
		case known.boolean:
			known.take("true")
		case hasNext:
			i++
			known.take(args[i])
		default:
			p.addOther("the flag -%s needs a value", name)
		}
	}
	return c
}

// known returns the flags that there are, by name.
func (c *command) known(p *problems) map[string]commandFlag {
	flags := map[string]commandFlag{
		"config": {take: func(path string) { c.config = path }},
	}
	for name, target := range map[string]*bool{
		"help": &c.help, "h": &c.help, "version": &c.version, "healthcheck": &c.healthcheck, "dev": &c.dev,
	} {
		flags[name] = commandFlag{boolean: true, take: func(text string) {
			on, err := strconv.ParseBool(text)
			if err != nil {
				p.addOther("the flag -%s must be true or false", name)
			}
			*target = on
		}}
	}
	for _, st := range allSettings() {
		flags[st.flag()] = commandFlag{boolean: st.boolean, take: func(text string) { c.set(st, text, p) }}
	}
	return flags
}

// set takes in the flag of a setting.
func (c *command) set(st setting, text string, p *problems) {
	where := "flag -" + st.flag()
	if st.secret {
		p.addOther("there is no %s, because others can see flags: set %s or %s", where, st.name, st.fileName())
		return
	}
	if before, again := c.flags.values[st.name]; again && before.text != text {
		p.addFirst(st.name, "has two values that differ (%s, twice): remove one of them", where)
	}
	c.flags.values[st.name] = value{text: text, where: where}
}
