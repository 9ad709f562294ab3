package cloud

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
)

// Transport returns a transport that calls the services without a socket, by
// the host of the request's URL. As with a real connection, a caller whose
// context ends gets its error at once, while the service may still be at work
// and the effect of the call may still happen; a cut connection is an error
// that wraps io.ErrUnexpectedEOF; net/http/httptrace is told when the request
// has been written.
func (c *Cloud) Transport() http.RoundTripper { return transport{c} }

type transport struct{ cloud *Cloud }

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Err() != nil {
		closeBody(req)
		return nil, context.Cause(ctx)
	}
	s := t.cloud.net.service(req.URL.Host)
	if s == nil || req.URL.Scheme != "https" {
		closeBody(req)
		return nil, fmt.Errorf("cloud: there is no service at %s://%s", req.URL.Scheme, req.URL.Host)
	}
	inbound, err := received(req)
	if err != nil {
		return nil, err
	}
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	answered := make(chan *http.Response, 1) // nil: the connection was cut
	go func() {
		w := &memoryWriter{header: make(http.Header)}
		defer func() {
			switch problem := recover(); problem {
			case nil:
				answered <- w.response(req)
			case http.ErrAbortHandler:
				answered <- nil
			default:
				panic(problem)
			}
		}()
		t.cloud.serve(s, w, inbound)
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case response := <-answered:
		if response == nil {
			return nil, fmt.Errorf("cloud: the connection was cut: %w", io.ErrUnexpectedEOF)
		}
		return response, nil
	}
}

// received is req as a server would see it.
func received(req *http.Request) (*http.Request, error) {
	defer closeBody(req)
	inbound := req.Clone(req.Context())
	inbound.RequestURI = req.URL.RequestURI()
	inbound.Host = orDefault(req.Host, req.URL.Host)
	inbound.RemoteAddr = "127.0.0.1:1"
	inbound.Body = http.NoBody
	inbound.Header = make(http.Header, len(req.Header))
	for name, values := range req.Header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		inbound.Header[canonical] = append(inbound.Header[canonical], values...)
	}
	if req.Body != nil {
		b, err := io.ReadAll(io.LimitReader(req.Body, maxBody+1))
		if err != nil {
			return nil, err
		}
		inbound.Body = io.NopCloser(bytes.NewReader(b))
		inbound.ContentLength = int64(len(b))
	}
	return inbound, nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// A memoryWriter keeps an answer until it is complete.
type memoryWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (w *memoryWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *memoryWriter) WriteHeader(status int) { w.status = status }

// Write implements [http.ResponseWriter].
func (w *memoryWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

func (w *memoryWriter) response(req *http.Request) *http.Response {
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       req,
	}
}
