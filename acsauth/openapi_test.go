package acsauth_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/docs"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

func openAPI(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// The document has the errors of the package, each with its status.
func TestOpenAPIListsErrors(t *testing.T) {
	t.Parallel()
	document := openAPI(t)
	want := map[string]int{}
	for _, name := range acsauth.ErrorNames() {
		want[name] = (&acsauth.Error{Name: name}).Status()
	}

	listed := map[string]int{}
	for _, name := range document.Components.Schemas["ErrorName"].Value.Enum {
		listed[fmt.Sprint(name)] = want[fmt.Sprint(name)]
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("the enumeration (-acsauth +document):\n%s", diff)
	}

	answered := map[string]int{}
	for where, response := range document.Components.Responses {
		for _, example := range response.Value.Content["application/json"].Examples {
			body, _ := example.Value.Value.(map[string]any)
			name, _ := body["error"].(string)
			code, _ := body["code"].(float64)
			if earlier, twice := answered[name]; twice && earlier != int(code) {
				t.Errorf("%s: %s has the status %v here, and %d elsewhere", where, name, code, earlier)
			}
			answered[name] = int(code)
		}
	}
	if diff := cmp.Diff(want, answered); diff != "" {
		t.Errorf("the examples of the responses (-acsauth +document):\n%s", diff)
	}
}

// The document has the endpoints of the handler, each with its methods.
func TestOpenAPIListsEndpoints(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	paths := 0
	for path, item := range openAPI(t).Paths.Map() {
		if !strings.HasPrefix(path, "/api/") {
			continue
		}
		paths++
		var methods []string
		for method := range item.Operations() {
			methods = append(methods, method)
		}
		slices.Sort(methods)
		a := s.want(405, "PATCH", path)
		if got := a.header.Get("Allow"); got != strings.Join(methods, ", ") {
			t.Errorf("%s: the handler has the methods %s, the document %q", path, got, methods)
		}
	}
	if paths == 0 {
		t.Error("the document has no path of the API")
	}
}

// Whatever goes wrong, the answer is among those that the document has for the
// operation. It is send that looks.
func TestOpenAPIHasEveryRefusal(t *testing.T) {
	t.Parallel()
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var configure []func(*setup)
			if test.configure != nil {
				configure = append(configure, test.configure)
			}
			s := newSystem(t, configure...)
			if test.prepare != nil {
				test.prepare(s)
			}
			header := teamsToken(cloud.TokenOptions{})(s)
			maps.Copy(header, test.send.header)
			if test.with != nil {
				maps.Copy(header, test.with(s))
			}
			s.sendAll(header)
		})
	}
	// Only some operations meet these in the table.
	for name, prepare := range map[string]func(*system){
		"ACS throttles":                            fail("acs.", 429, "120"),
		"all of ACS is down":                       fail("acs.", 503, ""),
		"ACS answers nonsense":                     func(s *system) { s.Inject(cloud.Fault{Op: "acs.", Status: 200, Body: "{}"}) },
		"no room for a mapping, where GET creates": func(s *system) { s.fillExtensions() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, func(set *setup) { set.service.AutoProvision = true })
			prepare(s)
			s.sendAll(teamsToken(cloud.TokenOptions{})(s))
		})
	}
}

// sendAll asks for every operation of the API.
func (s *system) sendAll(header http.Header) {
	s.Helper()
	for _, operation := range []request{
		{method: http.MethodGet, path: "/api/user"},
		{method: http.MethodPost, path: "/api/user"},
		{method: http.MethodGet, path: "/api/token"},
		{method: http.MethodGet, path: "/api/token/teams"},
		{method: http.MethodPost, path: "/api/token/revoke"},
		{method: http.MethodDelete, path: "/api/user"},
	} {
		operation.header = header
		s.send(operation)
	}
}
