package jose

import "strings"

// A scanner reads JSON (RFC 8259) once, from left to right. Its methods move
// behind what they are named after, and report whether it was there.
type scanner struct {
	text string
	pos  int
}

// peek returns the next byte, 0 at the end. No JSON text holds a 0 byte outside of
// strings.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) oneOf(set string) bool {
	if strings.IndexByte(set, s.peek()) < 0 {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) space() {
	for {
		switch s.peek() {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// value reads any value. Arrays and objects in it may be nested to a depth.
func (s *scanner) value(depth int) bool {
	switch s.peek() {
	case '"':
		return s.quoted()
	case '{':
		return depth > 1 && s.list('}', func() bool {
			_, _, ok := s.member(depth - 1)
			return ok
		})
	case '[':
		return depth > 1 && s.list(']', func() bool { return s.value(depth - 1) })
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// list reads what is between an opening bracket and its end.
func (s *scanner) list(end byte, element func() bool) bool {
	s.pos++ // the opening bracket
	if s.space(); s.take(end) {
		return true
	}
	for element() {
		if s.space(); s.take(end) {
			return true
		}
		if !s.take(',') {
			return false
		}
		s.space()
	}
	return false
}

// member reads a member of an object, and returns its name, with quotes and
// escapes, and its value.
func (s *scanner) member(depth int) (name, value string, ok bool) {
	start := s.pos
	if !s.quoted() {
		return "", "", false
	}
	name = s.text[start:s.pos]
	if s.space(); !s.take(':') {
		return "", "", false
	}
	s.space()
	start = s.pos
	ok = s.value(depth)
	return name, s.text[start:s.pos], ok
}

func (s *scanner) quoted() bool {
	if !s.take('"') {
		return false
	}
	for s.pos < len(s.text) {
		c := s.text[s.pos]
		s.pos++
		switch {
		case c == '"':
			return true
		case c == '\\':
			if !s.escaped() {
				return false
			}
		case c < ' ':
			return false
		}
	}
	return false
}

// escaped reads what follows a backslash.
func (s *scanner) escaped() bool {
	if !s.take('u') {
		return s.oneOf(`"\/bfnrt`)
	}
	for range 4 {
		if !s.oneOf("0123456789abcdefABCDEF") {
			return false
		}
	}
	return true
}

func (s *scanner) literal(word string) bool {
	if !strings.HasPrefix(s.text[s.pos:], word) {
		return false
	}
	s.pos += len(word)
	return true
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
