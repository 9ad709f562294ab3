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
// repeated in what it reports.
func parseArgs(args []string, p *problems) command {
	c := command{flags: source.Layer{Name: "flags", Values: make(map[string]source.Value)}}
	declared := c.declare(p)
	others := 0
	unknown := func(name string) {
		if !source.IsName(strings.ReplaceAll(name, "-", "_")) || strings.HasPrefix(name, "-") { // it may be anything
			others++
			return
		}
		p.addOther("there is no flag -%s", name)
	}
	for len(args) > 0 {
		args = readFlags(args, declared, unknown, p)
		for first := true; len(args) > 0 && (first || !strings.HasPrefix(args[0], "-")); first = false {
			others++
			args = args[1:]
		}
	}
	switch {
	case others == 1:
		p.addOther("1 argument is neither a flag nor the value of one, and nothing else is expected")
	case others > 1:
		p.addOther("%d arguments are neither flags nor values of flags, and nothing else is expected", others)
	}
	return c
}

// readFlags has package cli read the flags, and returns the arguments that are left,
// of which the first is none. Package cli stops at the first mistake, and its errors
// repeat values, which may be secrets. So it is left none to find: no flag refuses a
// value, and what nobody has declared is declared as well.
func readFlags(args []string, declared []cli.Flag, unknown func(name string), p *problems) (rest []string) {
	line := cli.Command{
		Name:     "acs-auth-server",
		Flags:    append(unknownFlags(args, declared, unknown), declared...),
		HideHelp: true, Writer: io.Discard, ErrWriter: io.Discard,
		OnUsageError: func(_ context.Context, _ *cli.Command, err error, _ bool) error { return err },
		Action:       func(context.Context, *cli.Command) error { return nil },
	}
	err := line.Run(context.Background(), append([]string{line.Name}, keepEmpty(args)...))
	if err != nil { // the one thing that is left to go wrong: the last flag has no value
		name, _, _ := cutFlag(args[len(args)-1])
		switch f := find(declared, name); {
		case f == nil:
			unknown(name)
		case f.refuses:
			f.take("")
		default:
			p.addOther("the flag -%s needs a value", name)
		}
	}
	return line.Args().Slice()
}

// declare returns the flags that there are. What is wrong with a value goes to p.
func (c *command) declare(p *problems) []cli.Flag {
	flags := []cli.Flag{
		&anyFlag{names: []string{"config"}, take: func(path string) {
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
		flags = append(flags, &anyFlag{names: []string{st.flag()}, boolean: st.boolean, refuses: st.secret, take: func(text string) { c.set(st, text, p) }})
	}
	return flags
}

// toggle returns a flag that turns something on.
func toggle(target *bool, p *problems, names ...string) cli.Flag {
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
	if st.secret {
		p.addOther("there is no %s, because others can see flags: set %s or %s", where, st.name, st.key().FileName())
		return
	}
	if before, again := c.flags.Values[st.name]; again && before.Text != text {
		p.addFirst(st.name, "has two values that differ (%s, twice): remove one of them", where)
	}
	c.flags.Values[st.name] = source.Value{Text: text, Where: where}
}
