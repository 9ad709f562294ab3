package main

import (
	"bytes"
	"io"
	"net/http"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// A transport is what azidentity sends its requests through. It bounds the answers, and
// says why there is none without what a proxy, say, has answered instead: azidentity
// repeats that in its errors, which are printed.
type transport struct{ client *http.Client }

// newTransport returns one that sends with a client; nil: one of its own.
func newTransport(client *http.Client) transport { return transport{httpx.Harden(client)} }

// Do implements policy.Transporter of azcore.
func (t transport) Do(r *http.Request) (*http.Response, error) {
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, httpx.ConnectionCause(err)
	}
	defer httpx.Drain(answer.Body)
	body, err := httpx.ReadBody(answer, httpx.MaxBody)
	if err != nil {
		return nil, httpx.ConnectionCause(err)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}
