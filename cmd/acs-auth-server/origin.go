package main

import (
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// An origin is what is in force for a setting, and where that comes from.
type origin struct {
	value string // "": nothing is in force, or it is a secret that somebody has set
	where string // for people
	set   bool   // somebody has set it; otherwise it is a default
	from  string // the setting that it follows from; "": none
	file  string // that a secret was read from; "": none
}

// originOf returns the origin of what the layers say about a setting, before other
// settings are looked at.
func originOf(st setting, found source.Value, placeholder string) origin {
	switch {
	case found.Where != "" && st.secret: // even if it cannot be used
		return origin{where: found.Where, set: true, file: found.File}
	case found.Text != "":
		return origin{value: found.Text, where: found.Where, set: true}
	}
	o := origin{value: st.fallback, where: "default"}
	if o.value == "" {
		o.where = st.standard()
	}
	if placeholder != "" {
		o.where += "; a placeholder does not count (" + placeholder + ")"
	}
	return o
}

// infer fills in a setting that has no value with one that follows from another
// setting.
func (s *settings) infer(name string, field *string, value, from string) {
	if *field == "" && value != "" {
		*field = value
		s.inferred(name, value, from)
	}
}

// inferred notes that what is in force for a setting follows from another one,
// unless somebody has set it.
func (s *settings) inferred(name, value, from string) {
	if s.origins[name].set || value == "" {
		return
	}
	o := origin{value: value, where: "follows from " + from, from: from}
	if s.origins[from].where == devName {
		o.where = devName
	}
	s.origins[name] = o
}
