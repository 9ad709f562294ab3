package main

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// An upstreamLimit is a RoundTripper that lets so many calls to one upstream be
// under way at once, and refuses further ones without sending them. Nobody waits in
// a queue: with an upstream that has become slow, whoever comes now had better be
// told at once than wait behind all others.
type upstreamLimit struct {
	next      http.RoundTripper
	most      int64
	untilDone bool // a call ends with its context, even if nobody closes the answer
	underWay  atomic.Int64
}

// limited returns a client for the calls that requests make to one upstream, with
// its own limit of calls that are under way at once. Without a client in around, the
// connections are its own too, and as many are kept as the limit lets be in use.
//
// What the server needs for itself, signing keys and tokens with which it signs in,
// is asked for by one at a time, so that it needs no limit; and to refuse it would
// turn the trouble of some requests into that of all.
//
// Whoever calls must close every answer, or use up the limit for good. Our own packages
// do; see limitedForSDK.
func (around surroundings) limited(most int) *http.Client {
	client := httpx.Harden(around.client)
	if own, ok := client.Transport.(*http.Transport); ok && around.client == nil {
		own.MaxIdleConnsPerHost = max(own.MaxIdleConnsPerHost, most)
		own.MaxIdleConns = max(own.MaxIdleConns, most)
	}
	next := cmp.Or(client.Transport, http.DefaultTransport)
	client.Transport = &upstreamLimit{next: next, most: int64(most)}
	return client
}

// limitedForSDK is for code of others between the client and us: an answer that it
// forgets to close counts only until the end of its context.
func (around surroundings) limitedForSDK(most int) *http.Client {
	client := around.limited(most)
	client.Transport.(*upstreamLimit).untilDone = true
	return client
}

// errUpstreamBusy is what the refusal of an upstreamLimit is.
type errUpstreamBusy struct{}

func (errUpstreamBusy) Error() string {
	return "as many calls are under way as MAX_CONCURRENT_PER_UPSTREAM allows"
}

func (errUpstreamBusy) FailureKind() string { return httpx.KindOverloaded }

// RoundTrip sends a request. It is under way until its answer is closed.
func (l *upstreamLimit) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.underWay.Add(1) > l.most {
		l.underWay.Add(-1)
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, errUpstreamBusy{}
	}
	call := &limitedCall{limit: l}
	if l.untilDone {
		call.forget = context.AfterFunc(r.Context(), call.end)
	}
	answer, err := l.next.RoundTrip(r)
	if err != nil {
		call.finish()
		return nil, err
	}
	call.ReadCloser = answer.Body
	answer.Body = call
	return answer, nil
}

// A limitedCall is the body of the answer to a call that counts.
type limitedCall struct {
	io.ReadCloser
	limit  *upstreamLimit
	ended  atomic.Bool
	forget func() bool // that the context could end; nil: it does not matter
}

func (c *limitedCall) Close() error {
	defer c.finish()
	return c.ReadCloser.Close()
}

func (c *limitedCall) finish() {
	if c.forget != nil {
		c.forget()
	}
	c.end()
}

func (c *limitedCall) end() {
	if !c.ended.Swap(true) {
		c.limit.underWay.Add(-1)
	}
}
