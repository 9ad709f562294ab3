package graphmap_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/microsoft/kiota-abstractions-go/authentication"
	khttp "github.com/microsoft/kiota-http-go"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

func bareAdapter(t *testing.T, baseURL string) *khttp.NetHttpRequestAdapter {
	t.Helper()
	a, err := khttp.NewNetHttpRequestAdapter(&authentication.AnonymousAuthenticationProvider{})
	if err != nil {
		t.Fatal(err)
	}
	a.SetBaseUrl(baseURL)
	return a
}

func TestNewReportsEveryMistake(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	keys := [][]byte{key1}
	tests := []struct {
		name string
		cfg  graphmap.Config
		want []string // one text in each line of the error; none if it is fine
	}{
		{"keys only", graphmap.Config{Keys: keys}, nil},
		{"trust", graphmap.Config{Unsigned: graphmap.TrustUnsigned}, nil},
		{"adopt", graphmap.Config{Keys: keys, Unsigned: graphmap.AdoptUnsigned, AdoptUntil: until}, nil},
		{"two keys", graphmap.Config{Keys: [][]byte{key1, key2}}, nil},
		{"keys that change", graphmap.Config{CurrentKeys: func() [][]byte { return keys }}, nil},
		{"loopback without TLS", graphmap.Config{Keys: keys, BaseURL: "http://127.0.0.1:8080/v1.0"}, nil},
		{"name of 128 characters", graphmap.Config{Keys: keys, ExtensionName: "a" + strings.Repeat("1", 127)}, nil},
		{"adapter", graphmap.Config{Keys: keys, Adapter: bareAdapter(t, "https://graph.microsoft.us/v1.0")}, nil},

		{"neither keys nor trust", graphmap.Config{}, []string{"openssl rand -base64 32"}},
		{"adopt without a key", graphmap.Config{Unsigned: graphmap.AdoptUnsigned, AdoptUntil: until}, []string{"Keys is empty"}},
		{"adopt without an end", graphmap.Config{Keys: keys, Unsigned: graphmap.AdoptUnsigned}, []string{"AdoptUntil is not set"}},
		{"refuse with an end", graphmap.Config{Keys: keys, AdoptUntil: until}, []string{"AdoptUntil has a meaning only"}},
		{"trust with keys", graphmap.Config{Keys: keys, Unsigned: graphmap.TrustUnsigned}, []string{"Keys must be empty"}},
		{"no such policy", graphmap.Config{Keys: keys, Unsigned: 7}, []string{"no Policy"}},
		{"short key", graphmap.Config{Keys: [][]byte{key1, key2[:31]}}, []string{"Keys[1] has 31 bytes"}},
		{"the same key twice", graphmap.Config{Keys: [][]byte{key1, key2, key1}}, []string{"Keys[2] repeats Keys[0]"}},
		{"keys that change, and are short", graphmap.Config{CurrentKeys: func() [][]byte { return [][]byte{key2[:31]} }}, []string{"Keys[0] has 31 bytes"}},
		{"keys that change, but are none", graphmap.Config{CurrentKeys: func() [][]byte { return nil }}, []string{"Keys is empty"}},
		{"both kinds of keys", graphmap.Config{Keys: keys, CurrentKeys: func() [][]byte { return keys }}, []string{"Keys cannot be set along with CurrentKeys"}},
		{"trust with keys that change", graphmap.Config{Unsigned: graphmap.TrustUnsigned, CurrentKeys: func() [][]byte { return keys }}, []string{"Keys must be empty"}},
		{"trust with keys that are to come", graphmap.Config{Unsigned: graphmap.TrustUnsigned, CurrentKeys: func() [][]byte { return nil }}, []string{"CurrentKeys nil"}},
		{"plain http", graphmap.Config{Keys: keys, BaseURL: "http://graph.microsoft.com/v1.0"}, []string{"BaseURL must use https"}},
		{"query in the address", graphmap.Config{Keys: keys, BaseURL: "https://graph.microsoft.com/v1.0?x=1"}, []string{"BaseURL must not have a query"}},
		{"path traversal", graphmap.Config{Keys: keys, ExtensionName: "a/../../users"}, []string{"ExtensionName must be a letter"}},
		{"name of 129 characters", graphmap.Config{Keys: keys, ExtensionName: strings.Repeat("a", 129)}, []string{"ExtensionName must be a letter"}},
		{"reserved name", graphmap.Config{Keys: keys, ExtensionName: "com.Microsoft.mapping"}, []string{"com.onmicrosoft"}},
		{"negative time-out", graphmap.Config{Keys: keys, AttemptTimeout: -1}, []string{"AttemptTimeout is negative"}},
		{"negative lag", graphmap.Config{Keys: keys, ReadLag: -1}, []string{"ReadLag is negative, or more than 5s"}},
		{"absurd lag", graphmap.Config{Keys: keys, ReadLag: time.Minute}, []string{"ReadLag is negative, or more than 5s"}},
		{"adapter without an address", graphmap.Config{Keys: keys, Adapter: bareAdapter(t, "")}, []string{"Adapter's base URL"}},
		{"adapter over plain http", graphmap.Config{Keys: keys, Adapter: bareAdapter(t, "http://graph.microsoft.com/v1.0")}, []string{"Adapter's base URL must use https"}},
		{
			"adapter with another address and client",
			graphmap.Config{Keys: keys, Adapter: bareAdapter(t, "https://graph.microsoft.com/v1.0"), BaseURL: "https://graph.microsoft.us/v1.0", HTTPClient: http.DefaultClient},
			[]string{"BaseURL cannot be set", "HTTPClient cannot be set"},
		},
		{
			"everything at once",
			graphmap.Config{BaseURL: "ftp://x", ExtensionName: "1", AttemptTimeout: -1, AdoptUntil: until, Keys: [][]byte{nil}},
			[]string{"ExtensionName", "AdoptUntil", "Keys[0]", "BaseURL", "AttemptTimeout"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.cfg.Tokens = &fakeTokens{}
			m, err := graphmap.New(tt.cfg)
			if len(tt.want) == 0 {
				if err != nil || m == nil {
					t.Fatalf("New: %v", err)
				}
				return
			}
			if err == nil {
				t.Fatal("New found nothing wrong")
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Errorf("%d mistakes reported, want %d:\n%v", len(lines), len(tt.want), err)
			}
			for i, want := range tt.want[:min(len(lines), len(tt.want))] {
				if !strings.Contains(lines[i], want) || !strings.HasPrefix(lines[i], "graphmap: Config.") {
					t.Errorf("mistake %d is %q, want it to mention %q", i, lines[i], want)
				}
			}
		})
	}
	if _, err := graphmap.New(graphmap.Config{Keys: keys}); err == nil || !strings.Contains(err.Error(), "Tokens is nil") {
		t.Errorf("without Tokens: %v", err)
	}
}

