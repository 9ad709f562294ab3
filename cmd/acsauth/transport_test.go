package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// Why there is no token is told without what a proxy says, or what else is no answer.
func TestSignInFailuresRepeatNothing(t *testing.T) {
	t.Parallel()
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = connection.Write([]byte(text))
			_ = connection.Close()
		}
	}
	for name, proxy := range map[string]http.HandlerFunc{
		"refuses":              raw("HTTP/1.1 407 S3CRET of alice@contoso.example\r\n\r\n"),
		"a malformed header":   raw("HTTP/1.1 200 OK\r\nS3CRET\r\n\r\n"),
		"no HTTP":              raw("S3CRET\r\n\r\n"),
		"takes the connection": raw("HTTP/1.1 200 OK\r\n\r\nS3CRET"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(proxy)
			defer server.Close()
			address, err := url.Parse(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			credential, err := azidentity.NewClientSecretCredential("11111111-aaaa-4111-8111-1111bbbb1111", "app", "x", &azidentity.ClientSecretCredentialOptions{
				ClientOptions: azcore.ClientOptions{
					Transport: newTransport(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(address)}}),
					Retry:     policy.RetryOptions{MaxRetries: -1},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := signIn(credential, acsidentity.EntraScope)(t.Context()); err == nil || strings.Contains(err.Error(), "S3CRET") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
