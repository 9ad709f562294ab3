package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// The values of LOG_FORMAT.
const (
	logJSON = "json"
	logText = "text"
)

func serverSettings() []setting {
	return []setting{
		{
			name:      "LISTEN_ADDR",
			otherwise: ":PORT; with -dev 127.0.0.1:PORT",
			example:   ":5000",
			meaning:   "address to listen on, host:port or :port",
			strict:    true,
			parse:     address(func(s *settings) *string { return &s.listenAddr }),
		},
		{
			name:     "PORT",
			fallback: "5000",
			example:  "5000",
			meaning:  "port to listen on, if LISTEN_ADDR is not set",
			parse:    port(func(s *settings) *string { return &s.port }),
		},
		{
			name:      "ADMIN_ADDR",
			otherwise: "no second listener",
			example:   "127.0.0.1:5050",
			meaning:   "address of a second listener, for operators only: /metrics, and pprof under /debug/pprof/",
			parse:     address(func(s *settings) *string { return &s.adminAddr }),
		},
		{
			name:     "METRICS",
			boolean:  true,
			fallback: "false",
			example:  "true",
			meaning:  "serve /metrics on LISTEN_ADDR, to whoever asks, if there is no ADMIN_ADDR",
			parse:    boolean(func(s *settings) *bool { return &s.metrics }),
		},
		{
			name:      "TLS_CERT_FILE",
			otherwise: "plain HTTP",
			example:   "/etc/acs-auth-server/tls.crt",
			meaning:   "PEM file with the certificate of LISTEN_ADDR and its chain; read again when it changes",
			strict:    true,
			parse:     text(func(s *settings) *string { return &s.tlsCertFile }),
		},
		{
			name:      "TLS_KEY_FILE",
			otherwise: "required with TLS_CERT_FILE",
			example:   "/etc/acs-auth-server/tls.key",
			meaning:   "PEM file with the private key of TLS_CERT_FILE; read again when it changes",
			strict:    true,
			parse:     text(func(s *settings) *string { return &s.tlsKeyFile }),
		},
		{
			name:      "CORS_ALLOWED_ORIGINS",
			otherwise: "none",
			example:   "https://app.contoso.com",
			meaning:   "origins whose pages may call the API, exactly as browsers send them, separated by commas",
			strict:    true,
			parse:     origins,
		},
		{
			name:     "RATE_LIMIT_PER_USER",
			fallback: "20/s,burst=40",
			example:  "5/s,burst=10",
			meaning:  "requests that each user may make per second or minute (s, m), and at once; off: any number. Per replica",
			parse:    userRateLimit,
		},
		{
			name:     "MAX_CONCURRENT_REQUESTS",
			fallback: "4096",
			example:  "4096",
			meaning:  "requests to the API under way at once; further ones are answered with 503",
			parse:    count(func(s *settings) *int { return &s.maxRequests }, 1),
		},
		{
			name:     "MAX_CONCURRENT_PER_UPSTREAM",
			fallback: "256",
			example:  "256",
			meaning:  "calls under way at once to each of Entra ID, Graph, ACS and an Azure table; a request that needs a further one is answered with 503",
			parse:    count(func(s *settings) *int { return &s.maxPerUpstream }, 1),
		},
		{
			name:     "REQUEST_TIMEOUT",
			fallback: "30s",
			example:  "30s",
			meaning:  "bounds one request in all",
			parse:    duration(func(s *settings) *time.Duration { return &s.requestTimeout }, time.Millisecond),
		},
		{
			name:     "UPSTREAM_TIMEOUT",
			fallback: "10s",
			example:  "10s",
			meaning:  "bounds one attempt at a call to Entra ID, Graph or ACS",
			parse:    duration(func(s *settings) *time.Duration { return &s.upstreamTimeout }, time.Millisecond),
		},
		{
			name:     "CACHE_MAX_ENTRIES",
			fallback: "100000",
			example:  "100000",
			meaning:  "bounds the entries of all caches together",
			parse:    count(func(s *settings) *int { return &s.cacheMaxEntries }, 16),
		},
		{
			name:     "CACHE_MAX_BYTES",
			fallback: "256MiB",
			example:  "256MiB",
			meaning:  "bounds the memory of all caches together",
			parse:    byteSize(func(s *settings) *int64 { return &s.cacheMaxBytes }, 1<<20),
		},
		{
			name:     "LOG_LEVEL",
			fallback: "info",
			example:  "debug",
			meaning:  "debug, info, warn or error; the audit log is always complete, and so are reports of identities that may get lost",
			parse:    logLevel,
		},
		{
			name:      "LOG_FORMAT",
			otherwise: "json; text on a terminal",
			example:   logJSON,
			meaning:   "json or text",
			parse:     choice(func(s *settings) *string { return &s.logFormat }, logJSON, logText),
		},
		{
			name:     "DEBUG_ERRORS",
			boolean:  true,
			fallback: "false",
			example:  "true",
			meaning:  "error answers explain themselves in stack_trace; for development only",
			parse:    boolean(func(s *settings) *bool { return &s.debugErrors }),
		},
		{
			name:     "SHUTDOWN_DELAY",
			fallback: "5s",
			example:  "5s",
			meaning:  "how long a server that is to end says so on /readyz, but goes on serving; with -dev 0s",
			parse:    duration(func(s *settings) *time.Duration { return &s.shutdownDelay }, 0),
		},
		{
			name:     "SHUTDOWN_TIMEOUT",
			fallback: "30s",
			example:  "30s",
			meaning:  "how long ending may take in all",
			parse:    duration(func(s *settings) *time.Duration { return &s.shutdownTimeout }, time.Millisecond),
		},
		{
			name:     "AUDIT_LOG",
			fallback: auditStderr,
			example:  "/var/log/acs-auth-server/audit.log",
			meaning:  "where audit events go: stderr, with the log; stdout; or the path of a file that they are appended to, and that is opened again on SIGHUP",
			strict:   true,
			parse:    auditDestination,
		},
	}
}

