package jose_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

func members(data string) (map[string]string, error) {
	got := map[string]string{}
	err := jose.EachMember(data, func(name, value string) error {
		got[name] = value
		return nil
	})
	return got, err
}

func TestEachMember(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, data string
		want       map[string]string
	}{
		{"empty", `{}`, map[string]string{}},
		{"empty, spaced", " { } ", map[string]string{}},
		{"every kind of value", `{"a":"s","b":-1.5e3,"c":true,"d":null,"e":[1,[2]],"f":{"g":{}}}`,
			map[string]string{"a": `"s"`, "b": "-1.5e3", "c": "true", "d": "null", "e": "[1,[2]]", "f": `{"g":{}}`}},
		{"white space everywhere", "\t{ \"a\" :\n1 ,\r\"b\" : [ 1 , 2 ] }\n", map[string]string{"a": "1", "b": "[ 1 , 2 ]"}},
		{"brackets and quotes in strings", `{"a":"}]\",{","b":["\\"],"c":"\\"}`, map[string]string{"a": `"}]\",{"`, "b": `["\\"]`, "c": `"\\"`}},
		{"escaped name", `{"\u0074id":"x"}`, map[string]string{"tid": `"x"`}},
		{"an escape as some parsers write it", `{"a\/b":"\/","\ud83d\ude00":0}`, map[string]string{"a/b": `"\/"`, "\U0001f600": "0"}},
		{"numbers of every form", `{"a":0,"b":-0,"c":10,"d":0.5,"e":1E+2,"f":1e-2}`,
			map[string]string{"a": "0", "b": "-0", "c": "10", "d": "0.5", "e": "1E+2", "f": "1e-2"}},
		{"nested as deeply as may be", deep(jose.MaxDepth), map[string]string{"a": strings.Repeat("[", jose.MaxDepth-1) + strings.Repeat("]", jose.MaxDepth-1)}},
		{"names that are nearly alike", `{"tid":1,"tid ":2,"t\u0131d":3,"":4}`, map[string]string{"tid": "1", "tid ": "2", "t\u0131d": "3", "": "4"}},
		{"equal names at different depths", `{"tid":{"tid":1,"TID":2}}`, map[string]string{"tid": `{"tid":1,"TID":2}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := members(test.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachMemberRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, data string
		ambiguous  bool
	}{
		{"the same name twice", `{"tid":1,"aud":2,"tid":1}`, true},
		{"names that differ in case", `{"tid":1,"TID":2}`, true},
		{"the same name, one escaped", `{"tid":1,"\u0074id":2}`, true},
		{"names that fold alike in Unicode", `{"kid":1,"` + "\u212a" + `id":2}`, true},
		{"names that fold alike, with a long s", `{"iss":1,"i\u017fs":2}`, true},
		{"equal names, both escaped", `{"\u0041":1,"\u0061":2}`, true},
		{"names that no character can tell apart", `{"\ud800":1,"\ud801":2}`, true},
		{"bytes that are no UTF-8", "{\"a\":\"\xff\"}", false},
		{"a name that is no UTF-8", "{\"\xff\":1}", false},
		{"a byte order mark", "\ufeff{}", false},
		{"nested too deeply", deep(jose.MaxDepth + 1), false},
		{"nested too deeply, objects", strings.Repeat(`{"a":`, jose.MaxDepth+1) + "0" + strings.Repeat("}", jose.MaxDepth+1), false},
		{"a trailing comma", `{"a":1,}`, false},
		{"a leading comma", `{,"a":1}`, false},
		{"no comma", `{"a":1 "b":2}`, false},
		{"no colon", `{"a" 1}`, false},
		{"no value", `{"a":}`, false},
		{"no closing bracket", `{"a":[1}`, false},
		{"no closing quote", `{"a":"b}`, false},
		{"a name without quotes", `{a:1}`, false},
		{"a number as a name", `{1:1}`, false},
		{"a number with a leading zero", `{"a":01}`, false},
		{"a number with a plus", `{"a":+1}`, false},
		{"a number without a fraction", `{"a":1.}`, false},
		{"a number without an exponent", `{"a":1e}`, false},
		{"only a minus", `{"a":-}`, false},
		{"a hexadecimal number", `{"a":0x1}`, false},
		{"NaN", `{"a":NaN}`, false},
		{"a literal in upper case", `{"a":True}`, false},
		{"a literal cut off", `{"a":nul}`, false},
		{"an unknown escape", `{"a":"\x41"}`, false},
		{"an escape cut off", `{"a":"\u004"}`, false},
		{"an escape at the end", `{"a":"\`, false},
		{"an escape that is no number", "{\"a\":\"\\u00\x11\x11\"}", false},
		{"a control character in a text", "{\"a\":\"\x1f\"}", false},
		{"a NUL behind", "{}\x00", false},
		{"other white space", "{\"a\":\u00a01}", false},
		{"a comment", `{"a":1/**/}`, false},
		{"an array", `[]`, false},
		{"a string", `"x"`, false},
		{"nothing", ``, false},
		{"two objects", `{}{}`, false},
		{"a cut-off object", `{"a":1`, false},
		{"too many members", `{` + strings.Repeat(`"":0,`, jose.MaxMembers) + `"a":0}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := members(test.data)
			if err == nil || len(got) > 0 {
				t.Fatalf("got %v, %v; want an error before the first member", got, err)
			}
			if errors.Is(err, jose.ErrAmbiguous) != test.ambiguous {
				t.Errorf("got %v; want ErrAmbiguous: %v", err, test.ambiguous)
			}
		})
	}
}

func TestEachMemberStops(t *testing.T) {
	t.Parallel()
	enough, calls := errors.New("enough"), 0
	err := jose.EachMember(`{"a":1,"b":2,"c":3}`, func(name, _ string) error {
		if calls++; name == "b" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || calls != 2 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// deep returns an object with arrays in it, nested to a depth.
func deep(depth int) string {
	return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + "}"
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{`"a b"`: "a b", `""`: "", `"\u0061\"\/"`: `a"/`, `"\ud83d\ude00"`: "\U0001f600", `"\ud800"`: "\ufffd"} {
		if got, err := jose.Text(value); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", value, got, err, want)
		}
	}
	for _, value := range []string{"null", "1", "true", `["a"]`, `{"a":"b"}`} {
		if got, err := jose.Text(value); !errors.Is(err, jose.ErrNotString) || got != "" {
			t.Errorf("%s: %q, %v; want ErrNotString", value, got, err)
		}
	}
}

// EachMember reads exactly the objects that encoding/json reads as well, as it does,
// unless two parsers could disagree about one, or it is too large.
func FuzzEachMember(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b":[{}],"c":"\"}"}`, `{"a":1,"A":2}`, `{"\u0061":1}`, "{\"\xff\":1}", `[`, `{"a":1e9}`, ` {"a" : null } `,
		`{"a":-0.5E+10,"b":[true,false,[],{}],"":""}`, `{"iss":1,"i\u017fs":2}`, `{"a":"\ud83d\ude00\ud800"}`, `{"a":01}`, `{"a":1,}`, deep(70),
		`{"tid":"11111111-1111-4111-8111-111111111111","TID":"x"}`, "\ufeff{}", `{"a":"` + "\u2028" + `"}x`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		got, err := members(data)
		want, ok := reference(data)
		switch {
		case err == nil && !ok:
			t.Fatalf("accepted %q", data)
		case err != nil && ok && strings.Count(data, "[")+strings.Count(data, "{") <= jose.MaxDepth:
			t.Fatalf("refused %q: %v", data, err)
		case err != nil && len(got) > 0:
			t.Fatalf("refused %q after the first member", data)
		case err == nil && !maps.Equal(want, got):
			t.Errorf("got %q, want %q", got, want)
		}
		for name, value := range got {
			var want string
			bad := value == "null" || json.Unmarshal([]byte(value), &want) != nil
			if text, err := jose.Text(value); bad != (err != nil) || !bad && text != want {
				t.Errorf("%q: the text of %s is %q, %v", name, value, text, err)
			}
		}
	})
}

// reference reads an object with encoding/json, token by token, and reports whether
// it is one that every parser reads alike.
func reference(data string) (map[string]string, bool) {
	if !utf8.ValidString(data) || !json.Valid([]byte(data)) {
		return nil, false
	}
	dec := json.NewDecoder(strings.NewReader(data))
	if opening, err := dec.Token(); err != nil || opening != json.Delim('{') {
		return nil, false
	}
	found := map[string]string{}
	for dec.More() {
		token, err := dec.Token()
		name, isName := token.(string)
		var value json.RawMessage
		if err != nil || !isName || dec.Decode(&value) != nil {
			return nil, false
		}
		for other := range found {
			if strings.EqualFold(name, other) {
				return nil, false
			}
		}
		found[name] = string(value)
	}
	return found, len(found) <= jose.MaxMembers
}
