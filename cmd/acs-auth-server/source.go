package main

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// sources returns the layers in which the settings are looked for, the one that beats
// all others first, and the names of those in the environment that -dev leaves out.
func sources(c command, env source.Layer, p *problems) (layers []source.Layer, ignored []string) {
	layers = []source.Layer{c.flags, env}
	if c.config != "" {
		file, mistakes := source.File(c.config, knownNames())
		p.take(mistakes)
		layers = append(layers, file)
	}
	if c.dev {
		ignored = dropAzure(&env)
		for _, l := range layers {
			refuseAzure(l, p)
		}
	}
	return layers, ignored
}

// key returns how the value of the setting is found.
func (st setting) key() source.Key {
	return source.Key{Name: st.name, Aliases: st.aliases, Secret: st.secret, Lines: st.lines}
}

// keyOf returns the key of the setting with a name.
func keyOf(name string) source.Key {
	all := allSettings()
	i := slices.IndexFunc(all, func(st setting) bool { return st.name == name })
	return all[i].key()
}

// knownNames returns a function that tells whether some setting has a name.
func knownNames() func(name string) bool {
	known := make(map[string]bool)
	for _, st := range allSettings() {
		for _, name := range st.key().AllNames() {
			known[name] = true
		}
	}
	numbered := regexp.MustCompile(`__(0|[1-9]\d{0,8})$`)
	return func(name string) bool {
		return known[name] || known[numbered.ReplaceAllString(name, "__0")]
	}
}

// load reads the settings from layers, and reports whatever is wrong with them.
func load(layers []source.Layer, dev bool, p *problems) *settings {
	s := &settings{dev: dev, origins: make(map[string]origin)}
	p.from = make(map[string]string)
	for _, st := range allSettings() {
		if st.fallback != "" {
			if err := st.parse(s, st.fallback); err != nil {
				panic(fmt.Sprintf("the default of %s %v", st.name, err)) // a mistake in the table
			}
		}
		found, placeholder, mistakes := source.Lookup(layers, st.key())
		p.take(mistakes)
		s.origins[st.name] = originOf(st, found, placeholder)
		if found.Where != "" {
			p.from[st.name] = found.Where
		}
		switch {
		case found.Text != "":
			if err := st.parse(s, found.Text); err != nil {
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
	if p.has("MAPPING_STORE") {
		s.mappingStore = storeUnknown // so that nobody draws conclusions from the default
	}
	s.otel = readOTel(layers, p)
	s.complete()
	s.check(p)
	return s
}
