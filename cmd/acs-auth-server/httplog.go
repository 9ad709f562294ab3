package main

import (
	"context"
	"log"
	"log/slog"
	"net/netip"
	"regexp"
	"strings"
)

// newHTTPLog returns the log of an http.Server and of what answers for it, which
// report what no handler sees: connections that fail, and panics that nothing else has
// answered. What anybody can cause who connects is logged at level debug. A report is
// never logged as it is: it may repeat what a client has sent, or hold the value of a
// panic.
func newHTTPLog(logger *slog.Logger) *log.Logger { return log.New(httpLog{logger}, "", 0) }

type httpLog struct{ logger *slog.Logger }

func (l httpLog) Write(report []byte) (int, error) {
	text := strings.TrimSpace(string(report))
	level, told := slog.LevelDebug, "something else"
	for _, known := range httpReports {
		if rest, ok := strings.CutPrefix(text, known.beginning); ok {
			level, told = known.level, known.beginning+known.rest(rest)
			break
		}
	}
	attrs := []slog.Attr{slog.String("report", strings.TrimSpace(told))}
	if level == slog.LevelError {
		attrs = append(attrs, slog.String("stack", stackOf(text)))
	}
	l.logger.LogAttrs(context.Background(), level, "the HTTP server has reported something", attrs...)
	return len(report), nil
}

// httpReports are reports by how they begin, and what of their rest can be logged.
var httpReports = []struct {
	beginning string
	level     slog.Level
	rest      func(string) string
}{
	{"http: Accept error: ", slog.LevelWarn, all}, // of the operating system
	{"http: panic serving ", slog.LevelError, peer},
	{"http2: panic serving ", slog.LevelError, peer},
	{"http: superfluous response.WriteHeader call from ", slog.LevelDebug, all}, // the place in a program
	{"error gathering metrics: ", slog.LevelWarn, all},                          // of our own
	{"error encoding and sending metric family: ", slog.LevelDebug, none},
	{"http: TLS handshake error from ", slog.LevelDebug, handshake},
	{"http2: server: error reading preface from client ", slog.LevelDebug, peer},
	{"http2: server closing client connection; error reading frame from client ", slog.LevelDebug, peer},
	{"http2: server connection error from ", slog.LevelDebug, peer},
	{"http2: received GOAWAY", slog.LevelDebug, none},
}

func all(rest string) string { return rest }

func none(string) string { return "" }

// peer returns the address that rest begins with.
func peer(rest string) string {
	address, _, _ := strings.Cut(rest, ": ")
	if _, err := netip.ParseAddrPort(address); err != nil {
		return ""
	}
	return address
}

// handshake returns the address, and why there is no connection if that is in words of
// package tls alone: names of protocols, which clients make up, are in brackets.
func handshake(rest string) string {
	address := peer(rest)
	if reason := strings.TrimPrefix(rest, address+": "); tlsReason.MatchString(reason) {
		return address + ": " + reason
	}
	return address
}

var tlsReason = regexp.MustCompile(`^(EOF|(remote error: )?tls: [A-Za-z ]+|client sent an HTTP request to an HTTPS server)$`)

// stackOf returns the stack that the report of a panic ends with. The value of the
// panic is before it.
func stackOf(text string) string {
	begin := strings.LastIndex(text, "\ngoroutine ")
	if begin < 0 {
		return ""
	}
	return text[begin+1:]
}
