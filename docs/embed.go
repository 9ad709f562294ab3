// Package docs embeds the one page of the documentation that programs read too:
// the OpenAPI document of the HTTP API. A program that mounts acsauth's handler
// can serve it beside the API, as the reference server does.
package docs

import _ "embed"

//go:embed openapi.yaml
var openAPI string

// OpenAPI returns openapi.yaml: the HTTP API of the reference server as an OpenAPI
// 3.1 document in YAML. Its paths begin with /api, the default of the handler.
func OpenAPI() string { return openAPI }
