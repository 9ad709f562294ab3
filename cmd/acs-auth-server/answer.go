package main

import (
	"context"
	"net/http"
	"time"
)

const (
	// answerTimeout is how long a client may take to receive an answer that is there,
	// and restOfBody how long to send what is still missing of a body, which nobody
	// here reads: net/http waits for it before it sends the answer. Both are much less
	// than the server may take to end, so that no client can keep it from ending.
	answerTimeout = 10 * time.Second
	restOfBody    = 2 * time.Second
)

// An answerWriter decides, once there is an answer, how its connection goes on.
type answerWriter struct {
	http.ResponseWriter
	request *http.Request
	ending  context.Context
	begun   bool
}

func (w *answerWriter) WriteHeader(status int) {
	if !w.begun {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answerWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.begin()
	}
	return w.ResponseWriter.Write(b)
}

func (w *answerWriter) begin() {
	w.begun = true
	// A client that is told leaves of its own accord, with its request answered,
	// for a server that stays (HTTP/2 has GOAWAY for that, which net/http makes of
	// it). http.Server.SetKeepAlivesEnabled would tell it too, but also close idle
	// connections at once, and so fail requests that are just being sent on them.
	if w.ending.Err() != nil {
		w.Header().Set("Connection", "close")
	}
	// A writer without deadlines is a test's.
	connection, now := http.NewResponseController(w.ResponseWriter), time.Now()
	_ = connection.SetWriteDeadline(now.Add(answerTimeout))
	if w.request.ContentLength != 0 {
		_ = connection.SetReadDeadline(now.Add(restOfBody))
	}
}

// Unwrap lets http.ResponseController find the writer below.
func (w *answerWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
