package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
)

// What the server costs besides what any server has to do for a token: check the
// signature of the caller's token, and ask ACS, which takes no request that is not
// signed with the access key. "bare" does that and nothing else, "unsigned" does not
// even sign, and "server" is the whole program, with its access log and audit log.
// All ask the same ACS, which answers at once, over TLS.
//
//	go test ./cmd/acs-auth-server -run '^$' -bench Throughput -count 10
func BenchmarkThroughput(b *testing.B) {
	entra, err := cloud.Start(cloud.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = entra.Close() }()
	acs := httptest.NewTLSServer(http.HandlerFunc(instantACS))
	defer acs.Close()
	client := trusting(b, entra.CAPEM(), acs.Certificate())
	token := entra.Entra.UserToken(entra.Entra.AddUser(cloud.User{Name: "Ada"}), cloud.TokenOptions{Lifetime: 23 * time.Hour})

	key := publicKey(b, entra, client)
	for name, accessKey := range map[string][]byte{"unsigned": nil, "bare": []byte("secret")} {
		b.Run(name, func(b *testing.B) {
			bare := httptest.NewServer(&bareHandler{client: client, acs: acs.URL, key: key, accessKey: accessKey})
			defer bare.Close()
			generateLoad(b, bare.URL+"/api/token", token)
		})
	}
	b.Run("server", func(b *testing.B) {
		p := new(problems)
		s := load([]layer{environment([]string{
			"AZURE_TENANT_ID=" + entra.TenantID,
			"AZURE_CLIENT_ID=" + entra.ClientID,
			"AZURE_AUTHORITY_HOST=" + entra.Entra.URL,
			"ACS_CONNECTION_STRING=endpoint=" + acs.URL + "/;accesskey=c2VjcmV0",
			"MAPPING_STORE=memory",
			"MAPPING_CACHE_TTL=24h",
			"RATE_LIMIT_PER_USER=999999/s,burst=999999", // one user calls all the time
			"LISTEN_ADDR=127.0.0.1:0",
			"SHUTDOWN_DELAY=0s",
		})}, true, p)
		ctx, end := context.WithCancel(b.Context())
		addresses, status := make(chan net.Addr, 1), make(chan int, 1)
		go func() {
			status <- serve(ctx, s, client, io.Discard, p, func(a net.Addr) error { addresses <- a; return nil })
		}()
		url := "http://" + (<-addresses).String()
		do(b, http.DefaultClient, http.MethodPost, url+"/api/user", token)
		generateLoad(b, url+"/api/token", token)
		b.StopTimer()
		end()
		<-status
	})
}

// instantACS answers as ACS does, without a look at the request.
func instantACS(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/identities") {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"identity":{"id":"8:acs:2dee53b4-368b-45b4-ab52-8493fb117652_00000000-0000-4000-8000-000000000000"}}`)
		return
	}
	fmt.Fprintf(w, `{"token":"%s","expiresOn":"2099-01-01T00:00:00Z"}`, acsToken)
}

var acsToken = "eyJ." + strings.Repeat("x", 900) + "." + strings.Repeat("y", 342)

// A bareHandler checks the signature, asks ACS and passes the answer on.
type bareHandler struct {
	client    *http.Client
	acs       string
	key       jose.Key
	accessKey []byte // nil: do not sign
}

func (h *bareHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	compact, err := jose.ParseCompact(token)
	if err == nil {
		_, err = compact.Verify(h.key.Public)
	}
	if err != nil {
		http.Error(w, "refused", http.StatusUnauthorized)
		return
	}
	const body = `{"scopes":["chat","voip"]}`
	out, err := http.NewRequestWithContext(r.Context(), http.MethodPost, h.acs+"/identities/x/:issueAccessToken?api-version=2023-10-01", strings.NewReader(body))
	if err != nil {
		http.Error(w, "failed", http.StatusInternalServerError)
		return
	}
	out.Header.Set("Content-Type", "application/json")
	if h.accessKey != nil {
		h.sign(out, body)
	}
	in, err := h.client.Do(out)
	if err != nil {
		http.Error(w, "failed", http.StatusBadGateway)
		return
	}
	defer in.Body.Close()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.Copy(w, in.Body)
}

// sign signs a request as Microsoft's tutorial for this scheme does.
func (h *bareHandler) sign(r *http.Request, body string) {
	date := time.Now().UTC().Format(http.TimeFormat)
	sum := sha256.Sum256([]byte(body))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	mac := hmac.New(sha256.New, h.accessKey)
	fmt.Fprintf(mac, "%s\n%s\n%s;%s;%s", r.Method, r.URL.RequestURI(), date, r.URL.Host, hash)
	r.Header.Set("x-ms-date", date)
	r.Header.Set("x-ms-content-sha256", hash)
	r.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func trusting(b *testing.B, pem []byte, certificate *x509.Certificate) *http.Client {
	b.Helper()
	client := httpx.NewClient()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	pool.AddCert(certificate)
	client.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	return client
}

func publicKey(b *testing.B, c *cloud.Cloud, client *http.Client) jose.Key {
	b.Helper()
	r, err := client.Get(c.Entra.URL + "/" + c.TenantID + "/discovery/v2.0/keys")
	if err != nil {
		b.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.Fatal(err)
	}
	keys, err := jose.ParseKeySet(body)
	if err != nil {
		b.Fatal(err)
	}
	id := c.Entra.KeyID()
	for _, key := range keys {
		if key.ID == id {
			return key
		}
	}
	b.Fatal("no key")
	return jose.Key{}
}

// load sends requests from 64 callers, over as many connections.
func generateLoad(b *testing.B, url, token string) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			do(b, client, http.MethodGet, url, token)
		}
	})
}

func do(b *testing.B, client *http.Client, method, url, token string) {
	r, err := http.NewRequestWithContext(b.Context(), method, url, nil)
	if err != nil {
		b.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := client.Do(r)
	if err != nil {
		b.Error(err)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusCreated {
		b.Errorf("%d %s, %v", answer.StatusCode, body, err)
	}
}
