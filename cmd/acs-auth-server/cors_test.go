package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
)

const (
	app        = "https://app.contoso.com"
	otherApp   = "http://localhost:3000"
	corsOption = "CORS_ALLOWED_ORIGINS=" + app + "," + otherApp
)

// browse sends a request with headers of several values, as a browser would, and
// returns the answer without its body.
func browse(ctx context.Context, method, url string, header http.Header) (status int, got http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header, r.Close = header, true
	answer, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	// What the document says of OPTIONS is that it is refused.
	if err == nil && method != "OPTIONS" {
		err = openapitest.Check(answer, body)
	}
	return answer.StatusCode, answer.Header, err
}

// corsOf returns the headers that CORS is made of.
func corsOf(header http.Header) map[string]string {
	found := map[string]string{}
	for name, values := range header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Vary" {
			found[name] = strings.Join(values, " + ")
		}
	}
	return found
}

// allowing is what a preflight is answered that allows what it asks for.
func allowing(origin, method, headers string) map[string]string {
	want := map[string]string{
		"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Methods": method, "Access-Control-Max-Age": "600", "Vary": preflightVary,
	}
	if headers != "" {
		want["Access-Control-Allow-Headers"] = headers
	}
	return want
}

const (
	preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	allHeaders    = "authorization,content-type,teams-user-aad-token,traceparent,x-request-id"
)

