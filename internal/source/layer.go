package source

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// A Layer is one source of settings: the flags, the environment, or a file. What an
// earlier layer says beats what a later one does.
type Layer struct {
	Name   string
	Values map[string]Value // by any of a setting's names
}

// A Value is what a layer says, and where, for people.
type Value struct {
	Text, Where string
	File        string // that a secret was read from; "": none
}

// Environment is the layer of the process's environment, given as os.Environ
// returns it.
func Environment(environ []string) Layer {
	env := Layer{Name: "the environment", Values: make(map[string]Value)}
	for _, entry := range environ {
		if name, text, ok := strings.Cut(entry, "="); ok {
			env.Values[name] = Value{Text: text, Where: "environment variable " + name}
		}
	}
	return env
}

// Lookup returns the value of a setting in the first layer that has one. If there is
// none, placeholder tells where something was that looks like one. A value without a
// Text, but with a Where, is one that cannot be used: there are mistakes about it.
func Lookup(layers []Layer, k Key) (found Value, placeholder string, mistakes []Mistake) {
	for _, l := range layers {
		v, remains, wrong := l.lookup(k)
		mistakes = append(mistakes, wrong...)
		if v.Text != "" || v.Where != "" && len(wrong) > 0 {
			return v, "", mistakes
		}
		placeholder = cmp.Or(placeholder, remains)
	}
	return Value{}, placeholder, mistakes
}

// lookup returns the value of a setting in the layer, as the function Lookup does
// for all of them.
func (l Layer) lookup(k Key) (found Value, placeholder string, mistakes []Mistake) {
	usable := func(v Value) bool {
		text := strings.TrimSpace(v.Text)
		if IsPlaceholder(text) {
			placeholder = v.Where
			return false
		}
		return text != ""
	}
	wrong := func(format string, args ...any) { mistakes = append(mistakes, mistake(k.Name, format, args...)) }
	for _, name := range k.Names() {
		v := l.value(name)
		switch {
		case !usable(v):
		case found.Text == "":
			found = v
		case strings.TrimSpace(found.Text) != strings.TrimSpace(v.Text):
			wrong("has two values that differ (%s, and %s): remove one of them", found.Where, v.Where)
		}
	}
	if !k.Secret {
		found.Text = strings.TrimSpace(found.Text)
		return found, placeholder, mistakes
	}
	file := l.value(k.FileName())
	switch {
	case !usable(file) && found.Text == "":
		return found, placeholder, mistakes
	case !usable(file):
		text, err := k.Text([]byte(found.Text))
		if err != nil {
			wrong("cannot be used as it stands (%s): %v", found.Where, err)
		}
		found.Text = text
	case found.Text != "":
		wrong("is set (%s), and so is the file to read it from (%s): remove one of them", found.Where, file.Where)
	default:
		found.Where, found.File = file.Where, strings.TrimSpace(file.Text)
		content, err := reload.Read(found.File)
		if err == nil {
			found.Text, err = k.Text(content)
		}
		if err != nil {
			// Without its name, in case that is the secret itself.
			wrong("cannot be read from the file that %s names: %v", k.FileName(), err)
		}
	}
	return found, placeholder, mistakes
}

// value returns what the layer has under a name. A name that ends in __0 is that of a
// list, whose entries are numbered.
func (l Layer) value(name string) Value {
	list, numbered := strings.CutSuffix(name, "__0")
	if !numbered {
		return l.Values[name]
	}
	entries := make(map[int]Value)
	for name, entry := range l.Values {
		digits, ok := strings.CutPrefix(name, list+"__")
		if i, err := strconv.Atoi(digits); ok && err == nil && strconv.Itoa(i) == digits {
			entries[i] = entry
		}
	}
	var found Value
	var texts []string
	for _, i := range slices.Sorted(maps.Keys(entries)) { // gaps are no mistake in .NET
		texts = append(texts, strings.TrimSpace(entries[i].Text))
		found.Where = cmp.Or(found.Where, entries[i].Where)
	}
	found.Text = strings.Join(texts, ",")
	return found
}
