package acsauth_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

var (
	memoryUsers = flag.Int("memory.users", 3000, "users that pass through in the memory test")
	memoryBytes = flag.Int64("memory.bytes", 4<<20, "bound of the caches in the memory test")
)

// However many users pass through, what is left of them is within the bound of the
// caches and a tenth (docs/performance.md).
func TestMemory(t *testing.T) {
	// Not parallel: it measures the heap.
	tokens := must(t, obo.New, obo.Config{
		ClientID: uuid.NewString(), Credential: obo.ClientSecret("secret"), HTTPClient: instantClouds(), Logger: slog.New(slog.DiscardHandler),
		CacheMaxBytes: *memoryBytes / 8 * 7,
	})
	service := must(t, acsauth.NewService, acsauth.ServiceConfig{
		Identities: must(t, acsidentity.New, acsidentity.Config{
			ConnectionString: "endpoint=https://acs.example/;accesskey=c2VjcmV0", HTTPClient: instantClouds(), Logger: slog.New(slog.DiscardHandler),
		}),
		Mapper: must(t, graphmap.New, graphmap.Config{
			Tokens: tokens, HTTPClient: instantClouds(), Unsigned: graphmap.TrustUnsigned, Logger: slog.New(slog.DiscardHandler),
		}),
		CacheMaxBytes: *memoryBytes / 8,
		MappingTTL:    time.Hour,
		Logger:        slog.New(slog.DiscardHandler),
	})
	pass := func() {
		u := passerby()
		if _, id, err := service.Token(t.Context(), u); err != nil || !strings.HasSuffix(id, u.ObjectID) {
			t.Fatal(id, err)
		}
	}
	for range 10 {
		pass() // what is set up once, on the way
	}
	before := heap()
	for range *memoryUsers {
		pass()
	}
	left := heap() - before
	t.Logf("%d users left %d bytes, %.0f%% of the bound of %d", *memoryUsers, left, 100*float64(left)/float64(*memoryBytes), *memoryBytes)
	if left > *memoryBytes*11/10 {
		t.Errorf("%d users left %d bytes; the caches are bounded by %d", *memoryUsers, left, *memoryBytes)
	}
	if left < *memoryBytes/4 {
		t.Errorf("%d users left %d bytes: too little to have come near the bound of %d", *memoryUsers, left, *memoryBytes)
	}
	runtime.KeepAlive(service)
}

// Who keeps users, as a store in memory does, does not keep their tokens with them.
func TestKeptUsers(t *testing.T) {
	// Not parallel: it measures the heap.
	const users, size = 200, 8 << 10
	c := must(t, cloud.Start, cloud.Config{InProcess: true})
	defer func() { _ = c.Close() }()
	auth := must(t, acsauth.NewAuthenticator, authConfig(c))
	pad := strings.Repeat("x", size)
	verified := func() acsauth.User {
		token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{Claims: map[string]any{"pad": pad}})
		u, err := auth.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		u.Assertion = acsauth.Secret{} // which is the token
		return u
	}
	verified()
	kept := make([]acsauth.User, users)
	before := heap()
	for i := range kept {
		kept[i] = verified()
	}
	if each := (heap() - before) / users; each > size/2 {
		t.Errorf("each user takes %d bytes", each)
	}
	runtime.KeepAlive(kept)
}

// passerby returns a user whom nobody has seen, with an assertion of the usual size.
func passerby() acsauth.User {
	id := uuid.NewString()
	payload := fmt.Sprintf(`{"exp":%d,"oid":%q,"x":"%s"}`, time.Now().Add(time.Hour).Unix(), id, strings.Repeat("x", 1000))
	assertion := "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." + strings.Repeat("s", 342)
	return acsauth.User{TenantID: "11111111-1111-4111-8111-111111111111", ObjectID: id, Assertion: acsauth.NewSecret(assertion)}
}

// instantClouds answers as Entra, Graph and ACS do, at once and without a network.
// Graph's token is the assertion that it was exchanged for, with its usual size.
func instantClouds() *http.Client {
	oid := func(jwt string) string {
		_, rest, _ := strings.Cut(jwt, ".")
		payload, _, _ := strings.Cut(rest, ".")
		claims, _ := base64.RawURLEncoding.DecodeString(payload)
		_, rest, _ = strings.Cut(string(claims), `"oid":"`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	return &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		var body string
		switch path := r.URL.Path; {
		case strings.HasSuffix(path, "/openid-configuration"):
			base := "https://" + r.URL.Host + strings.TrimSuffix(path, "/v2.0/.well-known/openid-configuration")
			body = fmt.Sprintf(`{"issuer":"%s/v2.0","token_endpoint":"%[1]s/oauth2/v2.0/token","authorization_endpoint":"%[1]s/oauth2/v2.0/authorize"}`, base)
		case strings.HasSuffix(path, "/instance"):
			body = `{"tenant_discovery_endpoint":"https://login.microsoftonline.com/common/v2.0/.well-known/openid-configuration","metadata":[]}`
		case strings.HasSuffix(path, "/token"):
			_ = r.ParseForm()
			body = fmt.Sprintf(`{"token_type":"Bearer","expires_in":3600,"access_token":%q}`, r.PostForm.Get("assertion"))
		case strings.HasSuffix(path, "/me"):
			id := oid(r.Header.Get("Authorization"))
			body = fmt.Sprintf(`{"id":%q,"extensions":[{"@odata.type":"#microsoft.graph.openTypeExtension","id":%q,"acsUserIdentity":"8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_%s"}]}`, id, extensionName, id)
		default:
			body = `{"token":"eyJ.e30.x","expiresOn":"2099-01-01T00:00:00Z"}`
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	})}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
