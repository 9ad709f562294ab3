package obo_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

const (
	tenantID     = "aaaaaaaa-1111-4111-8111-111111111111"
	clientID     = "cccccccc-2222-4222-8222-222222222222"
	clientSecret = "N3v3r~print-this-client-secret"
	graphScope   = "https://graph.microsoft.com/.default"
)

// fakeEntra is a token endpoint that verifies what the real one verifies. It
// implements http.Handler; start serves it over TLS, and transport without any
// network, for tests in virtual time.
type fakeEntra struct {
	t   *testing.T
	url string
	now func() time.Time
	key []byte // signs assertions

	certificate *x509.Certificate // registered for client assertions, or nil
	federated   string            // a foreign token that is trusted as client assertion, or ""
	secrets     map[string]bool   // the client secrets that are good; guarded by mu
	scope       string
	expiresIn   int

	// instead answers request number n (from 0) in place of the fake if it
	// returns true. The request's form has been parsed.
	instead func(n int, w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	requests []*http.Request
	jtis     map[string]bool
	tokens   []string // issued
}

func newEntra(t *testing.T) *fakeEntra {
	return &fakeEntra{
		t: t, url: "https://entra.example", now: time.Now, key: []byte(t.Name()),
		scope: graphScope, expiresIn: 3600, jtis: make(map[string]bool), secrets: map[string]bool{clientSecret: true},
	}
}

// start serves e over TLS and returns a Config for a client of it.
func (e *fakeEntra) start() obo.Config {
	server := httptest.NewUnstartedServer(e)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // some tests cut connections
	server.StartTLS()
	e.t.Cleanup(server.Close)
	e.url = server.URL
	return e.config(server.Client())
}

func (e *fakeEntra) config(client *http.Client) obo.Config {
	return obo.Config{
		ClientID:      clientID,
		Credential:    obo.ClientSecret(clientSecret),
		AuthorityHost: e.url,
		HTTPClient:    client,
		Logger:        slog.New(slog.DiscardHandler),
	}
}

// inProcess returns a Config for a client that reaches e without a network.
func (e *fakeEntra) inProcess() obo.Config {
	return e.config(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		recorder := httptest.NewRecorder()
		e.ServeHTTP(recorder, r)
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		return recorder.Result(), nil
	})})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// assertion returns an access token for the API, as a client would present it.
func (e *fakeEntra) assertion(user string, validFor time.Duration) string {
	return e.sign(map[string]any{"aud": clientID, "tid": tenantID, "sub": user, "exp": e.now().Add(validFor).Unix()})
}

func (e *fakeEntra) sign(claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		e.t.Fatal(err)
	}
	unsigned := "eyJhbGciOiJmYWtlIn0." + base64.RawURLEncoding.EncodeToString(payload)
	return unsigned + "." + e.mac(unsigned)
}

func (e *fakeEntra) mac(text string) string {
	h := hmac.New(sha256.New, e.key)
	h.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (e *fakeEntra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, 400, "invalid_request", 900144)
		return
	}
	e.mu.Lock()
	n := len(e.requests)
	e.requests = append(e.requests, r)
	e.mu.Unlock()
	if e.instead != nil && e.instead(n, w, r) {
		return
	}

	tenant, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	form := r.PostForm
	claims, code := e.open(form.Get("assertion"))
	switch {
	case r.Method != http.MethodPost || path != "oauth2/v2.0/token" || r.URL.RawQuery != "":
		http.NotFound(w, r)
	case form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
		refuse(w, 400, "unsupported_grant_type", 70003)
	case form.Get("client_id") != clientID:
		refuse(w, 400, "unauthorized_client", 700016)
	case e.refuseCredential(w, r, "https://"+r.Host+r.URL.Path):
	case form.Get("requested_token_use") != "on_behalf_of":
		refuse(w, 400, "invalid_request", 900144)
	case !strings.HasPrefix(form.Get("scope")+" ", e.scope+" "):
		refuse(w, 400, "invalid_scope", 70011)
	case code != 0:
		refuse(w, 400, "invalid_grant", code)
	case claims["tid"] != tenant:
		refuse(w, 400, "invalid_grant", 50013)
	default:
		e.mu.Lock()
		token := fmt.Sprintf("graph-token-%d-for-%s", n, claims["sub"])
		e.tokens = append(e.tokens, token)
		e.mu.Unlock()
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"token_type": "Bearer", "scope": "email openid profile", "expires_in": e.expiresIn,
			"ext_expires_in": e.expiresIn, "access_token": token, "refresh_token": "1.refresh", "id_token": "not.a.jwt",
		})
	}
}