// A userRate is how often each user may call. The zero value sets no limit.
type userRate struct {
	perSecond float64
	burst     int
}

var userRateForm = regexp.MustCompile(`^([0-9]{1,6})/([sm]),burst=([0-9]{1,6})$`)

func userRateLimit(s *settings, value string) error {
	if value == "off" {
		s.userRate = userRate{}
		return nil
	}
	match := userRateForm.FindStringSubmatch(strings.ReplaceAll(value, " ", ""))
	if match == nil {
		return errors.New("must be a number per second or minute and a burst, such as 20/s,burst=40 or 90/m,burst=30, or off")
	}
	number, _ := strconv.Atoi(match[1]) // the form has let digits through only
	burst, _ := strconv.Atoi(match[3])
	if number == 0 || burst == 0 {
		return errors.New("must allow at least 1 request and a burst of 1; off sets no limit")
	}
	s.userRate = userRate{perSecond: float64(number), burst: burst}
	if match[2] == "m" {
		s.userRate.perSecond /= 60
	}
	return nil
}

// origins takes a list of web origins in the one form in which browsers send them
// (RFC 6454 section 6.2), because they are compared as they are.
func origins(s *settings, value string) error {
	entries := split(value)
	if len(entries) == 0 {
		return errors.New("is a list without an entry")
	}
	for i, entry := range entries {
		if !isOrigin(entry) {
			return fmt.Errorf("must be a list of exact origins: scheme and host in lower case, a port unless it is the default, and no path, such as https://app.contoso.com or http://localhost:3000; number %d is not", i+1)
		}
	}
	s.corsOrigins = entries
	return nil
}

// isOrigin reports whether a browser would send s as an origin.
func isOrigin(s string) bool {
	u, err := url.Parse(s)
	if err != nil || !syntax.IsVisible(s) || strings.Contains(s, "*") {
		return false
	}
	usual := map[string]uint64{"https": 443, "http": 80}[u.Scheme]
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || n == usual || strconv.FormatUint(n, 10) != port {
			return false
		}
	}
	return usual != 0 && u.Hostname() != "" && !strings.HasSuffix(u.Host, ":") && s == strings.ToLower(u.Scheme+"://"+u.Host)
}

func logLevel(s *settings, value string) error {
	level, ok := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}[value]
	if !ok {
		return errors.New("must be one of debug, info, warn, error")
	}
	s.logLevel = level
	return nil
}
