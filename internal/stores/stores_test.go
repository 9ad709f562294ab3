package stores_test

import (
	"net/http"
	"net/http/httptest"
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