// A program can look at the name alone, by the rules of New.
func TestCheckExtensionName(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"com.contoso.identityMapping": true, "a": true, "a" + strings.Repeat("1", 127): true, "com.contoso.microsoft": true,
		"": false, "1": false, "a b": false, "a/b": false, "a" + strings.Repeat("1", 128): false, "COM.Microsoft.x": false, "com.onmicrosoft.x": false,
	} {
		err := graphmap.CheckExtensionName(name)
		if (err == nil) != ok || err != nil && !strings.HasPrefix(err.Error(), "graphmap: ExtensionName must ") {
			t.Errorf("%q: %v", name, err)
		}
		if _, other := graphmap.New(graphmap.Config{Tokens: &fakeTokens{}, Keys: [][]byte{key1}, ExtensionName: name}); name != "" && (other == nil) != ok {
			t.Errorf("New with %q: %v", name, other)
		}
	}
}

func TestNewCopiesKeys(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	key := sequence(0)
	m := overTLS(t, g, func(cfg *graphmap.Config) { cfg.Keys = [][]byte{key} })
	clear(key)
	if err := m.Create(t.Context(), user(1), acsID(1)); err != nil {
		t.Fatal(err)
	}
	if got := g.stored(user(1))["acsUserIdentitySignature"]; got != goldenSignature {
		t.Errorf("signature %v, want the one of the key as it was: %s", got, goldenSignature)
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	key := []byte("a key of thirty-two bytes, or so")
	for _, cfg := range []graphmap.Config{
		{Keys: [][]byte{key, key1}},
		{CurrentKeys: func() [][]byte { return [][]byte{key} }},
	} {
		m := overTLS(t, newGraph(t), func(base *graphmap.Config) { base.Keys, base.CurrentKeys = cfg.Keys, cfg.CurrentKeys })
		values := []any{cfg, &cfg, m, []graphmap.Config{cfg}, struct{ Config graphmap.Config }{cfg}}
		var printed bytes.Buffer
		for _, value := range values {
			for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
				slog.New(handler).Info("", "value", value)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				fmt.Fprintf(&printed, verb+"\n", value)
			}
		}
		for _, secret := range []string{
			"thirty-two", fmt.Sprintf("%x", "thirty-two"), "116 104 105 114 116 121", "0x74, 0x68, 0x69", // the text, its bytes
			base64.StdEncoding.EncodeToString(key), "0 1 2 3 4 5 6 7", "0x0, 0x1, 0x2",
		} {
			if strings.Contains(printed.String(), secret) {
				t.Errorf("a key is printed, as %s", secret)
			}
		}
	}
}

// Everything else of a Config is printed.
func TestConfigIsPrinted(t *testing.T) {
	t.Parallel()
	cfg := graphmap.Config{ExtensionName: "com.contoso.other", Keys: [][]byte{key1}}
	if got := fmt.Sprintf("%+v", cfg); !strings.Contains(got, "ExtensionName:com.contoso.other ") || !strings.Contains(got, "Keys:[[]] ") {
		t.Errorf("printed: %s", got)
	}
	if len(cfg.Keys[0]) != 32 {
		t.Error("printing a Config has changed it")
	}
}

// What a caller does to its slices and its client afterwards is its own affair.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	g := newGraph(t)
	keys, client := [][]byte{slices.Clone(key1)}, &http.Client{Transport: direct{g}}
	m := newMapper(t, "https://graph.example/v1.0", client, func(cfg *graphmap.Config) { cfg.Keys = keys })
	keys[0][0]++
	keys[0], client.Transport = key2, nil
	if err := m.Create(t.Context(), user(1), acsID(1)); err != nil {
		t.Fatal(err)
	}
	if got := g.stored(user(1))["acsUserIdentitySignature"]; got != goldenSignature {
		t.Errorf("signed %v, want %s", got, goldenSignature)
	}
}
