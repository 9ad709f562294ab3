package source

import (
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// A search looks for one setting in one layer. It is a source of package cli, whose
// chain goes through the layers and stops at the first that has a value.
type search struct {
	Layer
	key Key

	found       Value
	placeholder string // where something is that looks like one; "": nowhere
	mistakes    []Mistake
}

// Lookup reports whether the layer has a value. One that cannot be used is a value
// too: what a later layer says is not what was meant.
func (s *search) Lookup() (text string, found bool) {
	s.findValue()
	if s.key.Secret {
		s.findSecret()
	}
	return s.found.Text, s.found.Where != ""
}

func (s *search) String() string   { return s.Name }
func (s *search) GoString() string { return s.Name }

// findValue takes the value of the first name that has one. The others must have the
// same, or none.
func (s *search) findValue() {
	for _, name := range s.key.Names() {
		v := s.value(name)
		switch v.Text = strings.TrimSpace(v.Text); {
		case !s.usable(v):
		case s.found.Where == "":
			s.found = v
		case s.found.Text != v.Text:
			s.wrong("has two values that differ (%s, and %s): remove one of them", s.found.Where, v.Where)
		}
	}
}

// findSecret judges the secret that was found, or reads it from its file.
func (s *search) findSecret() {
	file := s.value(s.key.FileName())
	switch {
	case !s.usable(file) && s.found.Where == "":
	case !s.usable(file):
		text, err := s.key.Text([]byte(s.found.Text))
		if err != nil {
			s.wrong("cannot be used as it stands (%s): %v", s.found.Where, err)
		}
		s.found.Text = text
	case s.found.Where != "":
		s.wrong("is set (%s), and so is the file to read it from (%s): remove one of them", s.found.Where, file.Where)
	default:
		s.found = Value{Where: file.Where, File: strings.TrimSpace(file.Text)}
		content, err := reload.Read(s.found.File)
		if err == nil {
			s.found.Text, err = s.key.Text(content)
		}
		if err != nil {
			// Without its name, in case that is the secret itself.
			s.wrong("cannot be read from the file that %s names: %v", s.key.FileName(), err)
		}
	}
}

// usable reports whether a layer's entry is a value, and notes a placeholder.
func (s *search) usable(v Value) bool {
	if IsPlaceholder(strings.TrimSpace(v.Text)) {
		s.placeholder = v.Where
	}
	return v.IsSet()
}

func (s *search) wrong(format string, args ...any) {
	s.mistakes = append(s.mistakes, mistake(s.key.Name, format, args...))
}