func TestPreflights(t *testing.T) {
	t.Parallel()
	refused := map[string]string{"Vary": preflightVary}
	c, _ := startCloud(t)
	url := startAgainst(t, c, nil, corsOption).url
	for _, test := range []struct {
		name          string
		path          string
		origin        []string
		method        string // that is asked for
		headers       string
		more          string // another header
		status        int
		want          map[string]string
		wantAllowedBy string
	}{
		{"GET", "/api/token", []string{app}, "GET", "authorization", "", 204, allowing(app, "GET", "authorization"), ""},
		{"POST", "/api/user", []string{app}, "POST", "authorization,content-type", "", 204, allowing(app, "POST", "authorization,content-type"), ""},
		{"DELETE", "/api/user", []string{app}, "DELETE", "authorization", "", 204, allowing(app, "DELETE", "authorization"), ""},
		{"another origin on the list", "/api/user", []string{otherApp}, "DELETE", "authorization", "", 204, allowing(otherApp, "DELETE", "authorization"), ""},
		{"all headers", "/api/token/teams", []string{app}, "GET", allHeaders, "", 204, allowing(app, "GET", allHeaders), ""},
		{"no headers", "/api/user", []string{app}, "DELETE", "", "", 204, allowing(app, "DELETE", ""), ""},
		{"an unknown path, whose error the page is to see", "/api/nothing", []string{app}, "GET", "authorization", "", 204, allowing(app, "GET", "authorization"), ""},
		{"even outside of the API", "/nothing", []string{app}, "GET", "authorization", "", 204, allowing(app, "GET", "authorization"), ""},

		{"another method", "/api/user", []string{app}, "PUT", "authorization", "", 204, refused, ""},
		{"a method in lower case", "/api/user", []string{app}, "delete", "authorization", "", 204, refused, ""},
		{"another header", "/api/user", []string{app}, "GET", "authorization,x-other", "", 204, refused, ""},
		{"an origin not on the list", "/api/user", []string{"https://evil.example"}, "GET", "authorization", "", 204, refused, ""},
		{"its subdomain", "/api/user", []string{"https://x.app.contoso.com"}, "GET", "", "", 204, refused, ""},
		{"its suffix", "/api/user", []string{"https://evilapp.contoso.com"}, "GET", "", "", 204, refused, ""},
		{"its prefix", "/api/user", []string{app + ".evil.example"}, "GET", "", "", 204, refused, ""},
		{"another port", "/api/user", []string{app + ":8443"}, "GET", "", "", 204, refused, ""},
		{"the default port", "/api/user", []string{app + ":443"}, "GET", "", "", 204, refused, ""},
		{"another scheme", "/api/user", []string{"http://app.contoso.com"}, "GET", "", "", 204, refused, ""},
		{"upper case", "/api/user", []string{"https://APP.contoso.com"}, "GET", "", "", 204, refused, ""},
		{"a path", "/api/user", []string{app + "/"}, "GET", "", "", 204, refused, ""},
		{"null", "/api/user", []string{"null"}, "GET", "", "", 204, refused, ""},
		{"two origins", "/api/user", []string{app, app}, "GET", "", "", 204, refused, ""},
		{"the list of origins", "/api/user", []string{app + "," + otherApp}, "GET", "", "", 204, refused, ""},
		{"to a private network", "/api/user", []string{app}, "GET", "authorization", "Access-Control-Request-Private-Network", 204, allowing(app, "GET", "authorization"), ""},

		{"none: no method", "/api/user", []string{app}, "", "", "", 405, map[string]string{}, "DELETE, GET, POST"},
		{"none: no origin", "/api/user", nil, "GET", "", "", 405, map[string]string{}, "DELETE, GET, POST"},
		{"none, and no path", "/api/nothing", nil, "", "", "", 404, map[string]string{}, ""},
		{"of /healthz", "/healthz", []string{app}, "GET", "", "", 405, map[string]string{}, "GET, HEAD"},
		{"of /readyz", "/readyz", []string{app}, "GET", "", "", 405, map[string]string{}, "GET, HEAD"},
		{"of /openapi.yaml", "/openapi.yaml", []string{app}, "GET", "", "", 405, map[string]string{}, "GET, HEAD"},
	} {
		header := http.Header{"Origin": test.origin}
		for name, text := range map[string]string{"Access-Control-Request-Method": test.method, "Access-Control-Request-Headers": test.headers} {
			if text != "" {
				header.Set(name, text)
			}
		}
		if test.more != "" {
			header.Set(test.more, "true")
		}
		status, got, err := browse(t.Context(), "OPTIONS", url+test.path, header)
		if err != nil || status != test.status || got.Get("Allow") != test.wantAllowedBy {
			t.Errorf("%s: status %d, Allow %q, %v; want %d, %q", test.name, status, got.Get("Allow"), err, test.status, test.wantAllowedBy)
		}
		if diff := cmp.Diff(test.want, corsOf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if got.Get("Cache-Control") != "no-store" || got.Get("X-Request-Id") == "" || got.Get("Content-Type") != "" && status == 204 {
			t.Errorf("%s: %v", test.name, got)
		}
	}
	if n := c.CallCount(cloud.OpEntraToken); n != 0 {
		t.Errorf("preflights caused %d token requests", n)
	}
}

// Errors can be read by the pages that may read anything.
func TestCORSHeaders(t *testing.T) {
	t.Parallel()
	none := map[string]string{}
	varies := map[string]string{"Vary": "Origin"}
	readable := map[string]string{
		"Access-Control-Allow-Origin": app, "Access-Control-Expose-Headers": "Www-Authenticate, Retry-After, X-Request-Id", "Vary": "Origin",
	}
	c, token := startCloud(t)
	url := startAgainst(t, c, nil, corsOption, "RATE_LIMIT_PER_USER=1/m,burst=3").url
	c.Inject(cloud.Fault{Op: cloud.OpACSIssue, Status: 403, Times: 1})
	for _, test := range []struct {
		name, method, path, origin string
		authorized                 bool
		status                     int
		want                       map[string]string
	}{
		{"a success", "POST", "/api/user", app, true, 201, readable},
		{"no token", "GET", "/api/token", app, false, 401, readable},
		{"an unknown path", "GET", "/api/nothing", app, false, 404, readable},
		{"a method that needs no preflight", "HEAD", "/api/user", app, true, 405, readable},
		{"a method that no preflight allows", "PUT", "/api/user", app, true, 405, readable},
		{"our own mistake", "GET", "/api/token", app, true, 500, readable},
		{"to a page not on the list", "GET", "/api/user", "https://evil.example", true, 200, varies},
		{"too many requests", "GET", "/api/user", app, true, 429, readable},
		{"too many requests, to a page not on the list", "GET", "/api/user", "https://evil.example", true, 429, varies},
		{"to no page", "GET", "/api/token", "", false, 401, varies},
		{"of /healthz", "GET", "/healthz", app, false, 200, none},
		{"of /readyz", "GET", "/readyz", app, false, 200, none},
		{"of /openapi.yaml", "GET", "/openapi.yaml", app, false, 200, none},
	} { // in this order
		header := http.Header{}
		if test.origin != "" {
			header.Set("Origin", test.origin)
		}
		if test.authorized {
			header.Set("Authorization", "Bearer "+token)
		}
		status, got, err := browse(t.Context(), test.method, url+test.path, header)
		if err != nil || status != test.status {
			t.Errorf("%s: status %d, %v; want %d", test.name, status, err, test.status)
		}
		if diff := cmp.Diff(test.want, corsOf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// Preflights are answered even by a server that has as much to do as it may, and a
// page can read what it is told then.
func TestCORSOfACrowdedServer(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	held := make(chan struct{})
	release := c.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Times: 1, Do: func() { close(held) }, Hang: true})
	defer release()
	url := startAgainst(t, c, nil, corsOption, "MAX_CONCURRENT_REQUESTS=1").url
	first := make(chan answered, 1)
	go func() {
		got, err := try(t.Context(), "GET", url+"/api/user", bearer(token))
		if err != nil {
			t.Error(err)
		}
		first <- got
	}()
	<-held
	status, got, err := browse(t.Context(), "OPTIONS", url+"/api/user", http.Header{"Origin": {app}, "Access-Control-Request-Method": {"GET"}})
	if err != nil || status != 204 || got.Get("Access-Control-Allow-Origin") != app {
		t.Errorf("a preflight: status %d, %v, %v", status, err, got)
	}
	status, got, err = browse(t.Context(), "GET", url+"/api/nothing", http.Header{"Origin": {app}})
	if err != nil || status != 503 || got.Get("Access-Control-Allow-Origin") != app || got.Get("Retry-After") != "5" {
		t.Errorf("a request: status %d, %v, %v", status, err, got)
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.yaml"} {
		if got := call(t, "GET", url+path); got.status != 200 {
			t.Errorf("%s: status %d: %s", path, got.status, got.body)
		}
	}
	release()
	if got := <-first; got.status != 404 {
		t.Errorf("who came first: status %d: %s", got.status, got.body)
	}
}

func TestWithoutCORS(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	url := startAgainst(t, c, nil).url
	for method, want := range map[string]int{"OPTIONS": 405, "GET": 401} {
		status, got, err := browse(t.Context(), method, url+"/api/user", http.Header{"Origin": {app}, "Access-Control-Request-Method": {"GET"}})
		if err != nil || status != want || len(corsOf(got)) > 0 {
			t.Errorf("%s: status %d, %v, %v; want %d and nothing of CORS", method, status, err, corsOf(got), want)
		}
	}
}
