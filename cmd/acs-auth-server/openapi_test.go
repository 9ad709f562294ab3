package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/docs"
)

// The server sends its own contract to anyone who asks.
func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil)
	for _, test := range []struct {
		method string
		status int
		header map[string]string
		body   string
	}{
		{"GET", 200, map[string]string{"Content-Type": "application/yaml", "Content-Length": strconv.Itoa(len(docs.OpenAPI())), "Cache-Control": "no-store", "Allow": ""}, docs.OpenAPI()},
		{"HEAD", 200, map[string]string{"Content-Type": "application/yaml", "Content-Length": strconv.Itoa(len(docs.OpenAPI())), "Cache-Control": "no-store", "Allow": ""}, ""},
		{"POST", 405, map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Allow": "GET, HEAD"}, "method_not_allowed"},
		{"OPTIONS", 405, map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store", "Allow": "GET, HEAD"}, "method_not_allowed"},
	} {
		got := call(t, test.method, r.url+"/openapi.yaml")
		if got.status != test.status || !strings.Contains(got.body, test.body) || test.status == 200 && got.body != test.body {
			t.Errorf("%s: status %d, want %d: %.200s", test.method, got.status, test.status, got.body)
		}
		for name, want := range test.header {
			if got.header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", test.method, name, got.header.Get(name), want)
			}
		}
	}
	if got := call(t, "GET", r.url+"/openapi.yaml/"); got.status != 404 {
		t.Errorf("with a slash: status %d", got.status)
	}

	var routes []any
	for _, line := range logLines(t, r.stderr.String(), "request") {
		routes = append(routes, line["level"], line["route"])
	}
	want := []any{"INFO", "/openapi.yaml", "INFO", "/openapi.yaml", "INFO", "/openapi.yaml", "INFO", "/openapi.yaml", "INFO", ""}
	if diff := cmp.Diff(want, routes); diff != "" {
		t.Error(diff)
	}
}

// The document has the operational endpoints, each with its methods.
func TestOpenAPIListsOperationalEndpoints(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil, "METRICS=true")
	r.stderr.line(t, "signing keys loaded")
	var listed []string
	for _, path := range slices.Sorted(maps.Keys(document.Paths.Map())) {
		if strings.HasPrefix(path, "/api/") {
			continue
		}
		listed = append(listed, path)
		for method, status := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
			_, has := document.Paths.Value(path).Operations()[method]
			if got := call(t, method, r.url+path); got.status != status || has != (status == 200) {
				t.Errorf("%s %s: status %d, want %d; it is in the document: %t", method, path, got.status, status, has)
			}
		}
	}
	if diff := cmp.Diff([]string{healthPath, metricsPath, openAPIPath, readyPath}, listed); diff != "" {
		t.Error(diff)
	}
}
