package httpx

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	// MaxClaims bounds a claims challenge, which ends up in a header of our own
	// answer. In base64 this is 11 KiB, which leaves room within the 16 KiB of
	// headers that Node.js accepts.
	MaxClaims = 8 << 10

	// What a challenge may consist of at most. Real ones are three objects deep.
	maxClaimsDepth   = 64
	maxClaimsMembers = 256 // of one object; telling them apart takes quadratic time
)

// CompactClaims returns the JSON text of a claims challenge without white space, and
// whether it can be passed on: an object in UTF-8 of at most [MaxClaims], which all
// parsers read alike. Of two members whose names are equal, or differ in case only,
// one parser would take the first and another the last. Anything else would take a
// client into a sign-in that cannot succeed.
//
// Nothing in what it returns can end a line: JSON has no control characters other
// than white space.
func CompactClaims(text string) (string, bool) {
	if len(text) > MaxClaims || !utf8.ValidString(text) {
		return "", false
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) != nil || compact.Bytes()[0] != '{' {
		return "", false
	}
	d := json.NewDecoder(bytes.NewReader(compact.Bytes()))
	d.UseNumber() // of any size
	if !readsAlike(d, 1) {
		return "", false
	}
	return compact.String(), true
}

// readsAlike reads a value, and reports whether all parsers would read the same.
func readsAlike(d *json.Decoder, depth int) bool {
	token, err := d.Token()
	if err != nil {
		return false
	}
	opening, composite := token.(json.Delim)
	if !composite {
		return true
	}
	if depth > maxClaimsDepth {
		return false
	}
	var names []string
	for d.More() {
		if opening == '{' {
			token, err := d.Token()
			name, ok := token.(string)
			same := func(other string) bool { return strings.EqualFold(other, name) }
			if err != nil || !ok || len(names) == maxClaimsMembers || slices.ContainsFunc(names, same) {
				return false
			}
			names = append(names, name)
		}
		if !readsAlike(d, depth+1) {
			return false
		}
	}
	_, err = d.Token() // what closes it
	return err == nil
}
