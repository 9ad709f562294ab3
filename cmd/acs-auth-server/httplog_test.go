package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const httpReported = "the HTTP server has reported something"

// What an http.Server reports is worth an operator's while, unless anybody who
// connects can cause it. What they have sent, and the values of panics, are left out.
func TestHTTPLog(t *testing.T) {
	t.Parallel()
	const stack = "goroutine 7 [running]:\nmain.f()\n\t/main.go:1 +0x1"
	for _, test := range []struct{ report, want string }{
		{"http: Accept error: accept tcp 127.0.0.1:1: too many open files; retrying in 5ms", "WARN http: Accept error: accept tcp 127.0.0.1:1: too many open files; retrying in 5ms"},
		{"http: panic serving 127.0.0.1:1: s3cret\n" + stack, "ERROR http: panic serving 127.0.0.1:1 | " + stack},
		{"http: panic serving [::1]:1: s3cret: a\ngoroutine s3cret\n" + stack, "ERROR http: panic serving [::1]:1 | " + stack},
		{"http2: panic serving 127.0.0.1:1: s3cret\n" + stack, "ERROR http2: panic serving 127.0.0.1:1 | " + stack},
		{"http: panic serving s3cret", "ERROR http: panic serving | "},
		{"http: TLS handshake error from 127.0.0.1:1: EOF", "DEBUG http: TLS handshake error from 127.0.0.1:1: EOF"},
		{"http: TLS handshake error from 127.0.0.1:1: remote error: tls: unknown certificate authority", "DEBUG http: TLS handshake error from 127.0.0.1:1: remote error: tls: unknown certificate authority"},
		{"http: TLS handshake error from 127.0.0.1:1: tls: client requested unsupported application protocols ([\"s3cret\"])", "DEBUG http: TLS handshake error from 127.0.0.1:1"},
		{"http2: server: error reading preface from client 127.0.0.1:1: bogus greeting \"GET /s3cret\"", "DEBUG http2: server: error reading preface from client 127.0.0.1:1"},
		{"http2: server connection error from 127.0.0.1:1: connection error: COMPRESSION_ERROR", "DEBUG http2: server connection error from 127.0.0.1:1"},
		{"http2: received GOAWAY [FrameHeader GOAWAY len=14] s3cret, starting graceful shutdown", "DEBUG http2: received GOAWAY"},
		{"http: superfluous response.WriteHeader call from main.f (main.go:1)", "DEBUG http: superfluous response.WriteHeader call from main.f (main.go:1)"},
		{"error gathering metrics: a collector of ours failed", "WARN error gathering metrics: a collector of ours failed"},
		{"error encoding and sending metric family: write tcp: broken pipe", "DEBUG error encoding and sending metric family:"},
		{"s3cret", "DEBUG something else"},
	} {
		log := newOutput()
		logger, _ := newLoggers(log, &settings{logLevel: slog.LevelDebug})
		newHTTPLog(logger).Println(test.report)
		lines := logLines(t, log.String(), httpReported)
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines", test.report, len(lines))
		}
		got := fmt.Sprintf("%v %v", lines[0]["level"], lines[0]["report"])
		if at, ok := lines[0]["stack"]; ok {
			got += fmt.Sprintf(" | %v", at)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Error(diff)
		}
	}
}

// The same with what net/http really reports.
func TestHTTPLogOfAServer(t *testing.T) {
	t.Parallel()
	log := newOutput()
	logger, _ := newLoggers(log, &settings{logLevel: slog.LevelDebug})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("s3cret") }))
	server.Config.ErrorLog = newHTTPLog(logger)
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	speak := func(protocol, text string) {
		t.Helper()
		roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		connection, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: roots, NextProtos: []string{protocol}})
		if err != nil {
			return // a protocol that there is not
		}
		defer func() { _ = connection.Close() }()
		_, _ = io.WriteString(connection, text)
		_, _ = io.Copy(io.Discard, connection)
	}
	const settingsFrame = "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settingsFrame
	speak("h2", "GET /s3cret HTTP/1.1\r\n\r\n")
	speak("s3cret", "")
	speak("h2", preface+"\x00\x00\x06\x01\x05\x00\x00\x00\x01s3cret")                                 // headers that cannot be unpacked
	speak("h2", preface+"\x00\x00\x0e\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01s3cret") // leaves with words
	_, err := server.Client().Get(server.URL)                                                         // HTTP/2
	if err == nil {
		t.Error("there is an answer")
	}
	speak("http/1.1", "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	log.line(t, "http: panic serving")

	levels := map[string]string{}
	for _, line := range logLines(t, log.String(), httpReported) {
		report, _, _ := strings.Cut(fmt.Sprint(line["report"]), " 127.0.0.1")
		levels[report] = fmt.Sprint(line["level"])
		if stack := fmt.Sprint(line["stack"]); line["level"] == "ERROR" && !strings.Contains(stack, "TestHTTPLogOfAServer") {
			t.Errorf("the stack is %s", stack)
		}
	}
	want := map[string]string{
		"http2: server: error reading preface from client": "DEBUG", "http: TLS handshake error from": "DEBUG",
		"http2: server connection error from": "DEBUG", "http2: received GOAWAY": "DEBUG",
		"http2: panic serving": "ERROR", "http: panic serving": "ERROR",
	}
	if diff := cmp.Diff(want, levels); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("what a client has sent is in the log:\n%s", log)
	}
}
