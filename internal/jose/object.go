package jose

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxMembers bounds the members of an object that [EachMember] reads, since
// telling them apart takes time that grows with the square of their number.
const MaxMembers = 256

// ErrAmbiguous reports an object that different parsers read differently.
var ErrAmbiguous = errors.New("two members have the same name, or differ in case only")

// EachMember calls f for every member of the JSON object in data, in order, with
// the name unescaped and the value as it stands. It stops at f's first error.
//
// Unlike encoding/json, which takes the last of several members and ignores the
// case of their names, it refuses the whole object if two names are equal or
// differ in case only: of {"tid":"a","TID":"b"} one check would see a and
// another b. That error wraps [ErrAmbiguous] and comes before the first call.
func EachMember(data []byte, f func(name string, value []byte) error) error {
	if !json.Valid(data) {
		return errors.New("not valid JSON")
	}
	members, err := split(data)
	if err != nil {
		return err
	}
	for i, m := range members {
		for _, other := range members[:i] {
			if len(m.name) == len(other.name) && m.name == other.name || strings.EqualFold(m.name, other.name) {
				return fmt.Errorf("%w: %q", ErrAmbiguous, m.name)
			}
		}
	}
	for _, m := range members {
		if err := f(m.name, m.value); err != nil {
			return err
		}
	}
	return nil
}

type member struct {
	name  string
	value []byte
}

// split cuts a valid JSON object into its members.
func split(data []byte) ([]member, error) {
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return nil, errors.New("not a JSON object")
	}
	s.pos++
	members := make([]member, 0, 32)
	for {
		s.space()
		switch s.peek() {
		case '}':
			return members, nil
		case ',':
			s.pos++
			s.space()
		}
		if len(members) == MaxMembers {
			return nil, fmt.Errorf("more than %d members", MaxMembers)
		}
		name, err := unquote(s.value())
		if err != nil {
			return nil, err
		}
		s.space()
		s.pos++ // the colon
		s.space()
		members = append(members, member{name, s.value()})
	}
}

// unquote returns the text of a JSON string.
func unquote(quoted []byte) (string, error) {
	if inner := quoted[1 : len(quoted)-1]; utf8.Valid(inner) && !strings.Contains(string(inner), `\`) {
		return string(inner), nil
	}
	var name string
	err := json.Unmarshal(quoted, &name)
	return name, err
}

// A scanner walks over JSON that is known to be valid, which is why it need not
// look out for the end.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) peek() byte { return s.data[s.pos] }

func (s *scanner) space() {
	for s.pos < len(s.data) && strings.IndexByte(" \t\r\n", s.data[s.pos]) >= 0 {
		s.pos++
	}
}

// value returns the value that begins here, and moves behind it.
func (s *scanner) value() []byte {
	start, depth := s.pos, 0
	for {
		switch c := s.peek(); c {
		case '"':
			s.quoted()
		case '{', '[':
			depth++
			s.pos++
		case '}', ']':
			depth--
			s.pos++
		default:
			s.pos++
		}
		if depth == 0 && (s.pos == len(s.data) || s.ends(start)) {
			return s.data[start:s.pos]
		}
	}
}

// ends reports whether the value from start on is complete here: after a closing
// quote or bracket, or where a number or literal stops.
func (s *scanner) ends(start int) bool {
	switch s.data[start] {
	case '"', '{', '[':
		return true
	}
	return strings.IndexByte(",}] \t\r\n", s.peek()) >= 0
}

func (s *scanner) quoted() {
	for s.pos++; s.peek() != '"'; s.pos++ {
		if s.peek() == '\\' {
			s.pos++
		}
	}
	s.pos++
}
