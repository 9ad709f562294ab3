package main

import (
	"regexp"
	"strings"

	"github.com/urfave/cli/v3"
)

// An anyFlag is a flag that takes any value, and hands it on.
type anyFlag struct {
	cli.StringFlag // for what package cli asks besides; it has no value

	names   []string
	boolean bool // it needs no value, and then has the value "true"
	take    func(text string)
	instead string // what to set instead, for there is no such flag; "": there is
}

func (f *anyFlag) Names() []string  { return f.names }
func (f *anyFlag) IsBoolFlag() bool { return f.boolean }

func (f *anyFlag) Set(_, text string) error {
	f.take(strings.TrimSpace(text))
	return nil
}

// flagForm is that of the names of flags. What has another may be anything, and is not
// repeated.
var flagForm = regexp.MustCompile(`^--?([a-z][a-z0-9-]*)(=|$)`)

// cutFlag returns the name of the flag that an argument can be meant for.
func cutFlag(arg string) (name string, hasText, ok bool) {
	match := flagForm.FindStringSubmatch(arg)
	if match == nil {
		return "", false, false
	}
	return match[1], match[2] != "", true
}

// keepEmpty puts a space in place of no value after an equals sign. Without one,
// package cli would read -metrics= as -metrics=true.
func keepEmpty(arg string) string {
	if strings.HasSuffix(arg, "=") {
		return arg + " "
	}
	return arg
}
