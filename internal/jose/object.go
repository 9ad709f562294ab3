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

// MaxDepth bounds how deeply objects and arrays may be nested in what [EachMember]
// reads, the object itself being the first.
const MaxDepth = 64

// What [EachMember] and [Text] answer.
var (
	// ErrAmbiguous reports an object that different parsers read differently.
	ErrAmbiguous = errors.New("two members have the same name, or differ in case only")
	// ErrNotString reports a value that is no JSON string.
	ErrNotString = errors.New("not a string")
)

// EachMember calls f for every member of the JSON object in text, in order, with
// the name unescaped and the value as it stands. It stops at f's first error.
//
// Unlike encoding/json, which takes the last of several members and ignores the
// case of their names, it refuses the whole object if two names are equal or
// differ in case only: of {"tid":"a","TID":"b"} one check would see a and
// another b. That error is [ErrAmbiguous]. Nor does it mend bytes that are no
// UTF-8. It calls f only after it has read the whole text.
func EachMember(text string, f func(name, value string) error) error {
	var usual [32]member // so that what tokens have takes no memory from the heap
	members, err := split(usual[:0], text)
	if err != nil {
		return err
	}
	for i, m := range members {
		for _, other := range members[:i] {
			if strings.EqualFold(m.name, other.name) {
				return ErrAmbiguous // without the name, which whoever sent it made up
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

// Text returns the text of a string that [EachMember] gave as a value, of which it
// may be a part. The error is [ErrNotString], of null too.
func Text(value string) (string, error) {
	if !strings.HasPrefix(value, `"`) {
		return "", ErrNotString
	}
	return unquote(value)
}

type member struct {
	name, value string
}

// split cuts a JSON object into its members, which it appends to members.
func split(members []member, text string) ([]member, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("not UTF-8")
	}
	s := scanner{text: text}
	s.space()
	if s.peek() != '{' {
		return nil, errors.New("not a JSON object")
	}
	complete := s.list('}', func() bool {
		name, value, ok := s.member(MaxDepth)
		members = append(members, member{name, value})
		return ok && len(members) <= MaxMembers
	})
	if len(members) > MaxMembers {
		return nil, fmt.Errorf("more than %d members", MaxMembers)
	}
	if s.space(); !complete || s.pos < len(text) {
		return nil, errors.New("not valid JSON")
	}
	for i := range members {
		var err error
		if members[i].name, err = unquote(members[i].name); err != nil {
			return nil, err
		}
	}
	return members, nil
}

// unquote returns the text of a valid JSON string. Without escapes it is a part
// of quoted.
func unquote(quoted string) (string, error) {
	if !strings.Contains(quoted, `\`) {
		return quoted[1 : len(quoted)-1], nil
	}
	var text string
	err := json.Unmarshal([]byte(quoted), &text)
	return text, err
}
