// Package openapitest checks answers of the API against its OpenAPI document. It
// is for tests: no program links it, nor the library that it is made of.
package openapitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/docs"
)

// undocumented are the headers that every answer over HTTP may have, and those that
// are for browsers and not for programs.
var undocumented = []string{
	"Connection", "Content-Length", "Content-Type", "Date",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Content-Security-Policy", "Strict-Transport-Security", "Vary",
}

// load reads the document once for all tests.
var load = sync.OnceValues(func() (*openapi3.T, error) {
	document, err := openapi3.NewLoader().LoadFromData([]byte(docs.OpenAPI()))
	if err != nil {
		return nil, err
	}
	// Clients must put up with fields that they do not know, so that the API can
	// grow. Here a field that the document does not have is a mistake.
	closed := false
	for _, schema := range document.Components.Schemas {
		if schema.Value.Properties != nil && schema.Value != document.Components.Schemas["OpenAPI"].Value {
			schema.Value.AdditionalProperties.Has = &closed
		}
	}
	return document, nil
})

// Check returns how an answer differs from what the OpenAPI document says about
// the request that it answers: in its status, a header, its content type or its
// body, which the caller has read already. Safe for concurrent use.
//
// The path may lack the prefix /api, as where the handler is mounted at the root.
// What net/http answers itself is exempt.
func Check(answer *http.Response, body []byte) error {
	if answer.StatusCode == http.StatusRequestHeaderFieldsTooLarge {
		return nil
	}
	document, err := load()
	if err != nil {
		return err
	}
	request := answer.Request
	operation := find(document, request.Method, request.URL.EscapedPath())
	mistakes := []error{validate(document, operation, answer, body)}
	if response := operation.Responses.Status(answer.StatusCode); response != nil {
		mistakes = append(mistakes, compare(response.Value, answer, body)...)
	}
	if err := errors.Join(mistakes...); err != nil {
		return fmt.Errorf("%s %s: the answer is not as docs/openapi.yaml says: %w", request.Method, request.URL.Path, err)
	}
	return nil
}

// find returns the operation that a request asks for. One that there is not has
// one answer, which the document describes in words, unless there are too many
// requests.
func find(document *openapi3.T, method, path string) *openapi3.Operation {
	item := document.Paths.Value(path)
	if item == nil {
		item = document.Paths.Value("/api" + path)
	}
	if item == nil {
		return &openapi3.Operation{Responses: only(document, http.StatusNotFound, "NotFound")}
	}
	if operation, ok := item.Operations()[method]; ok {
		return operation
	}
	return &openapi3.Operation{Responses: only(document, http.StatusMethodNotAllowed, "MethodNotAllowed")}
}

func only(document *openapi3.T, status int, name string) *openapi3.Responses {
	all := document.Components.Responses
	return openapi3.NewResponses(openapi3.WithStatus(status, all[name]), openapi3.WithStatus(http.StatusServiceUnavailable, all["ServiceUnavailable"]))
}

func validate(document *openapi3.T, operation *openapi3.Operation, answer *http.Response, body []byte) error {
	return openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			// The library asks for the method alone, and lets answers to
			// HEAD pass unseen. They have headers too.
			Request: &http.Request{Method: http.MethodGet},
			Route:   &routers.Route{Spec: document, Operation: operation},
		},
		Status: answer.StatusCode,
		Header: answer.Header,
		Body:   io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{
			IncludeResponseStatus: true,
			ExcludeResponseBody:   answer.Request.Method == http.MethodHead,
		},
	})
}

// compare finds what OpenAPI has no words for, or the library does not look at.
func compare(response *openapi3.Response, answer *http.Response, body []byte) (mistakes []error) {
	documented := slices.Clone(undocumented)
	for name := range response.Headers {
		documented = append(documented, http.CanonicalHeaderKey(name))
	}
	for name := range answer.Header {
		if !slices.Contains(documented, name) {
			mistakes = append(mistakes, fmt.Errorf("the header %s is not documented", name))
		}
	}
	if answer.Request.Method == http.MethodHead {
		return mistakes
	}
	if len(response.Content) == 0 && (len(body) > 0 || answer.Header.Get("Content-Type") != "") {
		mistakes = append(mistakes, errors.New("there is a body, or its type"))
	}
	if response.Content["application/json"] != nil {
		var problem struct{ RequestID *string }
		if err := json.Unmarshal(body, &problem); err != nil { // the library stops at the end of a first value
			mistakes = append(mistakes, err)
		} else if problem.RequestID != nil && *problem.RequestID != answer.Header.Get("X-Request-Id") {
			mistakes = append(mistakes, errors.New("requestId is not X-Request-Id"))
		}
	}
	return mistakes
}
