package jose_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

func members(data string) (map[string]string, error) {
	got := map[string]string{}
	err := jose.EachMember([]byte(data), func(name string, value []byte) error {
		got[name] = string(value)
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

// Whatever the input, EachMember agrees with encoding/json or refuses.
func FuzzEachMember(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"b":[{}],"c":"\"}"}`, `{"a":1,"A":2}`, `{"\u0061":1}`, "{\"\xff\":1}", `[`, `{"a":1e9}`, ` {"a" : null } `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		got, err := members(data)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(data), &want); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		if len(want) != len(got) {
			t.Fatalf("got %d members, want %d", len(got), len(want))
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Errorf("%q: got %s, want %s", name, got[name], value)
			}
		}
	})
}
