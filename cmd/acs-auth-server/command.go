package main

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// A command is what the command line asks for.
type command struct {
	help, version, healthcheck, printConfig, dev bool
	config                                       string // path of a file with settings
	flags                                        source.Layer
}

// parseArgs reads the command line. Of arguments, only the names of flags are
// repeated in what it reports. Package cli stops at the first mistake, and its errors
// and traces repeat values, which may be secrets: so it gets the flags that there are,
// with their values, and nothing else.
func parseArgs(args []string, p *problems) command {
	c := command{flags: source.Layer{Name: "flags", Values: make(map[string]source.Value)}}
	line := cli.Command{
		Name: "acs-auth-server", HideHelp: true, ErrWriter: io.Discard,
		Action: func(context.Context, *cli.Command) error { return nil },
	}
	byName := make(map[string]*anyFlag)
	for _, f := range c.declare(p) {
		line.Flags = append(line.Flags, f)
		for _, name := range f.names {
			byName[name] = f
		}
	}
	known := []string{line.Name}
	for at := 0; at < len(args); at++ {
		name, hasText, ok := cutFlag(args[at])
		f, next := byName[name], at+1
		valueFollows := !hasText && next < len(args)
		switch {
		case !ok:
			p.addOther("argument number %d is no flag, and nothing else is expected", at+1)
		case f == nil:
			p.addOther("there is no flag -%s", name)
			if valueFollows && !strings.HasPrefix(args[next], "-") {
				at = next // likely its value
			}
		case f.instead != "":
			p.addOther("there is no flag -%s, because others can see flags: set %s", name, f.instead)
			if valueFollows {
				at = next
			}
		case f.boolean || hasText:
			known = append(known, keepEmpty(args[at]))
			if valueFollows && isBool(args[next]) {
				p.addOther("the value of -%s must follow an equals sign: -%[1]s=%s", name, strings.ToLower(args[next]))
				at = next
			}
		case !valueFollows:
			p.addOther("the flag -%s needs a value", name)
		default:
			known = append(known, args[at], args[next])
			at = next
		}
	}
	if err := line.Run(context.Background(), known); err != nil {
		panic("package cli refuses what it knows") // without the error, which has values in it
	}
	return c
}

func isBool(text string) bool {
	_, err := strconv.ParseBool(text)
	return err == nil
}

// declare returns the flags that there are. What is wrong with a value goes to p.
func (c *command) declare(p *problems) []*anyFlag {
	flags := []*anyFlag{
		{names: []string{"config"}, take: func(path string) {
			switch {
			case path == "":
				p.addOther("the flag -config needs the path of a file")
			case c.config != "" && c.config != path:
				p.addOther("the flag -config names two files, and can name one")
			}
			c.config = path
		}},
		toggle(&c.help, p, "help", "h"),
		toggle(&c.version, p, "version"),
		toggle(&c.healthcheck, p, "healthcheck"),
		toggle(&c.printConfig, p, "print-config"),
		toggle(&c.dev, p, "dev"),
	}
	for _, st := range allSettings() {
		f := &anyFlag{names: []string{st.flag()}, boolean: st.boolean, take: func(text string) { c.set(st, text, p) }}
		if st.secret {
			f.instead = st.name + " or " + st.key().FileName()
		}
		flags = append(flags, f)
	}
	return flags
}

// toggle returns a flag that turns something on.
func toggle(target *bool, p *problems, names ...string) *anyFlag {
	return &anyFlag{names: names, boolean: true, take: func(text string) {
		on, err := strconv.ParseBool(text)
		if err != nil {
			p.addOther("the flag -%s must be true or false", names[0])
		}
		*target = on
	}}
}

// set takes in the flag of a setting.
func (c *command) set(st setting, text string, p *problems) {
	where := "flag -" + st.flag()
	if before, again := c.flags.Values[st.name]; again && before.Text != text {
		p.addFirst(st.name, "has two values that differ (%s, twice): remove one of them", where)
	}
	c.flags.Values[st.name] = source.Value{Text: text, Where: where}
}
