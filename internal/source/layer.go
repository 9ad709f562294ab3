package source

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"
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

// IsSet reports whether v is a value, and neither empty nor a placeholder.
func (v Value) IsSet() bool {
	text := strings.TrimSpace(v.Text)
	return text != "" && !IsPlaceholder(text)
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

// Lookup returns the value of a setting from the first layer that has one. If no layer
// has, placeholder is where a placeholder such as <your_client_id> was found, "" if
// there was none. A Value with a Where and no Text is set, but cannot be used: mistakes
// says why.
func Lookup(layers []Layer, k Key) (found Value, placeholder string, mistakes []Mistake) {
	var chain cli.ValueSourceChain
	for _, l := range layers {
		chain.Chain = append(chain.Chain, &search{Layer: l, key: k})
	}
	if _, first, ok := chain.LookupWithSource(); ok {
		s := first.(*search)
		return s.found, "", s.mistakes
	}
	for _, looked := range chain.Chain {
		placeholder = cmp.Or(placeholder, looked.(*search).placeholder)
	}
	return Value{}, placeholder, nil
}

// value returns what the layer has under a name. A name that ends in __0 is that of a
// list, whose entries are numbered. Those that are not set do not count.
func (l Layer) value(name string) Value {
	list, numbered := strings.CutSuffix(name, "__0")
	if !numbered {
		return l.Values[name]
	}
	entries := make(map[int]Value)
	for name, entry := range l.Values {
		digits, ok := strings.CutPrefix(name, list+"__")
		if i, err := strconv.Atoi(digits); ok && err == nil && i >= 0 && strconv.Itoa(i) == digits {
			entries[i] = entry
		}
	}
	var found, unset Value
	var texts []string
	for _, i := range slices.Sorted(maps.Keys(entries)) { // gaps are no mistake in .NET
		if !entries[i].IsSet() {
			unset = entries[i]
			continue
		}
		texts = append(texts, strings.TrimSpace(entries[i].Text))
		found.Where = cmp.Or(found.Where, entries[i].Where)
	}
	if len(texts) == 0 {
		return unset
	}
	found.Text = strings.Join(texts, ",")
	return found
}
