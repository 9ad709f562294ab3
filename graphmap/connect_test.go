package graphmap_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
)

var quiet = slog.New(slog.DiscardHandler)

// overTLS returns a Mapper that talks to g over loopback TLS.
func overTLS(t testing.TB, g *fakeGraph, change func(*graphmap.Config)) *graphmap.Mapper {
	t.Helper()
	server := httptest.NewTLSServer(g)
	t.Cleanup(server.Close)
	return newMapper(t, server.URL+"/v1.0", server.Client(), change)
}

// inMemory returns a Mapper that calls g directly, for bubbles of synctest, which
// know nothing of sockets.
func inMemory(t testing.TB, g http.Handler, change func(*graphmap.Config)) *graphmap.Mapper {
	t.Helper()
	return newMapper(t, "https://graph.example/v1.0", &http.Client{Transport: direct{g}}, change)
}

func newMapper(t testing.TB, baseURL string, client *http.Client, change func(*graphmap.Config)) *graphmap.Mapper {
	t.Helper()
	cfg := graphmap.Config{Tokens: &fakeTokens{}, BaseURL: baseURL, HTTPClient: client, Keys: [][]byte{key1}, Logger: quiet}
	if change != nil {
		change(&cfg)
	}
	m, err := graphmap.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// direct is a RoundTripper that calls a handler, and fails if the handler
// panics or the context ends.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(req *http.Request) (resp *http.Response, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("connection cut: %v", p)
		}
	}()
	in := req.Clone(req.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	d.handler.ServeHTTP(rec, in)
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	resp = rec.Result()
	resp.Request = req
	return resp, nil
}

// hang answers nothing until the request's context ends.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// cut ends the connection without an answer.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
