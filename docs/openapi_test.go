package docs_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/docs"
)

func load(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI()))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// The document is valid OpenAPI 3.1, its references lead somewhere, and its
// examples are what their schemas say.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	document := load(t)
	if !document.IsOpenAPI31OrLater() {
		t.Errorf("it is of version %s", document.OpenAPI)
	}
	if err := document.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	for name, header := range document.Components.Headers { // Validate passes them over
		for key, example := range header.Value.Examples {
			if err := header.Value.Schema.Value.VisitJSON(example.Value.Value, openapi3.EnableJSONSchema2020()); err != nil {
				t.Errorf("headers/%s: example %s: %v", name, key, err)
			}
		}
	}
}

// Every operation can be told from the others, and says who may ask for it.
func TestOpenAPIOperations(t *testing.T) {
	t.Parallel()
	document := load(t)
	named := map[string]string{}
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			name := method + " " + path
			if other, twice := named[operation.OperationID]; twice || operation.OperationID == "" {
				t.Errorf("%s: operationId %q, as %s", name, operation.OperationID, other)
			}
			named[operation.OperationID] = name
			if operation.Summary == "" || len(operation.Tags) != 1 || document.Tags.Get(operation.Tags[0]) == nil {
				t.Errorf("%s has no summary, or not one tag of the list", name)
			}
			security := document.Security
			if operation.Security != nil {
				security = *operation.Security
			}
			if demanded := len(security) > 0; demanded != strings.HasPrefix(path, "/api/") {
				t.Errorf("%s: a token is demanded: %t", name, demanded)
			}
			for status, response := range operation.Responses.Map() {
				checkResponse(t, name+" "+status, status, response.Value)
			}
		}
	}
	for name, status := range map[string]string{"NotFound": "404", "MethodNotAllowed": "405"} {
		checkResponse(t, name, status, document.Components.Responses[name].Value)
	}
}

// checkResponse checks the headers of a response and, if it is an error, that it
// has an example for each name, of its own status.
func checkResponse(t *testing.T, name, status string, response *openapi3.Response) {
	t.Helper()
	required := []string{"Cache-Control", "X-Content-Type-Options", "X-Request-Id"}
	content := response.Content["application/json"]
	if content != nil && content.Schema.Value.AllOf != nil {
		switch status {
		case "401":
			required = append(required, "WWW-Authenticate")
		case "405":
			required = append(required, "Allow")
		case "429", "503":
			required = append(required, "Retry-After")
		}
		answer := content.Schema.Value.AllOf[1].Value.Properties
		if code := fmt.Sprint(answer["code"].Value.Const); code != status {
			t.Errorf("%s: its code is %s", name, code)
		}
		names := answer["error"].Value.Enum
		if names == nil {
			names = []any{answer["error"].Value.Const}
		}
		var texts []string
		for _, n := range names {
			texts = append(texts, fmt.Sprint(n))
			if !strings.Contains(*response.Description, "`"+fmt.Sprint(n)+"`") {
				t.Errorf("%s: its description does not explain %s", name, n)
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(texts)), slices.Sorted(maps.Keys(content.Examples))); diff != "" {
			t.Errorf("%s: the names of the errors (-schema +examples):\n%s", name, diff)
		}
		for key, example := range content.Examples {
			if body, ok := example.Value.Value.(map[string]any); !ok || body["error"] != key {
				t.Errorf("%s: the example %s is of another error", name, key)
			}
		}
	}
	for _, header := range required {
		if h := response.Headers[header]; h == nil || !h.Value.Required {
			t.Errorf("%s: the header %s is not required", name, header)
		}
	}
}

// No component is left over, except what the document describes in words: the
// answer to requests with a method that is not there.
func TestOpenAPIComponentsAreUsed(t *testing.T) {
	t.Parallel()
	c := load(t).Components
	for kind, names := range map[string][]string{
		"headers":    slices.Collect(maps.Keys(c.Headers)),
		"parameters": slices.Collect(maps.Keys(c.Parameters)),
		"responses":  slices.Collect(maps.Keys(c.Responses)),
		"schemas":    slices.Collect(maps.Keys(c.Schemas)),
	} {
		for _, name := range names {
			referred := strings.Contains(docs.OpenAPI(), `"#/components/`+kind+"/"+name+`"`)
			described := kind == "responses" && name == "MethodNotAllowed"
			if referred == described {
				t.Errorf("%s/%s: referred to: %t, described: %t", kind, name, referred, described)
			}
		}
	}
}
