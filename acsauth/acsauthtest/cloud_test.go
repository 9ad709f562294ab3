package acsauthtest_test

import (
	"net/http"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest"
)

// Clients with nothing of their own reach every cloud of the test whose variables were
// set, and none after it.
func TestSetenv(t *testing.T) {
	usual := http.DefaultTransport
	t.Run("two clouds", func(t *testing.T) {
		for range 2 {
			cloud := acsauthtest.NewCloud(t)
			cloud.Setenv(t)
			cfg := cloud.AuthenticatorConfig()
			cfg.HTTPClient = nil
			authenticator, err := acsauth.NewAuthenticator(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := authenticator.Verify(t.Context(), cloud.Token(cloud.AddUser("Ada"))); err != nil {
				t.Error(err)
			}
		}
	})
	if http.DefaultTransport != usual {
		t.Error("the transport of a test remains")
	}
}
