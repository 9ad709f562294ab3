package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// However the server is put together, every part of it tells what it does, and what is
// done for one request is one trace.
func TestEveryPartIsObserved(t *testing.T) {
	t.Parallel()
	toACS := func(c *cloud.Cloud) []string { return []string{"ACS_CONNECTION_STRING=", "ACS_ENDPOINT=" + c.ACS.URL} }
	for _, test := range []struct {
		name    string
		environ func(*testing.T, *cloud.Cloud) []string
		want    []string // what is told of POST /api/user besides acsauth's own
	}{
		{"Graph, with a secret and an access key", func(*testing.T, *cloud.Cloud) []string { return nil },
			[]string{"acs POST", "entra GET", "entra POST", "graph GET", "graph POST", "obo.exchange"}},
		{"signing in to ACS", func(_ *testing.T, c *cloud.Cloud) []string {
			return append(toACS(c), "MAPPING_STORE=memory")
		}, []string{"acs POST", "entra GET", "entra POST"}},
		{"managed identity", func(_ *testing.T, c *cloud.Cloud) []string {
			id := trustIdentity(c, "")
			c.ACS.AssignRole(id.ClientID)
			return append(toACS(c), "AZURE_CLIENT_SECRET=", "MANAGED_IDENTITY_CLIENT_ID="+id.ClientID)
		}, []string{"acs POST", "entra GET", "entra POST", "graph GET", "graph POST", "identity GET", "obo.exchange"}},
		{"SQLite", func(t *testing.T, _ *cloud.Cloud) []string {
			return []string{"MAPPING_STORE=sqlite:" + filepath.Join(t.TempDir(), "mappings.db")}
		}, []string{"acs POST", "entra GET", "sqlite CloseEntry", "sqlite Create", "sqlite IdentifyEntry", "sqlite Lookup", "sqlite OpenEntries", "sqlite OpenEntry"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			recorder, p := telemetrytest.New(), new(problems)
			s := load(cloudLayers(c, test.environ(t, c)...), true, p)
			log := slog.New(slog.DiscardHandler)
			made := compose(s, surroundings{
				client: &http.Client{Transport: reroute{c}}, logger: log, audit: log, meters: recorder.Meters, tracers: recorder.Tracers,
			}, p)
			if p.any() {
				t.Fatal(p.list)
			}
			if made.database != nil {
				t.Cleanup(func() { _ = made.database.Close() })
				if err := made.database.Prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			server := httptest.NewServer(made.handler)
			t.Cleanup(server.Close)
			if got := call(t, "POST", server.URL+"/api/user", bearer(token)); got.status != 201 {
				t.Fatalf("status %d: %s", got.status, got.body)
			}

			var told []string
			own := 0
			for _, path := range recorder.Spans() {
				steps := strings.Split(path, " > ")
				switch name := steps[len(steps)-1]; {
				case name == "sqlite Migrate": // not for the request
				case steps[0] != "acsauth.request.create_user":
					t.Errorf("%q is not within the request", path)
				case strings.HasPrefix(name, "acsauth."):
					own++
				default:
					told = append(told, name)
				}
			}
			slices.Sort(told)
			if diff := cmp.Diff(test.want, slices.Compact(told)); diff != "" {
				t.Error(diff)
			}
			if own < 3 {
				t.Errorf("%d spans of acsauth's own: %q", own, recorder.Spans())
			}
			counts := recorder.Counts(t)
			for _, metric := range []string{
				"acsauth.request.duration operation=create_user outcome=ok", "acsauth.verify.duration outcome=ok", "acsauth.keys.usable client=" + c.ClientID,
				"acsauth.identity.events event=identity_created", "acsauth.store.duration operation=create outcome=ok",
			} {
				if counts[metric] == 0 {
					t.Errorf("no %s", metric)
				}
			}
			if slices.Contains(test.want, "obo.exchange") && counts["obo.exchange.duration outcome=ok"] == 0 {
				t.Error("exchanges are not timed")
			}
			for _, name := range test.want {
				if upstream, _, ok := strings.Cut(name, " "); ok && counts["outbound.call.duration outcome=ok upstream="+upstream] == 0 {
					t.Errorf("calls to %s are not timed", upstream)
				}
			}
		})
	}
}
