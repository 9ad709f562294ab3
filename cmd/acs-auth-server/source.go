package main

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// A layer is one source of settings: the flags, the environment, or a file.
// What an earlier layer says beats what a later one does.
type layer struct {
	name   string
	values map[string]value // by any of a setting's names
}

// A value is what a layer says, and where, for people.
type value struct {
	text, where string
	file        string // that a secret was read from; "": none
}

// environment is the layer of the process's environment, given as os.Environ
// returns it.
func environment(environ []string) layer {
	env := layer{name: "the environment", values: make(map[string]value)}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok {
			env.values[name] = value{text: text, where: "environment variable " + name}
		}
	}
	return env
}

// names returns the names that the value of a setting can have, but not those of
// the further entries of numbered lists.
func (st setting) names() []string { return append([]string{st.name}, st.aliases...) }

// fileName returns the name under which a file is named that holds the value of a
// secret.
func (st setting) fileName() string { return st.name + "_FILE" }

// allNames returns the names of a setting, that of its file included.
func (st setting) allNames() []string {
	if st.secret {
		return append(st.names(), st.fileName())
	}
	return st.names()
}

// knownNames returns a function that tells whether some setting has a name.
func knownNames() func(name string) bool {
	known := make(map[string]bool)
	for _, st := range allSettings() {
		for _, name := range st.allNames() {
			known[name] = true
		}
	}
	numbered := regexp.MustCompile(`__(0|[1-9]\d{0,8})$`)
	return func(name string) bool {
		return known[name] || known[numbered.ReplaceAllString(name, "__0")]
	}
}

// load reads the settings from layers, and reports whatever is wrong with them.
func load(layers []layer, dev bool, p *problems) *settings {
	s := &settings{dev: dev, files: make(map[string]string), origins: make(map[string]origin)}
	p.from = make(map[string]string)
	for _, st := range allSettings() {
		if st.fallback != "" {
			if err := st.parse(s, st.fallback); err != nil {
				panic(fmt.Sprintf("the default of %s %v", st.name, err)) // a mistake in the table
			}
		}
		found, placeholder := lookup(layers, st, p)
		s.origins[st.name] = originOf(st, found, placeholder)
		switch {
		case found.text != "":
			p.from[st.name] = found.where
			if found.file != "" {
				s.files[st.name] = found.file
			}
			if err := st.parse(s, found.text); err != nil {
				p.add(st.name, "%v", err)
			}
		case placeholder != "" && st.strict:
			p.addFirst(st.name, "is still a placeholder: fill it in or remove it (%s)", placeholder)
		case placeholder != "" && st.required:
			p.addFirst(st.name, "is missing: there is only a placeholder (%s)", placeholder)
		case st.required:
			p.addFirst(st.name, "is missing")
		}
	}
	s.otel = readOTel(layers, p)
	s.complete()
	s.check(p)
	return s
}

// lookup returns the value of a setting in the first layer that has one. If there
// is none, placeholder tells where something was that looks like one.
func lookup(layers []layer, st setting, p *problems) (found value, placeholder string) {
	for _, l := range layers {
		v, remains := l.lookup(st, p)
		if v.text != "" {
			return v, ""
		}
		placeholder = cmp.Or(placeholder, remains)
	}
	return value{}, placeholder
}

// lookup returns the value of a setting in the layer, as the function lookup does
// for all of them.
func (l layer) lookup(st setting, p *problems) (found value, placeholder string) {
	usable := func(v value) bool {
		if isPlaceholder(v.text) {
			placeholder = v.where
			return false
		}
		return v.text != ""
	}
	for _, name := range st.names() {
		v := l.value(name)
		switch {
		case !usable(v):
		case found.text == "":
			found = v
		case found.text != v.text:
			p.addFirst(st.name, "has two values that differ (%s, and %s): remove one of them", found.where, v.where)
		}
	}
	if !st.secret {
		return found, placeholder
	}
	file := l.value(st.fileName())
	switch {
	case !usable(file):
	case found.text != "":
		p.addFirst(st.name, "is set (%s), and so is the file to read it from (%s): remove one of them", found.where, file.where)
	default:
		found = readSecret(st, file, p)
	}
	return found, placeholder
}

// value returns what the layer has under a name, without spaces around it. A name
// that ends in __0 is that of a list, whose entries are numbered.
func (l layer) value(name string) value {
	list, numbered := strings.CutSuffix(name, "__0")
	if !numbered {
		v := l.values[name]
		return value{text: strings.TrimSpace(v.text), where: v.where}
	}
	entries := make(map[int]value)
	for name, entry := range l.values {
		digits, ok := strings.CutPrefix(name, list+"__")
		if i, err := strconv.Atoi(digits); ok && err == nil && strconv.Itoa(i) == digits {
			entries[i] = entry
		}
	}
	var found value
	var texts []string
	for _, i := range slices.Sorted(maps.Keys(entries)) { // gaps are no mistake in .NET
		texts = append(texts, strings.TrimSpace(entries[i].text))
		found.where = cmp.Or(found.where, entries[i].where)
	}
	found.text = strings.Join(texts, ",")
	return found
}

// isPlaceholder recognises what people leave in files that they were to fill in,
// such as <your_client_id>.
func isPlaceholder(s string) bool {
	return strings.HasPrefix(s, "<") && strings.HasSuffix(s, ">")
}

// readSecret reads a secret from the file that file.text names. What goes wrong is
// reported without that name, in case it is the secret itself.
func readSecret(st setting, file value, p *problems) value {
	content, err := reload.Open(reload.Config[string]{Path: file.text, Parse: secretText})
	if err != nil {
		p.addFirst(st.name, "cannot be read from the file that %s names: %v", st.fileName(), err)
		return value{}
	}
	return value{text: *content.Current(), where: file.where, file: file.text}
}
