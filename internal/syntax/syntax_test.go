package syntax_test

import (
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

func TestForms(t *testing.T) {
	t.Parallel()
	const guid = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	for _, test := range []struct {
		name, text          string
		guid, visible, code bool
	}{
		{"nothing", "", false, false, false},
		{"a GUID", guid, true, true, true},
		{"a GUID in upper case", strings.ToUpper(guid), true, true, true},
		{"a GUID without hyphens", strings.ReplaceAll(guid, "-", ""), false, true, true},
		{"a GUID in braces", "{" + guid + "}", false, true, false},
		{"a GUID as a URN", "urn:uuid:" + guid, false, true, false},
		{"a GUID and a letter", guid + "a", false, true, true},
		{"no hex digit", strings.Replace(guid, "7", "g", 1), false, true, true},
		{"a code", "Authorization_RequestDenied", false, true, true},
		{"64 characters", strings.Repeat("a", 64), false, true, true},
		{"65 characters", strings.Repeat("a", 65), false, true, false},
		{"the first and the last visible character", "!~", false, true, false},
		{"an identity", "8:acs:" + guid + "_" + guid, false, true, false},
		{"a space", "a b", false, false, false},
		{"a line break", "a\n", false, false, false},
		{"a control character", "a\x7f", false, false, false},
		{"another script", "ä", false, false, false},
		{"no UTF-8", "\xff", false, false, false},
	} {
		if got := syntax.IsGUID(test.text); got != test.guid {
			t.Errorf("%s: IsGUID is %v", test.name, got)
		}
		if got := syntax.IsVisible(test.text); got != test.visible {
			t.Errorf("%s: IsVisible is %v", test.name, got)
		}
		if got := syntax.Code(test.text) != ""; got != test.code {
			t.Errorf("%s: Code lets it through: %v", test.name, got)
		}
	}
}
