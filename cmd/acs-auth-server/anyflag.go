package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v3"
)

// An anyFlag is a flag that takes any value, and hands it on.
type anyFlag struct {
	cli.StringFlag // for what package cli asks besides

	names   []string
	boolean bool // it needs no value, and then has the value "true"
	refuses bool // take refuses every value
	take    func(text string)
}

func (f *anyFlag) Names() []string  { return f.names }
func (f *anyFlag) IsBoolFlag() bool { return f.boolean }

func (f *anyFlag) Set(_, text string) error {
	f.take(strings.TrimSpace(text))
	return nil
}

// unknownFlags returns flags for the arguments that look like one, and are not
// declared. They report themselves where package cli comes upon them.
func unknownFlags(args []string, declared []cli.Flag, report func(name string)) (flags []cli.Flag) {
	for i, arg := range args {
		name, hasText, ok := cutFlag(arg)
		if !ok || find(declared, name) != nil || find(flags, name) != nil {
			continue
		}
		// What follows is likely to be its value.
		takesNext := !hasText && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-")
		flags = append(flags, &anyFlag{names: []string{name}, boolean: !takesNext, take: func(string) { report(name) }})
	}
	return flags
}

// find returns the flag of a name, nil if there is none.
func find(flags []cli.Flag, name string) *anyFlag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f.(*anyFlag)
		}
	}
	return nil
}

// cutFlag returns the name of the flag that package cli takes arg for, if it does.
func cutFlag(arg string) (name string, hasText, ok bool) {
	name, ok = strings.CutPrefix(strings.TrimSpace(arg), "-")
	name, _, hasText = strings.Cut(strings.TrimPrefix(name, "-"), "=")
	return name, hasText, ok
}

// keepEmpty returns args with a space in place of no value after an equals sign.
// Without one, package cli would read -metrics= as -metrics=true.
func keepEmpty(args []string) []string {
	kept := slices.Clone(args)
	for i, arg := range kept {
		if strings.HasSuffix(arg, "=") {
			kept[i] = arg + " "
		}
	}
	return kept
}