// open verifies an assertion; code is 0 or an AADSTS number.
func (e *fakeEntra) open(assertion string) (claims map[string]any, code int) {
	unsigned, mac, _ := cutLast(assertion)
	_, payload, _ := strings.Cut(unsigned, ".")
	raw, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil || !hmac.Equal([]byte(mac), []byte(e.mac(unsigned))) || json.Unmarshal(raw, &claims) != nil {
		return nil, 50013
	}
	if exp, ok := claims["exp"].(float64); ok && e.now().Unix() > int64(exp)+300 {
		return nil, 500133
	}
	if claims["aud"] != clientID {
		return nil, 500131
	}
	return claims, 0
}

// refuseCredential answers r and returns true unless r proves to be the app's.
func (e *fakeEntra) refuseCredential(w http.ResponseWriter, r *http.Request, tokenEndpoint string) bool {
	form := r.PostForm
	if e.certificate == nil && e.federated == "" {
		e.mu.Lock()
		good := e.secrets[form.Get("client_secret")]
		e.mu.Unlock()
		if !good {
			refuse(w, 401, "invalid_client", 7000215)
			return true
		}
		return false
	}
	assertion := form.Get("client_assertion")
	switch {
	case form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" || form.Has("client_secret"):
		refuse(w, 401, "invalid_client", 7000218)
		return true
	case e.federated != "" && assertion != e.federated:
		refuse(w, 401, "invalid_client", 700213)
		return true
	case e.federated != "":
		return false
	}
	if err := e.verifyPS256(assertion, tokenEndpoint); err != nil {
		e.t.Errorf("client assertion: %v", err)
		refuse(w, 401, "invalid_client", 700027)
		return true
	}
	return false
}

func (e *fakeEntra) verifyPS256(assertion, tokenEndpoint string) error {
	var header struct {
		Alg        string
		Thumbprint string `json:"x5t#S256"`
	}
	var claims struct {
		Aud, Iss, Sub, Jti string
		Exp, Nbf           int64
	}
	unsigned, encoded, _ := cutLast(assertion)
	head, payload, _ := strings.Cut(unsigned, ".")
	for text, into := range map[string]any{head: &header, payload: &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return err
		}
	}
	thumbprint := sha256.Sum256(e.certificate.Raw)
	now := e.now().Unix()
	e.mu.Lock()
	reused := e.jtis[claims.Jti]
	e.jtis[claims.Jti] = true
	e.mu.Unlock()
	switch {
	case header.Alg != "PS256":
		return fmt.Errorf("alg is %q", header.Alg)
	case header.Thumbprint != base64.StdEncoding.EncodeToString(thumbprint[:]):
		return fmt.Errorf("thumbprint is %q", header.Thumbprint)
	case claims.Aud != tokenEndpoint:
		return fmt.Errorf("aud is %q", claims.Aud)
	case claims.Iss != clientID || claims.Sub != clientID:
		return fmt.Errorf("iss is %q, sub is %q", claims.Iss, claims.Sub)
	case claims.Exp <= now || claims.Exp > now+660 || claims.Nbf > now:
		return fmt.Errorf("valid from %d to %d, now %d", claims.Nbf, claims.Exp, now)
	case claims.Jti == "" || reused:
		return fmt.Errorf("jti %q is missing or reused", claims.Jti)
	}
	signature, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(unsigned))
	public := e.certificate.PublicKey.(*rsa.PublicKey)
	return rsa.VerifyPSS(public, crypto.SHA256, digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
}

// refuse answers with an error document; its description holds what must never
// come out at the other end.
func refuse(w http.ResponseWriter, status int, code string, number int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"error": code, "error_codes": []int{number},
		"error_description": fmt.Sprintf("AADSTS%d: described with %s", number, clientSecret),
		"correlation_id":    "dddddddd-3333-4333-8333-333333333333", "trace_id": "eeeeeeee-4444-4444-8444-444444444444",
	})
}

func cutLast(token string) (before, after string, found bool) {
	i := strings.LastIndexByte(token, '.')
	if i < 0 {
		return token, "", false
	}
	return token[:i], token[i+1:], true
}

// count returns how many requests of any kind have arrived.
func (e *fakeEntra) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.requests)
}

func (e *fakeEntra) wantCount(want int) {
	e.t.Helper()
	if got := e.count(); got != want {
		e.t.Errorf("Microsoft Entra ID got %d requests, want %d", got, want)
	}
}
