package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A wiretap is a transport that takes down every secret that passes, so that the log
// can be searched for it: users' tokens, those of Graph and ACS that were got for them,
// what the app proved itself with, signatures of requests, ACS identities.
type wiretap struct {
	next http.RoundTripper

	mu      sync.Mutex
	secrets map[string]bool // what nothing but the wire may hold
	ids     map[string]bool // ACS identities, without what all have in common
	strike  func(*http.Request) error
}

func newWiretap(c *cloud.Cloud) *wiretap {
	return &wiretap{next: c.HTTPClient().Transport, secrets: map[string]bool{}, ids: map[string]bool{}}
}

var (
	tokenForm     = regexp.MustCompile(`[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}`)
	signatureForm = regexp.MustCompile(`Signature=([\w+/=]{20,})`)
	rawIDForm     = regexp.MustCompile(`8(?::|%3[aA])acs(?::|%3[aA])[0-9a-f-]{36}_([0-9a-f-]{36})`)
	secretMember  = regexp.MustCompile(`"(?:access_token|refresh_token|id_token|token|client_secret|client_assertion|assertion)"\s*:\s*"([^"]{20,})"`)
)

// note takes down the secrets in a text.
func (w *wiretap) note(texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range texts {
		for _, token := range tokenForm.FindAllString(text, -1) {
			parts := strings.Split(token, ".")
			w.secrets[token], w.secrets[parts[1]], w.secrets[parts[2]] = true, true, true
			w.secrets[parts[1][:min(len(parts[1]), 64)]] = true // as much as an id can have
		}
		for _, form := range []*regexp.Regexp{signatureForm, secretMember} {
			for _, match := range form.FindAllStringSubmatch(text, -1) {
				w.secrets[match[1]] = true
			}
		}
		for _, match := range rawIDForm.FindAllStringSubmatch(text, -1) {
			w.ids[match[1]] = true
		}
	}
}

// RoundTrip implements http.RoundTripper.
func (w *wiretap) RoundTrip(r *http.Request) (*http.Response, error) {
	w.note(r.URL.String())
	w.noteHeader(r.Header)
	sent := r.Clone(r.Context())
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
		sent.Body = io.NopCloser(bytes.NewReader(body))
		w.note(string(body))
		if form, err := url.ParseQuery(string(body)); err == nil {
			for _, name := range []string{"client_secret", "client_assertion", "assertion"} {
				if text := form.Get(name); text != "" {
					encoded, _ := json.Marshal(map[string]string{name: text})
					w.note(string(encoded))
				}
			}
		}
	}
	w.mu.Lock()
	strike := w.strike
	w.mu.Unlock()
	if strike != nil {
		if err := strike(sent); err != nil {
			return nil, err
		}
	}
	answer, err := w.next.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil {
		answer.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failingReader{err}))
	}
	w.note(string(body))
	w.noteHeader(answer.Header)
	return answer, nil
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

func (w *wiretap) noteHeader(header http.Header) {
	for _, values := range header {
		w.note(values...)
	}
}

// striking lets calls fail in the transport, or panic there, while do runs.
func (w *wiretap) striking(strike func(*http.Request) error, do func()) {
	set := func(f func(*http.Request) error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.strike = f
	}
	set(strike)
	defer set(nil)
	do()
}

// A loot is what must not be in a log, by what it is.
type loot struct {
	secrets map[string][]string // anywhere
	people  []string            // outside of audit events
	ids     []string            // outside of audit events and orphan reports
}

// find fails the test for whatever is found in text, once for each kind.
func (l loot) find(t *testing.T, where, text string) {
	t.Helper()
	told := map[string]bool{}
	tell := func(what, found, line string) {
		t.Helper()
		if !told[what] {
			told[what] = true
			t.Errorf("%s: %s, %q, in:\n%s", where, what, found, line)
		}
	}
	search := func(what, line string, needles []string) {
		t.Helper()
		for _, needle := range needles {
			if strings.Contains(line, needle) {
				tell(what, needle, line)
			}
		}
	}
	for line := range strings.Lines(text) {
		for what, secrets := range l.secrets {
			search(what, line, secrets)
		}
		if address := addressForm.FindString(line); address != "" {
			tell("an address", address, line)
		}
		if strings.Contains(line, `"log":"audit"`) || strings.Contains(line, " log=audit ") {
			continue
		}
		search("an object id", line, l.people)
		if !strings.Contains(line, "identity report left open") {
			search("an ACS identity", line, l.ids)
			if id := rawIDForm.FindString(line); id != "" {
				tell("a raw id", id, line)
			}
		}
	}
}

var addressForm = regexp.MustCompile(`[\w.+-]+(?:@|%40)(?:[\w-]+\.)+[a-zA-Z]{2,}`)
