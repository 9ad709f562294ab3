package acsidentity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// TestSignature compares what is sent with requests that Microsoft's client
// library for JavaScript sent, and with signatures computed by other means.
func TestSignature(t *testing.T) {
	t.Parallel()
	const (
		id    = "8:acs:11111111-2222-3333-4444-555555555555_00000000-aaaa-bbbb-cccc-dddddddddddd"
		path  = "/identities/8%3Aacs%3A11111111-2222-3333-4444-555555555555_00000000-aaaa-bbbb-cccc-dddddddddddd"
		host  = "contoso.communication.azure.com"
		empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
	)
	chatVoIP := []acsidentity.Scope{acsidentity.ScopeChat, acsidentity.ScopeVoIP}

	issue := func(ctx context.Context, c *acsidentity.Client) error {
		_, err := c.IssueToken(ctx, id, acsidentity.TokenOptions{Scopes: chatVoIP, ExpiresIn: time.Hour})
		return err
	}
	create := func(ctx context.Context, c *acsidentity.Client) error {
		_, err := c.CreateIdentity(ctx)
		return err
	}
	createWithToken := func(o acsidentity.TokenOptions) func(context.Context, *acsidentity.Client) error {
		return func(ctx context.Context, c *acsidentity.Client) error {
			_, _, err := c.CreateIdentityWithToken(ctx, o)
			return err
		}
	}
	remove := func(ctx context.Context, c *acsidentity.Client) error { return c.DeleteIdentity(ctx, id) }
	revoke := func(ctx context.Context, c *acsidentity.Client) error { return c.RevokeTokens(ctx, id) }
	teams := func(ctx context.Context, c *acsidentity.Client) error {
		_, err := c.ExchangeTeamsToken(ctx, exchange)
		return err
	}

	const (
		issueBody = `{"scopes":["chat","voip"],"expiresInMinutes":60}`
		issueHash = "L3rwPjqINp2rppinf7Ljl6gJFzoHpAeoNOr9KJTWYVw="
		bothBody  = `{"createTokenWithScopes":["chat","voip"]}`
		bothHash  = "fYTayOkxDFdoXd25BoJTvoTLLr5+QVfLFXvdJep6oNs="
	)
	createBoth := createWithToken(acsidentity.TokenOptions{Scopes: chatVoIP})

	tests := []struct {
		name, version, host string
		call                func(context.Context, *acsidentity.Client) error
		method, target      string
		body, hash          string
		signature           string
	}{
		{"V1", "2023-10-01", host, issue, "POST", path + "/:issueAccessToken", issueBody, issueHash, "AH2aBr8kyZZH/SuKASDjwoCnE7sndXNnPdadFmp9BSM="},
		{"V2", "2023-10-01", host, create, "POST", "/identities", "", empty, "wwMkz5L6rqGLEB9QRJwv3QmnvIpp/utIPYB23jBKqec="},
		{"V3", "2023-10-01", host, createBoth, "POST", "/identities", bothBody, bothHash, "12iwKpynIMvTZYrA7xObWiUF7Ccg6LYN96LvaWvmQEc="},
		{"V4", "2023-10-01", host, remove, "DELETE", path, "", empty, "6P8tqdnX4zp4RpvRFlC17DMBij20n5ogRHu7dryEF0E="},
		{"V5", "2023-10-01", host, revoke, "POST", path + "/:revokeAccessTokens", "", empty, "scv4c5v31/XB6GTNr5fOVsW33et0pCRSv7Mr19Ri/LA="},
		{
			"V6", "2023-10-01", host,
			createWithToken(acsidentity.TokenOptions{Scopes: chatVoIP[:1], ExpiresIn: time.Hour}),
			"POST", "/identities", `{"createTokenWithScopes":["chat"],"expiresInMinutes":60}`,
			"kET9vD/6sAVRB6ISkrpOL44L0M1olvugZ/QYxlSQK9k=", "NTTLhqY4eEZNqFj0OtNp8puOk4di5TbMx/DLAWXxRkA=",
		},
		{
			"V7", "2023-10-01", host, teams,
			"POST", "/teamsUser/:exchangeAccessToken", `{"token":"eyJ.aad.tok","appId":"client","userId":"oid"}`,
			"arwCt2zd0hAQLTv8PJ3Sr5R7iLbsq+7j8uOfO2YNk+E=", "NMHWvZubq5BK3eJun3Wicw4/qBNIgYZfMVfa3/AfTdY=",
		},
		{"V8", "2023-10-01", "localhost:8443", create, "POST", "/identities", "", empty, "beIvL36LIawwatUuEUKwdhs5fCOLu3cGJr9F5V66/fo="},

		{"V1", "2025-06-30", host, issue, "POST", path + "/:issueAccessToken", issueBody, issueHash, "LRFJADijhlnlB5jYpkIgs2lYgk5bkNUrmW9oHzidwzQ="},
		{"V2", "2025-06-30", host, create, "POST", "/identities", "", empty, "8BCYnJnnli1Uq8qOSOWIqlsDzALik+SaGnYrcx6V+2k="},
		{"V3", "2025-06-30", host, createBoth, "POST", "/identities", bothBody, bothHash, "/T2kIl461GyamUqcctY3OcYrF1RBH0RtXuvuuBGU6bM="},
		{"V4", "2025-06-30", host, remove, "DELETE", path, "", empty, "tNoJYZorgrk9Tkqo1JVJDYEKOtybmNaiK/mbK+AZQaw="},
		{"V5", "2025-06-30", host, revoke, "POST", path + "/:revokeAccessTokens", "", empty, "wbzLmwsRE4538c+6c8dWjAuY44Nw3TrMEQ3owo6IdU8="},

		{"V1", "2026-09-23", host, issue, "POST", path + "/:issueAccessToken", issueBody, issueHash, "HjmYlQS4weLFz+FUHU7ftCVoycQePKuL7XnODcN/Skg="},
		{"V2", "2026-09-23", host, create, "POST", "/identities", "", empty, "wcqVBHh/JON1wplK8qxudGPHZLCD8ihFqVsBMtmrJkk="},
		{"V3", "2026-09-23", host, createBoth, "POST", "/identities", bothBody, bothHash, "W55TI4I7YxqwZ081hfNcVpyaQsHV1dfx5wbY0ON/H3A="},
		{"V4", "2026-09-23", host, remove, "DELETE", path, "", empty, "s7tCs49nWlzLxFVXPhUIKF2eB0hdxGlHKB1zxerWM9M="},
		{"V5", "2026-09-23", host, revoke, "POST", path + "/:revokeAccessTokens", "", empty, "+Oax6jmmx4czHYxtZM/fHXPy7665LeYYUbhfGNFXTzo="},
	}
	for _, tt := range tests {
		for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
			t.Run(tt.name+"/"+tt.version+"/"+protocol, func(t *testing.T) {
				t.Parallel()
				type sent struct{ Protocol, Method, URI, Host, Body, Length, Date, Hash, Authorization string }
				got := make(chan sent, 1)
				client := mustNew(t, acsidentity.Config{
					ConnectionString: "endpoint=https://" + tt.host + "/;accesskey=" + key,
					APIVersion:       tt.version,
					HTTPClient: dialing(t, protocol, func(w http.ResponseWriter, r *http.Request) {
						body, _ := io.ReadAll(r.Body)
						got <- sent{
							r.Proto, r.Method, r.RequestURI, r.Host, string(body), fmt.Sprint(r.ContentLength),
							r.Header.Get("x-ms-date"), r.Header.Get("x-ms-content-sha256"), r.Header.Get("Authorization"),
						}
						succeed(w, r)
					}),
					Now: func() time.Time {
						return time.Date(2026, 9, 23, 12, 15, 30, 0, time.FixedZone("CEST", 2*60*60))
					},
				})
				if err := tt.call(t.Context(), client); err != nil {
					t.Fatal(err)
				}
				want := sent{
					protocol, tt.method, tt.target + "?api-version=" + tt.version, tt.host, tt.body, fmt.Sprint(len(tt.body)),
					"Wed, 23 Sep 2026 10:15:30 GMT", tt.hash,
					"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" + tt.signature,
				}
				if diff := cmp.Diff(want, <-got); diff != "" {
					t.Errorf("request (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// dialing returns a client that reaches a TLS server with the given handler,
// whatever the host.
func dialing(t *testing.T, protocol string, handler http.HandlerFunc) *http.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = protocol == "HTTP/2.0"
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.ForceAttemptHTTP2 = server.EnableHTTP2
	transport.TLSClientConfig = &tls.Config{RootCAs: transport.TLSClientConfig.RootCAs, ServerName: "example.com"}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestBearerToken(t *testing.T) {
	t.Parallel()
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			fake := &acs{bearer: "eyJ.a-b_c.d=", script: []http.HandlerFunc{answer(429, "", "Retry-After", "0")}}
			cfg := listen(t, fake)
			asked := 0
			cfg.Credential = acsidentity.BearerToken(func(ctx context.Context) (string, error) {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("nothing bounds the time to get a token")
				}
				asked++
				return fake.bearer, nil
			})
			if err := op.call(t.Context(), mustNew(t, cfg)); err != nil {
				t.Fatal(err)
			}
			if asked != 2 {
				t.Errorf("the token was asked for %d times in 2 attempts", asked)
			}
			for _, r := range fake.seen() {
				if r.Header.Get("x-ms-date") != "" || r.Header.Get("x-ms-content-sha256") != "" {
					t.Error("the headers of a signature are sent with a token")
				}
			}
		})
	}
}

// blocked is an error of a credential that knows its kind.
type blocked struct{}

func (blocked) Error() string       { return "blocked by policy" }
func (blocked) FailureKind() string { return "blocked" }

// changing is a credential that could change, but does not.
func changing(c acsidentity.Credential, err error) acsidentity.Credential {
	return acsidentity.CredentialFunc(func(context.Context, acsidentity.Credential) (acsidentity.Credential, error) { return c, err })
}

func TestCredentialFailure(t *testing.T) {
	t.Parallel()
	down := errors.New("the token service is down")
	tests := map[string]struct {
		credential acsidentity.Credential
		cause      error
		kind       string
	}{
		"token function fails":      {acsidentity.BearerToken(func(context.Context) (string, error) { return "", down }), down, "unavailable"},
		"credential function fails": {changing(acsidentity.Credential{}, down), down, "unavailable"},
		"it returns nothing":        {changing(acsidentity.Credential{}, nil), nil, "misconfigured"},
		"it returns a function":     {changing(changing(acsidentity.AccessKey(key), nil), nil), nil, "misconfigured"},
		"the cause has a kind":      {acsidentity.BearerToken(func(context.Context) (string, error) { return "", blocked{} }), blocked{}, "blocked"},
		"out of time":               {acsidentity.BearerToken(func(context.Context) (string, error) { return "", context.DeadlineExceeded }), context.DeadlineExceeded, "timeout"},
		"no token":                  {acsidentity.BearerToken(func(context.Context) (string, error) { return "", nil }), nil, "misconfigured"},
		"a token with a line feed":  {acsidentity.BearerToken(func(context.Context) (string, error) { return "s3cret\n", nil }), nil, "misconfigured"},
		"a key that is not base64":  {changing(acsidentity.AccessKey("s3cret!"), nil), nil, "misconfigured"},
	}
	for name, tt := range tests {
		for _, op := range operations {
			t.Run(name+"/"+op.name, func(t *testing.T) {
				t.Parallel()
				fake := &acs{}
				cfg := listen(t, fake)
				cfg.Credential = tt.credential
				err := op.call(t.Context(), mustNew(t, cfg))
				e := asError(t, err)
				if e.StatusCode != 0 || e.FailureKind() != tt.kind || tt.cause != nil && !errors.Is(err, tt.cause) {
					t.Errorf("error %v of kind %s, want cause %v of kind %s", err, e.FailureKind(), tt.cause, tt.kind)
				}
				if errors.Is(err, acsidentity.ErrOutcomeUnknown) {
					t.Error("the outcome counts as unknown, though nothing was sent")
				}
				if strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the error holds the secret: %v", err)
				}
				if n := len(fake.seen()); n != 0 {
					t.Errorf("%d requests were sent", n)
				}
			})
		}
	}
}

func TestCredentialDoesNotPrint(t *testing.T) {
	t.Parallel()
	_, parsed, err := acsidentity.ParseConnectionString("endpoint=https://h.example;accesskey=" + key)
	if err != nil {
		t.Fatal(err)
	}
	for _, credential := range []acsidentity.Credential{parsed, acsidentity.AccessKey(key), acsidentity.AccessKey(key + "!")} {
		client, _ := acsidentity.New(acsidentity.Config{Endpoint: "https://h.example", Credential: credential})
		withString := acsidentity.Config{ConnectionString: "endpoint=https://h.example;accesskey=" + key}
		values := []any{credential, &credential, acsidentity.Config{Credential: credential}, client, withString, &withString}
		var log strings.Builder
		for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(handler).Info("", "values", values)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&log, verb+"\n", values...)
		}
		for _, secret := range []string{key[:8], "acs-test-vector", fmt.Sprintf("%x", "acs-test"), fmt.Sprintf("%x", key[:8]), "97 99 115 45 116"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the key is printed, as %s", secret)
			}
		}
	}
}
