package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// The same while signing keys are fetched, which happens once a second at most, and so
// in virtual time: whatever is answered, and however it fails.
func TestKeyFetchesLeakNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		l := &leakTest{T: t, Cloud: c, tap: newWiretap(c)}
		layers := cloudLayers(c, "MAPPING_STORE=memory", "LOG_FORMAT=json")
		p := new(problems)
		s := load(layers, true, p)
		log := newOutput()
		logger, audit := newLoggers(log, s)
		tracers := l.tracers()
		made := compose(s, surroundings{client: &http.Client{Transport: l.tap}, logger: logger, audit: audit, tracers: tracers}, p)
		if p.any() {
			t.Fatal(p.list)
		}
		handler := (&server{settings: s, parts: made, logger: logger, ending: t.Context(), telemetry: &telemetry{tracers: tracers}}).handler()
		token := l.token(l.newcomer(), cloud.TokenOptions{})
		l.tap.note(token)
		refused := func(what string) {
			t.Helper()
			time.Sleep(time.Minute)
			for _, path := range []string{"/api/user", "/readyz"} {
				r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusServiceUnavailable {
					t.Errorf("%s: %s: status %d", what, path, w.Code)
				}
				l.bodies.WriteString(w.Body.String())
			}
			synctest.Wait()
		}

		for _, op := range []string{cloud.OpEntraMetadata, cloud.OpEntraKeys} {
			for _, fault := range append(l.answers(op, l.newcomer()), l.keyAnswers(op)...) {
				remove := l.Inject(fault)
				refused(op + " " + fault.Body)
				remove()
			}
		}
		l.strike(c.Entra.URL, false, func() { refused("an error") })

		all := l.loot(layers)
		all.find(t, "log", log.String())
		all.find(t, "answers", l.bodies.String())
		all.find(t, "spans", l.told())
		lines := logLines(t, log.String(), "signing keys could not be loaded")
		if n := c.CallCount(cloud.OpEntraMetadata) + 1; len(lines) != n || n < 50 { // the error never gets there
			t.Errorf("%d lines for %d fetches", len(lines), n)
		}
		if !strings.Contains(l.told(), "entra GET") || !strings.Contains(l.bodies.String(), "stack_trace") {
			t.Error("there are no spans, or no causes")
		}
	})
}

// keyAnswers are answers that are nearly what was asked for.
func (l *leakTest) keyAnswers(op string) (faults []cloud.Fault) {
	answer := func(body string) {
		faults = append(faults, cloud.Fault{Op: op, Times: 1, Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body})
	}
	if op == cloud.OpEntraKeys {
		answer(`{"L00T":1,"L00T":2}`)
		answer(`{"keys":"L00T"}`)
		answer(`{"keys":[{"kid":"L00T","kty":"RSA","n":"L00T","e":"L00T"}]}`)
		return faults
	}
	for _, uri := range []string{"L00T", "http://L00T/", "https://L00T:L00T@x/", l.Entra.URL + "/L00T?L00T", l.Entra.URL + "/%zzL00T"} {
		body, err := json.Marshal(map[string]string{"issuer": l.Entra.V2Issuer(l.TenantID), "jwks_uri": uri})
		if err != nil {
			l.Fatal(err)
		}
		answer(string(body))
	}
	answer(`{"issuer":"https://L00T/v2.0"}`)
	return faults
}
