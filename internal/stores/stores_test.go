package stores_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/telemetrytest"
)

// Every kind of store tells what it asks for, whatever comes of it.
func TestTelemetry(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	gone := httptest.NewServer(nil)
	gone.Close()
	for upstream, address := range map[string]string{
		"sqlite":   "sqlite:" + filepath.Join(t.TempDir(), "mappings.db"),
		"postgres": "postgres://user:password@" + strings.TrimPrefix(gone.URL, "http://") + "/database",
		"tables":   "tables:AccountName=contoso;AccountKey=a2V5;TableEndpoint=" + server.URL + "/contoso",
	} {
		recorder := telemetrytest.New()
		store, err := stores.Open(address, stores.Options{
			Resource: "contoso.communication.azure.com", MeterProvider: recorder.Meters, TracerProvider: recorder.Tracers,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		if _, err := store.Lookup(t.Context(), acsauth.User{TenantID: "tenant", ObjectID: "object"}); err == nil {
			t.Errorf("%s: there is a mapping", upstream)
		}
		for metric := range recorder.Counts(t) {
			if !strings.HasPrefix(metric, "outbound.call.duration ") || !strings.HasSuffix(metric, "upstream="+upstream) {
				t.Errorf("%s: the metric %s", upstream, metric)
			}
		}
		if len(recorder.Counts(t)) == 0 {
			t.Errorf("%s: nothing is timed", upstream)
		}
		if spans := recorder.Spans(); len(spans) == 0 || !strings.HasPrefix(spans[0], upstream+" ") {
			t.Errorf("%s: the spans %q", upstream, spans)
		}
	}
}

// What cannot be a store is refused before anything is opened, in the words of
// MAPPING_STORE and without what is secret.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	const memory = "names a database in memory"
	for address, want := range map[string]string{
		"mysql://user:tops3cret@host/database":   "must be sqlite:FILE, postgres://",
		"sqlite:":                                "names no file",
		"sqlite::memory:":                        memory,
		"sqlite:file::memory:?cache=shared":      memory,
		"sqlite:file:x?mode=memory":              memory,
		"sqlite:FILE:x?cache=shared&MODE=MEMORY": memory,
		"postgres://user:tops3cret%zz@host/x":    "is not a URL",
		"tables:AccountKey=tops3cret":            "is of no use: the connection string has no AccountName",
	} {
		_, err := stores.Open(address, stores.Options{Resource: "contoso.communication.azure.com"})
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "tops3cret") {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

// A file is created only by who prepares it, and whether it was is told apart from an
// empty store.
func TestExistingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mappings.db")
	open := func(existing bool) (*stores.Store, error) {
		store, err := stores.Open("sqlite:"+path, stores.Options{Resource: "contoso.communication.azure.com", Existing: existing})
		if err == nil {
			t.Cleanup(func() { _ = store.Close() })
		}
		return store, err
	}
	if _, err := open(true); !errors.Is(err, stores.ErrNoFile) {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := open(true)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Check(t.Context()); !errors.Is(err, stores.ErrNotPrepared) {
		t.Errorf("without tables: %v", err)
	}
	if store, err = open(true); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := store.Check(t.Context()); err == nil {
		t.Error("a file that has gone away can be read")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has been created: %v", err)
	}
	if store, err = open(false); err != nil {
		t.Fatal(err)
	}
	if err := store.Prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("with tables: %v", err)
	}
}
