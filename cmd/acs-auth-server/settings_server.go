package main

import (
	"errors"
	"log/slog"
	"time"
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
			meaning:  "debug, info, warn or error; the audit log is always complete",
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
	}
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
