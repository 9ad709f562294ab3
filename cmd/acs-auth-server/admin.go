package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	runtimepprof "runtime/pprof"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// pprofPath begins the paths at which the server can be looked into. Importing
// net/http/pprof puts them into http.DefaultServeMux, which nothing here serves.
const pprofPath = "/debug/pprof/"

// newAdmin returns the HTTP server for those who operate this one. Whoever reaches it
// is trusted: it asks nobody for a token.
func (s *server) newAdmin(background context.Context) *http.Server {
	return &http.Server{
		Handler:                      s.adminHandler(),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            10 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 30 * time.Second, // package pprof adds the time that a profile is to take
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               16 << 10,
		ErrorLog:                     newHTTPLog(s.logger),
		BaseContext:                  func(net.Listener) context.Context { return background },
	}
}

// adminHandler answers the requests of operators.
func (s *server) adminHandler() http.Handler {
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		handle := s.adminEndpoint(r.URL.Path)
		switch {
		case handle == nil:
			s.refuse(w, r, &acsauth.Error{Name: "not_found"})
		case s.reads(w, r):
			handle(w, r)
		}
	})
	route := func(path string) string {
		if s.adminEndpoint(path) == nil {
			return ""
		}
		return path
	}
	return onlyPlainPaths(acsauth.WithRequestID(logAccess(answerPanics(root, s.refuse, s.logger), route, s.logger)))
}

// adminEndpoint returns what answers at a path; nil: there is nothing. As with the
// API, paths match exactly.
func (s *server) adminEndpoint(path string) http.HandlerFunc {
	switch path {
	case healthPath:
		return s.serveHealth
	case readyPath:
		return s.serveReady
	case metricsPath:
		return s.serveMetrics
	case pprofPath:
		return pprof.Index
	case pprofPath + "cmdline":
		return pprof.Cmdline
	case pprofPath + "profile":
		return pprof.Profile
	case pprofPath + "symbol":
		return pprof.Symbol
	case pprofPath + "trace":
		return pprof.Trace
	}
	if name, ok := strings.CutPrefix(path, pprofPath); ok && runtimepprof.Lookup(name) != nil {
		return pprof.Handler(name).ServeHTTP
	}
	return nil
}

// serveAdmin accepts connections of operators until admin is closed.
func (s *server) serveAdmin(admin *http.Server) error {
	if err := admin.Serve(s.admin); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("accepting connections on ADMIN_ADDR: %w", err)
	}
	return nil
}
