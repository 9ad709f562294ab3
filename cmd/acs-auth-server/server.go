package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

const (
	// maxHeaderBytes has room for two tokens of 16 KiB, and what browsers add.
	maxHeaderBytes = 64 << 10
	// slack is how much longer than REQUEST_TIMEOUT a connection may take to
	// read or write one request. Both deadlines count from its beginning, and
	// reaching either of them cancels the request.
	slack = 10 * time.Second
	// lastAnswers is how long before the end of SHUTDOWN_TIMEOUT requests that are
	// still under way are given up, so that they are answered and not cut off.
	lastAnswers = 2 * time.Second
)

// A server serves the API and the operational endpoints.
type server struct {
	settings *settings
	parts    parts
	logger   *slog.Logger
	ending   context.Context // done from the moment that the server is to end

	admin     net.Listener // for operators; nil: there is none
	telemetry *telemetry
}

// handler returns everything that answers requests. There is no ServeMux, because
// the API's paths match exactly, and a mux would clean and redirect.
func (s *server) handler() http.Handler {
	api := allowOrigins(s.settings.corsOrigins, s.parts.handler)
	metrics := s.parts.handler.ServeHTTP // as wherever there is nothing
	if s.servesMetrics() {
		metrics = s.serveMetrics
	}
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w = &answerWriter{ResponseWriter: w, request: r, ending: s.ending}
		s.setHeaders(w.Header())
		switch r.URL.Path {
		case healthPath:
			s.serveHealth(w, r)
		case readyPath:
			s.serveReady(w, r)
		case openAPIPath:
			s.serveOpenAPI(w, r)
		case metricsPath:
			metrics(w, r)
		default:
			api.ServeHTTP(w, r)
		}
	})
	observed := logAccess(answerPanics(root, s.refuse, s.logger), s.route, s.logger)
	return onlyPlainPaths(traceRequests(acsauth.WithRequestID(observed), s.route, s.telemetry.tracerProvider()))
}

// onlyPlainPaths leaves paths as they were sent, if characters are encoded in them that
// need not be: such a path is none of ours, for whoever filters paths before us does not
// see it as one.
func onlyPlainPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawPath != "" {
			r.URL.Path = r.URL.RawPath
		}
		next.ServeHTTP(w, r)
	})
}

// route names the endpoint at a path; "" if there is none.
func (s *server) route(path string) string {
	if path == healthPath || path == readyPath || path == openAPIPath || path == metricsPath && s.servesMetrics() {
		return path
	}
	return s.parts.handler.Route(path)
}

// serve serves until s.ending is done, and then ends gracefully. It takes over
// listener and s.admin.
func (s *server) serve(listener net.Listener) error {
	// Requests and key refreshes go on while the server is ending.
	background, cut := context.WithCancel(context.WithoutCancel(s.ending))
	defer cut()
	requests, giveUp := context.WithCancel(background)
	defer giveUp()
	web := &http.Server{
		Handler:                      s.handler(),
		DisableGeneralOptionsHandler: true,
		ReadHeaderTimeout:            10 * time.Second,
		ReadTimeout:                  s.settings.requestTimeout + slack,
		WriteTimeout:                 s.settings.requestTimeout + slack,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               maxHeaderBytes,
		ErrorLog:                     newHTTPLog(s.logger),
		BaseContext:                  func(net.Listener) context.Context { return requests },
	}

	group, ctx := errgroup.WithContext(background)
	if s.admin != nil {
		admin := s.newAdmin(background)
		group.Go(func() error { return s.serveAdmin(admin) })
		group.Go(func() error {
			<-ctx.Done() // until the very end operators can look on
			return admin.Close()
		})
	}
	group.Go(func() error {
		_ = s.parts.authenticator.Run(ctx) // it ends when ctx does, and only then
		return nil
	})
	if db := s.parts.database; db != nil {
		defer func() { _ = db.Close() }()
		group.Go(func() error {
			db.run(ctx)
			return nil
		})
	}
	group.Go(func() error {
		if err := s.parts.keyPair.serve(web, listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("accepting connections: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		defer cut()
		select {
		case <-s.ending.Done():
			return s.end(ctx, web, giveUp)
		case <-ctx.Done(): // accepting connections has failed
			return s.close(ctx, web, giveUp, s.settings.shutdownTimeout)
		}
	})
	return group.Wait()
}

// end ends the server gracefully: it goes on serving for a while, so that load
// balancers can notice that it is not ready any more, and then finishes what has
// begun.
func (s *server) end(ctx context.Context, web *http.Server, giveUp func()) error {
	s.logger.InfoContext(ctx, "shutting down", "delay", s.settings.shutdownDelay.String(), "timeout", s.settings.shutdownTimeout.String())
	timer := time.NewTimer(s.settings.shutdownDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // accepting connections has failed
	}
	return s.close(ctx, web, giveUp, s.settings.shutdownTimeout-s.settings.shutdownDelay)
}

// close finishes requests under way, and operations whose callers have gone away, and
// then sends what there is to tell of them.
func (s *server) close(ctx context.Context, web *http.Server, giveUp func(), timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	defer s.telemetry.end(ctx)
	var mishaps []error
	inTime, enough := context.WithTimeout(ctx, timeout-lastAnswers)
	defer enough()
	err := web.Shutdown(inTime)
	if err != nil {
		giveUp()
		err = web.Shutdown(ctx)
	}
	if err != nil {
		_ = web.Close() // what is left is cut off
		mishaps = append(mishaps, fmt.Errorf("requests were cut off, because they did not end within SHUTDOWN_TIMEOUT: %w", err))
	}
	if err := s.parts.service.Close(ctx); err != nil {
		mishaps = append(mishaps, fmt.Errorf("operations did not end within SHUTDOWN_TIMEOUT, and may leave ACS identities behind that the log reports: %w", err))
	}
	if len(mishaps) == 0 {
		s.logger.InfoContext(ctx, "shut down")
	}
	return errors.Join(mishaps...)
}
