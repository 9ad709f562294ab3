package acsidentity_test

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

const (
	resourceID = "2dee53b4-368b-45b4-ab52-8493fb117652"
	userID     = "8:acs:" + resourceID + "_00000005-14a2-493b-8a72-5a3a0d000081"
	key        = "YWNzLXRlc3QtdmVjdG9yLWtleS0wMTIzNDU2Nzg5YWJjZGVm"

	tokenText   = "eyJhbGciOiJSUzI1NiJ9.eyJza3lwZWlkIjoiYWNzIn0.c2lnbmF0dXJl"
	tokenJSON   = `{"token":"` + tokenText + `","expiresOn":"2025-04-14T17:32:27.2078535+00:00"}`
	createdJSON = `{"identity":{"id":"` + userID + `"}}`
	bothJSON    = `{"identity":{"id":"` + userID + `"},"accessToken":` + tokenJSON + `}`
)

var (
	expiresOn = time.Date(2025, 4, 14, 17, 32, 27, 207853500, time.UTC)
	voip      = acsidentity.TokenOptions{Scopes: []acsidentity.Scope{acsidentity.ScopeVoIP}}
	exchange  = acsidentity.TeamsExchange{Token: "eyJ.aad.tok", AppID: "client", UserID: "oid"}
)

// A request is one that the fake has seen.
type request struct {
	Method, URI, Body string
	Header            http.Header
}

// An acs is a fake of the service. It checks of each request what the service
// checks, and answers as its script says; when that is used up, with success.
type acs struct {
	t      testing.TB
	bearer string // the token that authenticates, in place of the key
	denies bool   // answers requests that another key signed; otherwise they fail the test

	mu       sync.Mutex
	key      string // that signs; "": the one above
	script   []http.HandlerFunc
	requests []request
}

func (f *acs) seen() []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]request(nil), f.requests...)
}

func (f *acs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Errorf("the request body cannot be read: %v", err)
	}
	err = f.check(r, body)
	denied := errors.Is(err, errWrongKey) && f.denies
	if err != nil && !denied {
		f.t.Errorf("%s %s would be refused: %v", r.Method, r.RequestURI, err)
	}

	f.mu.Lock()
	f.requests = append(f.requests, request{r.Method, r.RequestURI, string(body), r.Header.Clone()})
	next := http.HandlerFunc(succeed)
	if denied {
		next = answer(401, `{"error":{"code":"Denied","message":"Denied by the resource provider."}}`)
	} else if len(f.script) > 0 {
		next, f.script = f.script[0], f.script[1:]
	}
	f.mu.Unlock()

	w.Header().Set("MS-CV", "cv.0")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	next(w, r)
}

func (f *acs) check(r *http.Request, body []byte) error {
	query := r.URL.Query()
	if len(query) != 1 || len(query["api-version"]) != 1 || query.Get("api-version") == "" {
		return fmt.Errorf("query %q", r.URL.RawQuery)
	}
	if len(body) > 0 && r.Header.Get("Content-Type") != "application/json" {
		return fmt.Errorf("Content-Type %q", r.Header.Get("Content-Type"))
	}
	if r.Header.Get("X-Ms-Client-Request-Id") == "" {
		return errors.New("no client request id")
	}
	if _, replayable := r.Header["Idempotency-Key"]; replayable {
		return errors.New("net/http repeats requests with an Idempotency-Key by itself")
	}
	if f.bearer != "" {
		if r.Header.Get("Authorization") != "Bearer "+f.bearer {
			return fmt.Errorf("Authorization %q", r.Header.Get("Authorization"))
		}
		return nil
	}

	date, err := http.ParseTime(r.Header.Get("x-ms-date"))
	if err != nil || time.Since(date).Abs() > 5*time.Minute {
		return fmt.Errorf("x-ms-date %q", r.Header.Get("x-ms-date"))
	}
	hash := sha256.Sum256(body)
	contentHash := base64.StdEncoding.EncodeToString(hash[:])
	if got := r.Header.Get("x-ms-content-sha256"); got != contentHash {
		return fmt.Errorf("x-ms-content-sha256 is %q, the body has %q", got, contentHash)
	}
	f.mu.Lock()
	good := f.key
	f.mu.Unlock()
	if good == "" {
		good = key
	}
	secret, _ := base64.StdEncoding.DecodeString(good)
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, r.Method+"\n"+r.RequestURI+"\n"+
		r.Header.Get("x-ms-date")+";"+r.Host+";"+contentHash)
	want := "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=" +
		base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if got := r.Header.Get("Authorization"); got != want {
		return fmt.Errorf("%w: Authorization is %q, want %q", errWrongKey, got, want)
	}
	return nil
}

