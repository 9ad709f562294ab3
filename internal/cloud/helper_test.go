package cloud_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// start starts a cloud with listeners.
func start(t testing.TB, cfg cloud.Config) *cloud.Cloud {
	t.Helper()
	c, err := cloud.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// A reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// at returns the member of a JSON body that the keys lead to, nil if there is none.
func (r reply) at(keys ...string) any {
	var value any
	if json.Unmarshal([]byte(r.body), &value) != nil {
		return nil
	}
	for _, key := range keys {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

func (r reply) str(keys ...string) string {
	s, _ := r.at(keys...).(string)
	return s
}

// send sends a request and fails the test if there is no answer.
func send(t testing.TB, client *http.Client, req *http.Request) reply {
	t.Helper()
	r, err := try(client, req)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func try(client *http.Client, req *http.Request) (reply, error) {
	res, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return reply{res.StatusCode, res.Header, string(body)}, err
}

func newRequest(t testing.TB, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

func get(t testing.TB, c *cloud.Cloud, url string) reply {
	t.Helper()
	return send(t, c.HTTPClient(), newRequest(t, "GET", url, ""))
}

// graph calls Graph with a token; path begins after /v1.0.
func graph(t testing.TB, c *cloud.Cloud, token, method, path, body string) reply {
	t.Helper()
	return send(t, c.HTTPClient(), newRequest(t, method, c.Graph.URL+path, body, "Authorization", "Bearer "+token))
}

// post sends a form.
func post(t testing.TB, c *cloud.Cloud, to string, form url.Values) reply {
	t.Helper()
	return send(t, c.HTTPClient(), newRequest(t, "POST", to, form.Encode(), "Content-Type", "application/x-www-form-urlencoded"))
}

// oboForm is a good On-Behalf-Of exchange.
func oboForm(c *cloud.Cloud, assertion string) url.Values {
	return url.Values{
		"grant_type":          {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
		"client_id":           {c.ClientID},
		"client_secret":       {c.ClientSecret},
		"assertion":           {assertion},
		"scope":               {"https://graph.microsoft.com/.default openid offline_access profile"},
		"requested_token_use": {"on_behalf_of"},
		"client_info":         {"1"},
	}
}

// accessKey takes the key out of a connection string.
func accessKey(connectionString string) string {
	_, key, _ := strings.Cut(connectionString, ";accesskey=")
	return key
}

// sign signs a request as the official SDKs do.
func sign(t testing.TB, req *http.Request, key string, now time.Time) {
	t.Helper()
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.ContentLength = int64(len(body))
	}
	sum := sha256.Sum256(body)
	hash := base64.StdEncoding.EncodeToString(sum[:])
	date := now.UTC().Format(http.TimeFormat)
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, req.Method+"\n"+req.URL.RequestURI()+"\n"+date+";"+host+";"+hash)
	req.Header.Set("x-ms-date", date)
	req.Header.Set("x-ms-content-sha256", hash)
	req.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+
		base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

const apiVersion = "?api-version=2023-10-01"

// acs calls a resource, signed with its primary key.
func acs(t testing.TB, c *cloud.Cloud, r *cloud.Resource, method, path, body string) reply {
	t.Helper()
	req := newRequest(t, method, r.URL+path, body)
	sign(t, req, accessKey(r.ConnectionString()), time.Now())
	return send(t, c.HTTPClient(), req)
}

// createIdentity makes an identity by a call.
func createIdentity(t testing.TB, c *cloud.Cloud) string {
	t.Helper()
	r := acs(t, c, c.ACS.Resource, "POST", "/identities"+apiVersion, "")
	if r.status != http.StatusCreated {
		t.Fatalf("create answered %d %s", r.status, r.body)
	}
	return r.str("identity", "id")
}

// path is the path of an identity, escaped as the SDKs do.
func path(id, action string) string {
	return "/identities/" + strings.ReplaceAll(id, ":", "%3A") + action + apiVersion
}
