package acsauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// extensionName is graphmap's default.
const extensionName = "com.contoso.identityMapping"

// A system is the whole thing: the embedded cloud, the real clients against it,
// and a server with the API. Its parts are configured before it starts.
type system struct {
	*testing.T
	*cloud.Cloud
	user    cloud.User
	service *acsauth.Service
	mapper  acsauth.IdentityMapper
	auth    *acsauth.Authenticator
	server  *httptest.Server
	log     *logBuffer

	configure []func(*setup)

	tokenOnce sync.Once
	userToken string
}

// A setup is what a test may change before the system starts.
type setup struct {
	cloud   *cloud.Cloud
	auth    acsauth.AuthenticatorConfig
	obo     obo.Config
	graph   graphmap.Config
	acs     acsidentity.Config
	service acsauth.ServiceConfig
	handler acsauth.HandlerConfig
}

func newSystem(t *testing.T, configure ...func(*setup)) *system {
	t.Helper()
	c := startCloud(t)
	s := &system{T: t, Cloud: c, log: new(logBuffer), configure: configure, user: c.Entra.AddUser(cloud.User{Name: "Ada Lovelace"})}
	s.start()
	return s
}

// replica returns another server over the same cloud. It shares nothing else with
// s, except the log and a store in memory.
func (s *system) replica() *system {
	s.Helper()
	other := &system{T: s.T, Cloud: s.Cloud, log: s.log, configure: s.configure, user: s.user}
	other.start()
	return other
}

func (s *system) start() {
	s.Helper()
	c := s.Cloud
	logger := slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	set := &setup{
		cloud: c,
		auth: acsauth.AuthenticatorConfig{
			TenantID: c.TenantID, ClientID: c.ClientID, AuthorityHost: c.Entra.URL, TeamsClients: []string{c.SPAClientID},
			HTTPClient: c.HTTPClient(), Logger: logger,
		},
		obo: obo.Config{
			ClientID: c.ClientID, Credential: obo.ClientSecret(c.ClientSecret), AuthorityHost: c.Entra.URL, HTTPClient: c.HTTPClient(), Logger: logger,
		},
		graph: graphmap.Config{
			BaseURL: c.Graph.URL, Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, HTTPClient: c.HTTPClient(), Logger: logger,
			ReadLag: 20 * time.Millisecond, // of a cloud that does not lag unless it is told to
		},
		acs:     acsidentity.Config{ConnectionString: c.ACS.ConnectionString(), HTTPClient: c.HTTPClient(), Logger: logger},
		service: acsauth.ServiceConfig{Logger: logger},
		handler: acsauth.HandlerConfig{Logger: logger},
	}
	for _, change := range s.configure {
		change(set)
	}
	s.auth = must(s.T, acsauth.NewAuthenticator, set.auth)
	set.graph.Tokens = must(s.T, obo.New, set.obo)
	if set.service.Mapper == nil {
		set.service.Mapper = must(s.T, graphmap.New, set.graph)
	}
	s.mapper = set.service.Mapper
	set.service.Identities = must(s.T, acsidentity.New, set.acs)
	s.service = must(s.T, acsauth.NewService, set.service)
	set.handler.Authenticator, set.handler.Service = s.auth, s.service
	handler := must(s.T, acsauth.NewHandler, set.handler)
	mux := http.NewServeMux()
	mux.Handle("/api/", handler)
	s.server = httptest.NewServer(mux)
	s.Cleanup(s.server.Close)
}

func must[C, T any](t *testing.T, construct func(C) (T, error), cfg C) T {
	t.Helper()
	made, err := construct(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// withMemory keeps the mappings in memory: for tests that are not about Graph.
func withMemory(set *setup) { set.service.Mapper = new(acsauth.MemoryMapper) }

// token returns the access token of s.user, the same every time.
func (s *system) token() string {
	s.tokenOnce.Do(func() { s.userToken = s.Entra.UserToken(s.user, cloud.TokenOptions{}) })
	return s.userToken
}

// A request is one to the API, made by s.user unless it says otherwise.
type request struct {
	method, path string
	header       http.Header // overrides, beginning with Authorization
	body         string
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// field returns a field of the JSON body, written as text.
func (a answer) field(name string) string {
	var body map[string]any
	if json.Unmarshal([]byte(a.body), &body) != nil || body[name] == nil {
		return ""
	}
	return fmt.Sprint(body[name])
}

func (s *system) send(r request) answer {
	s.Helper()
	out, err := http.NewRequestWithContext(s.Context(), r.method, s.server.URL, strings.NewReader(r.body))
	if err != nil {
		s.Fatal(err)
	}
	out.URL.Path = r.path
	out.Header.Set("Authorization", "Bearer "+s.token())
	for name, values := range r.header {
		out.Header[http.CanonicalHeaderKey(name)] = values
	}
	in, err := s.server.Client().Do(out)
	if err != nil {
		s.Fatal(err)
	}
	defer in.Body.Close()
	body, err := io.ReadAll(in.Body)
	if err != nil {
		s.Fatal(err)
	}
	if err := openapitest.Check(in, body); err != nil {
		s.Error(err)
	}
	return answer{in.StatusCode, in.Header, string(body)}
}

func (s *system) call(method, path string) answer {
	s.Helper()
	return s.send(request{method: method, path: path})
}

// want calls and fails the test unless the answer has this status.
func (s *system) want(status int, method, path string) answer {
	s.Helper()
	a := s.call(method, path)
	if a.status != status {
		s.Fatalf("%s %s: %d %s; want %d", method, path, a.status, a.body, status)
	}
	return a
}

// live returns the identities of the resource that have not been deleted.
func (s *system) live() []string { return liveIn(s.Cloud) }

func liveIn(c *cloud.Cloud) (ids []string) {
	for _, identity := range c.ACS.Identities() {
		if identity.Live {
			ids = append(ids, identity.ID)
		}
	}
	return ids
}

// mapped returns the identity in the user's extension; "" if there is none.
func (s *system) mapped() string {
	properties, _ := s.Graph.Extension(s.user, extensionName)
	id, _ := properties["acsUserIdentity"].(string)
	return id
}

// A logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

// lines returns the log lines with this message.
func (l *logBuffer) lines(message string) (found []map[string]any) {
	for line := range strings.Lines(l.String()) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) == nil && record["msg"] == message {
			found = append(found, record)
		}
	}
	return found
}