var errWrongKey = errors.New("another key signed it")

// succeed answers as the service does when all is well.
func succeed(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodDelete, strings.HasSuffix(r.URL.Path, "/:revokeAccessTokens"):
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(r.URL.Path, "AccessToken"):
		io.WriteString(w, tokenJSON)
	default:
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, bothJSON)
	}
}

// answer is a step of a script: a status, a body, and headers given as pairs.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// drop cuts the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// cut sends the beginning of a success and cuts the connection.
func cut(w http.ResponseWriter, r *http.Request) {
	begin(w, func() { succeed(w, r) })
	panic(http.ErrAbortHandler)
}

// begin sends a header and a body that is announced as longer than it is.
func begin(w http.ResponseWriter, write func()) {
	w.Header().Set("Content-Length", "1000")
	write()
	_ = http.NewResponseController(w).Flush()
}

// hang answers nothing until the client gives up.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// listen serves f on a real connection and returns a Config for it.
func listen(t testing.TB, f *acs) acsidentity.Config {
	t.Helper()
	f.t = t
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return acsidentity.Config{
		Endpoint:   server.URL,
		Credential: acsidentity.AccessKey(key),
		HTTPClient: server.Client(),
	}
}

// pipe is listen without a network, for bubbles of testing/synctest, in which
// time passes at once.
func pipe(t testing.TB, f *acs) acsidentity.Config {
	t.Helper()
	f.t = t
	listener := &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
	server := &http.Server{Handler: f}
	go server.Serve(listener)
	transport := &http.Transport{DialContext: listener.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	return acsidentity.Config{
		Endpoint:   "http://localhost",
		Credential: acsidentity.AccessKey(key),
		HTTPClient: &http.Client{Transport: transport},
	}
}

type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func mustNew(t testing.TB, cfg acsidentity.Config) *acsidentity.Client {
	t.Helper()
	client, err := acsidentity.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// asError returns the *Error in err, which must be there.
func asError(t testing.TB, err error) *acsidentity.Error {
	t.Helper()
	var e *acsidentity.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *acsidentity.Error", err)
	}
	return e
}

// operations are all operations, with arguments that are good.
var operations = []struct {
	name string
	call func(context.Context, *acsidentity.Client) error
}{
	{"CreateIdentity", func(ctx context.Context, c *acsidentity.Client) error {
		id, err := c.CreateIdentity(ctx)
		return orWrong(err, id, userID)
	}},
	{"CreateIdentityWithToken", func(ctx context.Context, c *acsidentity.Client) error {
		id, token, err := c.CreateIdentityWithToken(ctx, voip)
		return cmp.Or(orWrong(err, id, userID), orWrong(err, token.Token, tokenText))
	}},
	{"IssueToken", func(ctx context.Context, c *acsidentity.Client) error {
		token, err := c.IssueToken(ctx, userID, voip)
		return orWrong(err, token.Token, tokenText)
	}},
	{"RevokeTokens", func(ctx context.Context, c *acsidentity.Client) error {
		return c.RevokeTokens(ctx, userID)
	}},
	{"DeleteIdentity", func(ctx context.Context, c *acsidentity.Client) error {
		return c.DeleteIdentity(ctx, userID)
	}},
	{"ExchangeTeamsToken", func(ctx context.Context, c *acsidentity.Client) error {
		token, err := c.ExchangeTeamsToken(ctx, exchange)
		return orWrong(err, token.Token, tokenText)
	}},
}

func isCreate(operation string) bool { return strings.HasPrefix(operation, "Create") }

// orWrong returns err. A result that does not go with it is an error of its own.
func orWrong(err error, got, wantIfNil string) error {
	want := wantIfNil
	if err != nil {
		want = ""
	}
	if got != want {
		return fmt.Errorf("result %q together with error %v", got, err)
	}
	return err
}
