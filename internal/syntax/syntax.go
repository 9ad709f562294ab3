package syntax

import (
	"strings"

	"github.com/google/uuid"
)

// maxCode bounds what [Code] lets through: real ones are shorter.
const maxCode = 64

// IsGUID reports whether s is a GUID in its usual form, 8-4-4-4-12 hex digits.
func IsGUID(s string) bool { return len(s) == 36 && uuid.Validate(s) == nil }

// IsVisible reports whether s is not empty and consists of visible ASCII characters,
// as tokens, scopes and ids do. Then it is fit for a header.
func IsVisible(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// Code returns s if it looks like the code of an error or like an id, and is thus fit
// for a log, or else "": names of people and identities have other characters, and
// tokens are longer.
func Code(s string) string {
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	}
	if len(s) > maxCode || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}
