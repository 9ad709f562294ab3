package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/docs"
)

const (
	healthPath  = "/healthz"
	readyPath   = "/readyz"
	metricsPath = "/metrics"
	openAPIPath = "/openapi.yaml"
)

// isOperational reports whether an endpoint is for those who watch the server, and ask
// again and again.
func isOperational(route string) bool {
	return route == healthPath || route == readyPath || route == metricsPath
}

// A health is the answer of /healthz and /readyz.
type health struct {
	Status string `json:"status"`
	// Lacking is what keeps the server from serving requests.
	Lacking []string `json:"lacking,omitempty"`
}

// serveHealth says that the process is up, whatever else may be the matter.
func (s *server) serveHealth(w http.ResponseWriter, r *http.Request) {
	s.writeHealth(w, r, http.StatusOK, health{Status: "ok"})
}

// serveReady says whether requests can be served. It looks at what is known, and
// asks nobody, so that it can be asked every second by anyone.
func (s *server) serveReady(w http.ResponseWriter, r *http.Request) {
	lacking, reasons := s.parts.ready()
	if s.ending.Err() != nil {
		lacking = append(lacking, "the server is shutting down")
	}
	if len(lacking) > 0 {
		if reasons != nil {
			s.logger.DebugContext(r.Context(), "not ready", "cause", reasons)
		}
		s.writeHealth(w, r, http.StatusServiceUnavailable, health{"not ready", lacking})
		return
	}
	s.writeHealth(w, r, http.StatusOK, health{Status: "ready"})
}

func (s *server) writeHealth(w http.ResponseWriter, r *http.Request, status int, body health) {
	if !s.reads(w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever hung up needs no answer
}

// servesMetrics reports whether /metrics is where the API is.
func (s *server) servesMetrics() bool { return s.settings.metrics && s.settings.adminAddr == "" }

// serveMetrics answers Prometheus. It asks for no token, which none of its kind has.
func (s *server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if s.reads(w, r) {
		s.telemetry.metrics.ServeHTTP(w, r)
	}
}

// serveOpenAPI sends the OpenAPI document. Like every answer of the server it is
// not to be kept, so that nobody reads the contract of an earlier version.
func (s *server) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	if !s.reads(w, r) {
		return
	}
	document := docs.OpenAPI()
	w.Header().Set("Content-Type", "application/yaml") // RFC 9512: always in UTF-8
	w.Header().Set("Content-Length", strconv.Itoa(len(document)))
	_, _ = io.WriteString(w, document) // whoever hung up needs no answer
}

// reads reports whether the method is one that operational endpoints have, and
// answers the request if it is not.
func (s *server) reads(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	s.refuse(w, r, &acsauth.Error{Name: "method_not_allowed"})
	return false
}

// refuse answers a request that gets to no handler of the API.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, refused *acsauth.Error) {
	observe(r.Context(), acsauth.User{}, refused)
	s.parts.authenticator.WriteError(w, r, refused)
}
