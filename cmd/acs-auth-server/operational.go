package main

import (
	"encoding/json"
	"net/http"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

const (
	healthPath = "/healthz"
	readyPath  = "/readyz"
)

func isOperational(path string) bool { return path == healthPath || path == readyPath }

// A health is the answer of both endpoints.
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
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		s.parts.authenticator.WriteError(w, r, &acsauth.Error{
			Name:    "method_not_allowed",
			Message: "The method is not allowed here. The Allow header lists those that are.",
		})
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever hung up needs no answer
}
