package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// Exit statuses.
const (
	exitOK       = 0
	exitFailure  = 1
	exitSettings = 2 // starting again would not help
)

// run is the program: it does what args ask for until that is done or ctx ends,
// and returns the exit status.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	p := new(problems)
	c := parseArgs(args, p)
	switch {
	case c.help:
		printHelp(stdout)
		return exitOK
	case c.version:
		fmt.Fprintln(stdout, "acs-auth-server", httpx.Version())
		return exitOK
	case c.printConfig:
		return printConfig(c, source.Environment(environ), stdout, stderr, p)
	case c.dev && !c.healthcheck:
		return runDev(ctx, c, source.Environment(environ), stdout, stderr, p)
	}

	layers, _ := sources(c, source.Environment(environ), p)
	s := load(layers, c.dev, p)
	s.stdout = stdout
	if c.healthcheck {
		p.only("LISTEN_ADDR", "PORT", "TLS_CERT_FILE", "TLS_KEY_FILE") // it needs no others
		if p.any() {
			p.outcome = "could not be asked for its health"
			p.write(stderr)
			return exitFailure
		}
		return checkHealth(ctx, s, stderr)
	}
	return serve(ctx, s, nil, stderr, p, announceNothing)
}

// serve puts the server together, unless something is wrong with its settings, and
// runs it. Announce is called when it listens.
func serve(ctx context.Context, s *settings, client *http.Client, stderr io.Writer, p *problems, announce func(net.Addr) error) int {
	logger, _ := newLoggers(stderr, s)
	return serveWith(ctx, newTelemetry(ctx, s, logger, p), s, client, stderr, p, announce)
}

// serveWith is serve with telemetry that has been made, which it ends. Tests bring theirs.
func serveWith(ctx context.Context, told *telemetry, s *settings, client *http.Client, stderr io.Writer, p *problems, announce func(net.Addr) error) int {
	defer told.end(context.WithoutCancel(ctx)) // if nobody else has ended it
	logger, audit := newLoggers(stderr, s)
	lost := newLossCounter(told.meters)
	if auditLog := openAuditLog(s, logger, lost, p); auditLog != nil {
		defer func() { _ = auditLog.Close() }()
		audit = newAuditLogger(newLogHandler(auditLog, s), s)
	}
	made := compose(s, surroundings{client: client, logger: logger, audit: audit, meters: told.meters, tracers: told.tracers}, p)
	if p.any() {
		p.write(stderr)
		return exitSettings
	}
	listener := listen(ctx, "LISTEN_ADDR", s.listenAddr, "127.0.0.1:5001", stderr)
	if listener == nil {
		return exitFailure
	}
	running := &server{settings: s, parts: made, logger: logger, ending: ctx, telemetry: told}
	if s.adminAddr != "" {
		if running.admin = listen(ctx, "ADMIN_ADDR", s.adminAddr, "127.0.0.1:5051", stderr); running.admin == nil {
			_ = listener.Close()
			return exitFailure
		}
	}
	logStart(ctx, logger, s, listener.Addr())
	made.keyPair.warnOfDates(ctx)
	if running.admin != nil {
		logger.InfoContext(ctx, "listening for operators", "address", running.admin.Addr().String())
	}
	if err := announce(listener.Addr()); err != nil {
		_ = listener.Close()
		if running.admin != nil {
			_ = running.admin.Close()
		}
		fmt.Fprintf(stderr, "acs-auth-server: %v\n", err)
		return exitFailure
	}
	if err := running.serve(listener); err != nil {
		logger.ErrorContext(ctx, "the server has failed", "error", err)
		return exitFailure
	}
	return exitOK
}

func announceNothing(net.Addr) error { return nil }

// listen listens on the address that a setting has, or says why it cannot and
// returns nil.
func listen(ctx context.Context, setting, addr, example string, stderr io.Writer) net.Listener {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		fmt.Fprintf(stderr, "acs-auth-server cannot listen: %v.\n%s can name another address, for example %[2]s=%[3]s.\n", err, setting, example)
		return nil
	}
	return listener
}

// logStart tells what has been started, and what of it is for development only.
func logStart(ctx context.Context, logger *slog.Logger, s *settings, addr net.Addr) {
	logger.InfoContext(ctx, "listening", "address", addr.String(), "tls", s.tlsCertFile != "", "version", httpx.Version(),
		"tenant", s.tenantID, "cloud", s.cloud, "authority", s.authorityHost, "store", s.mappingStore)
	if s.debugErrors && !s.dev {
		logger.WarnContext(ctx, "DEBUG_ERRORS tells callers what is behind the API: for development only")
	}
	if s.mappingStore == storeMemory {
		logger.WarnContext(ctx, "MAPPING_STORE=memory forgets all mappings when the server ends, and leaves their ACS identities behind: for trials only")
		return
	}
	switch s.unsignedMappings {
	case unsignedTrust:
		logger.WarnContext(ctx, "GRAPH_UNSIGNED_MAPPINGS=trust lets users claim, and delete, the ACS identities of others by editing their own Graph extension")
	case unsignedAdopt:
		if !time.Now().Before(s.adoptUntil) { // no reason not to start: on the day before the same settings were good
			logger.WarnContext(ctx, "GRAPH_UNSIGNED_MAPPINGS=adopt is over, so that unsigned mappings are refused",
				"until", s.adoptUntil.Format(time.RFC3339))
			return
		}
		logger.WarnContext(ctx, "GRAPH_UNSIGNED_MAPPINGS=adopt trusts unsigned mappings for a time, which users may have written themselves",
			"until", s.adoptUntil.Format(time.RFC3339))
	}
}
