package outbound

import (
	"context"
	"errors"
	"net/http"
)

// Client returns a copy of c whose calls are observed, each attempt by itself.
func (o *Observer) Client(c *http.Client) *http.Client {
	observed := *c
	observed.Transport = o.Transport(c.Transport)
	return &observed
}

// Transport returns a RoundTripper whose calls are observed; next may be nil, for
// net/http's own.
func (o *Observer) Transport(next http.RoundTripper) http.RoundTripper {
	if next == nil {
		next = http.DefaultTransport
	}
	return &transport{observer: o, next: next}
}

type transport struct {
	observer *Observer
	next     http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (answer *http.Response, err error) {
	_ = t.observer.Observe(r.Context(), r.Method, func(ctx context.Context) error {
		answer, err = t.next.RoundTrip(r.WithContext(ctx))
		return err
	}, func(err error) string { return outcomeOf(answer, err) })
	return answer, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport
// below.
func (t *transport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func outcomeOf(answer *http.Response, err error) string {
	var timeout interface{ Timeout() bool }
	var limit interface{ FailureKind() string }
	switch {
	case errors.As(err, &limit) && limit.FailureKind() == "overloaded": // internal/httpx has this word
		return Refused
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return Timeout
	case err != nil:
		return Unreachable
	case answer.StatusCode == http.StatusTooManyRequests:
		return Throttled
	case answer.StatusCode >= http.StatusInternalServerError:
		return ServerError
	case answer.StatusCode >= http.StatusBadRequest:
		return ClientError
	}
	return OK
}
