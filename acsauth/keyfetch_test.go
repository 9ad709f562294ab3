package acsauth_test

import (
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A transport of the application's own that does not return is an outage like any
// other: it neither ends the process nor keeps the keys from being fetched again.
func TestKeyFetchesThatDoNotReturn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		falter func()
		logged int
	}{
		"it panics":                 {func() { panic("no such plug") }, 1},
		"it ends its own goroutine": {runtime.Goexit, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, err := cloud.Start(cloud.Config{InProcess: true})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				log := new(logBuffer)
				cfg := authConfig(c)
				cfg.HTTPClient.Transport = &falteringTransport{next: cfg.HTTPClient.Transport, falter: test.falter}
				cfg.Logger = slog.New(slog.NewJSONHandler(log, nil))
				auth := must(t, acsauth.NewAuthenticator, cfg)
				wantVerdict(t, c, auth, "first fetch", "", "keys_unavailable")
				if auth.Ready() == nil {
					t.Error("ready without keys")
				}
				time.Sleep(time.Second)
				wantVerdict(t, c, auth, "second fetch", "", "")
				if lines := log.lines("fetching the signing keys has panicked"); len(lines) != test.logged || strings.Contains(log.String(), "plug") {
					t.Errorf("%d panics are logged, want %d, without their values:\n%s", len(lines), test.logged, log)
				}
			})
		})
	}
}

// A falteringTransport does not return from its first call.
type falteringTransport struct {
	next   http.RoundTripper
	once   sync.Once
	falter func()
}

func (f *falteringTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	f.once.Do(f.falter)
	return f.next.RoundTrip(r)
}
