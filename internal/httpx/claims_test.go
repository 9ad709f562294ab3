package httpx_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

func TestCompactClaims(t *testing.T) {
	t.Parallel()
	ofLength := func(n int) string { return `{"x":"` + strings.Repeat("x", n-len(`{"x":""}`)) + `"}` }
	nested := func(depth int) string { return strings.Repeat(`{"x":`, depth) + "1" + strings.Repeat("}", depth) }
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"` + strconv.Itoa(i) + `":1`)
		}
		return "{" + b.String()[1:] + "}"
	}
	for _, test := range []struct {
		name, text string
		want       string // "" if it cannot be passed on
	}{
		{"usual", `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`, `{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`},
		{"white space", " {\r\n\t\"a\" : [ 1, {\"b\": null} ] }\n", `{"a":[1,{"b":null}]}`},
		{"white space in a string", `{"a b":"c d"}`, `{"a b":"c d"}`},
		{"nothing demanded", `{}`, `{}`},
		{"the same name in two objects", `{"a":{"x":1},"b":{"x":2}}`, `{"a":{"x":1},"b":{"x":2}}`},
		{"a number of any size", `{"a":1e400}`, `{"a":1e400}`},
		{"not ASCII", `{"é":"日本"}`, `{"é":"日本"}`},
		{"as long as can be", ofLength(httpx.MaxClaims), ofLength(httpx.MaxClaims)},
		{"as deep as can be", nested(64), nested(64)},
		{"as many as can be", members(256), members(256)},

		{"empty", "", ""},
		{"white space only", " \r\n", ""},
		{"no JSON", "x", ""},
		{"cut off", `{"access_token":{`, ""},
		{"something behind", `{} {}`, ""},
		{"null", `null`, ""},
		{"an array", `[{}]`, ""},
		{"a string", `"{}"`, ""},
		{"a line break in a string", "{\"x\":\"\r\nSet-Cookie: a=b\"}", ""},
		{"not UTF-8", "{\"x\":\"\xff\"}", ""},
		{"a name twice", `{"x":1,"x":2}`, ""},
		{"a name in two cases", `{"access_token":{},"Access_Token":{}}`, ""},
		{"a name, and escaped", `{"x":1,"\u0078":2}`, ""},
		{"a name twice, further inside", `{"a":[{"b":{"x":1,"X":2}}]}`, ""},
		{"too long", ofLength(httpx.MaxClaims + 1), ""},
		{"too deep", nested(65), ""},
		{"too many", members(257), ""},
	} {
		if got, ok := httpx.CompactClaims(test.text); got != test.want || ok != (test.want != "") {
			t.Errorf("%s: CompactClaims(%.60q) = %.60q, %v; want %.60q", test.name, test.text, got, ok, test.want)
		}
	}
}

// What is passed on is an object that means what the challenge meant, and is fit for
// a header once it is encoded; and nothing is passed on by half.
func FuzzCompactClaims(f *testing.F) {
	for _, text := range []string{
		`{"access_token":{"acrs":{"essential":true,"value":"c1"}}}`, " {\r\n\"a\" : [1, 2.5e3, true, null, {}] } ",
		`{"x":1,"X":2}`, `{"x":"\ud800\u0000"}`, `{"\ud800":1,"\ud801":2}`, `{} {}`, `[{}]`, `null`, "{\"x\":\"\xff\"}", `{`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		compact, ok := httpx.CompactClaims(text)
		if !ok {
			if compact != "" {
				t.Errorf("refused, with %q", compact)
			}
			return
		}
		if len(compact) > len(text) || len(text) > httpx.MaxClaims || !utf8.ValidString(compact) || strings.ContainsFunc(compact, func(r rune) bool { return r < ' ' && unicode.IsControl(r) }) {
			t.Errorf("CompactClaims(%q) = %q", text, compact)
		}
		if again, ok := httpx.CompactClaims(compact); !ok || again != compact {
			t.Errorf("CompactClaims(%q) = %q, %v", compact, again, ok)
		}
		if before, after := object(t, text), object(t, compact); !reflect.DeepEqual(before, after) {
			t.Errorf("%q became %q", text, compact)
		}
	})
}

// object returns the JSON object that text must hold.
func object(t *testing.T, text string) (members map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&members); err != nil || members == nil {
		t.Errorf("%q is no JSON object: %v", text, err)
	}
	return members
}
