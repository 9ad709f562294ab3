package outbound

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/tracing"
)

// Client returns a copy of c whose calls are observed, each attempt by itself.
func (o *Observer) Client(c *http.Client) *http.Client {
	observed := *c
	observed.Transport = o.Transport(c.Transport)
	return &observed
}

// Transport returns a RoundTripper whose calls are observed; next may be nil, for
// net/http's own. Whatever refuses calls for a limit's sake, with an error whose
// FailureKind is "overloaded", belongs below it.
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

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	c := t.observer.begin(r.Context(), r.Method)
	defer tracing.End(c.span)
	if c.traced {
		r = r.WithContext(c.ctx)
	}
	answer, err := t.next.RoundTrip(r)
	switch {
	case err != nil:
		err = withoutCause(r.Context(), err)
	case answer == nil:
		err = httpx.ErrNoAnswer
	case answer.Body != nil:
		answer.Body = &body{answer.Body, r.Context()}
	}
	if c.observer == nil {
		return answer, err
	}
	if err == nil && c.span.IsRecording() {
		c.span.SetAttributes(attribute.Int("http.response.status_code", answer.StatusCode))
	}
	c.end(outcomeOf(c.ctx, answer, err))
	return answer, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport
// below.
func (t *transport) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

func outcomeOf(ctx context.Context, answer *http.Response, err error) string {
	switch {
	case err != nil:
		return outcomeOfError(ctx, err)
	case answer.StatusCode == http.StatusTooManyRequests:
		return Throttled
	case answer.StatusCode >= http.StatusInternalServerError:
		return ServerError
	case answer.StatusCode >= http.StatusBadRequest:
		return ClientError
	}
	return OK
}

// outcomeOfError names why there is no answer. The context is asked too, since it
// may have ended with a cause of its own, which is all that net/http reports then.
func outcomeOfError(ctx context.Context, err error) string {
	var network interface{ Timeout() bool }
	switch {
	case httpx.IsOverloaded(err):
		return Refused
	case errors.Is(err, context.Canceled), errors.Is(ctx.Err(), context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil, errors.As(err, &network) && network.Timeout():
		return Timeout
	}
	return Unreachable
}
