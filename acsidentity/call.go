package acsidentity

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// serviceRequestIDHeader is the service's correlation vector.
const serviceRequestIDHeader = "Ms-Cv" // in the form of http.Header

// A call is one operation on its way to the service.
type call struct {
	operation string // the name of the Client method
	method    string
	path      string
	escaped   string             // the path as on the wire; "": the same
	body      []byte             // JSON, or none
	success   int                // the one status that means success
	decode    func([]byte) error // copies from the body of a success; nil: there is none
	once      bool               // must not happen twice: a create
	id        string             // the client request id, shared by the attempts

	// credential is in place of one that the service has refused. Zero: none was.
	credential Credential
}

// An attempt is how sending a call once ended.
type attempt struct {
	err    *Error      // nil: well
	header http.Header // of the answer, if one came
	used   Credential  // authenticated it
	effect bool        // the service may have done what it was asked to
	anew   bool        // another attempt may end better
}

// do sends cl until an attempt succeeds or the next would be useless or unsafe.
func (c *Client) do(ctx context.Context, cl call) error {
	cl.id = httpx.NewRequestID()
	effect := false
	for n := 0; ; n++ {
		a := c.attempt(ctx, cl, n)
		if a.err == nil {
			return nil
		}
		effect = effect || a.effect
		if a.err.refusesCredential() && cl.credential == (Credential{}) {
			if other, ok := c.instead(ctx, a.used); ok {
				cl.credential = other
				continue
			}
		}
		if a.anew && !(cl.once && effect) && ctx.Err() == nil {
			wait, ok := c.retry.Delay(n, a.header, c.now())
			if ok && httpx.Sleep(ctx, wait) == nil {
				continue
			}
		}
		unfinished := a.anew || a.err.StatusCode == 0
		if end := ctx.Err(); end != nil && unfinished && !errors.Is(a.err, end) {
			a.err.Err = also(end, a.err.Err)
		}
		if effect {
			a.err.Err = also(ErrOutcomeUnknown, a.err.Err)
		}
		return a.err
	}
}

// instead returns what to use in place of a credential that the service refused,
// and whether there is anything else.
func (c *Client) instead(ctx context.Context, refused Credential) (Credential, bool) {
	ctx, cancel := context.WithTimeout(ctx, c.attemptTimeout)
	defer cancel()
	other, err := c.credential.current(ctx, refused)
	return other, err == nil && other != refused
}

// also joins two errors in one line; second may be nil.
func also(first, second error) error {
	if second == nil {
		return first
	}
	return fmt.Errorf("%w: %w", first, second)
}

// attempt sends cl once and logs how that ended.
func (c *Client) attempt(ctx context.Context, cl call, n int) attempt {
	if !c.logger.Enabled(ctx, slog.LevelDebug) {
		return c.send(ctx, cl)
	}
	start := c.now()
	a := c.send(ctx, cl)
	attrs := []slog.Attr{
		slog.String("operation", cl.operation),
		slog.Int("attempt", n+1),
		slog.Int64("duration_ms", c.now().Sub(start).Milliseconds()),
		slog.String("client_request_id", cl.id),
		slog.String("service_request_id", printable(a.header.Get(serviceRequestIDHeader))),
	}
	if a.err == nil {
		attrs = append(attrs, slog.Int("status", cl.success))
	} else {
		attrs = append(attrs, slog.Int("status", a.err.StatusCode), slog.String("code", a.err.Code))
		if a.err.Err != nil {
			attrs = append(attrs, slog.String("error", a.err.Err.Error()))
		}
	}
	c.logger.LogAttrs(ctx, slog.LevelDebug, "ACS call", attrs...)
	return a
}

func (c *Client) send(caller context.Context, cl call) attempt {
	ctx, cancel := context.WithTimeout(caller, c.attemptTimeout)
	defer cancel()
	used, err := cl.credential, error(nil)
	if used == (Credential{}) {
		used, err = c.credential.current(ctx, Credential{})
	}
	var w wire
	var req *http.Request
	if err == nil {
		req, err = c.newRequest(httptrace.WithClientTrace(ctx, w.trace()), cl, used)
	}
	if err == nil {
		err = ctx.Err() // asking the credential may have taken a while
	}
	if err != nil {
		return attempt{err: cl.failed(err)}
	}

	resp, err := c.transmit(req)
	switch {
	case err == nil:
		a := c.read(ctx, caller, cl, resp)
		a.header, a.used = resp.Header, used
		return a
	case httpx.IsOverloaded(err):
		return attempt{err: cl.failed(httpx.ConnectionCause(err))}
	}
	// Not err itself: it names the URL, and with it an identity.
	return attempt{err: cl.failed(c.late(ctx, caller, httpx.ConnectionCause(err))), effect: w.reached(), anew: true}
}

// read reads the answer to cl, before the end of within, the attempt's own context.
func (c *Client) read(within, caller context.Context, cl call, resp *http.Response) attempt {
	succeeded := resp.StatusCode == cl.success
	if succeeded && cl.decode == nil {
		httpx.Drain(resp.Body)
		return attempt{}
	}
	defer func() { _ = resp.Body.Close() }()
	body := httpx.TakeBuffer() // what is decoded is copied
	defer httpx.GiveBuffer(body)
	err := httpx.ReadBodyInto(body, resp, httpx.MaxBody)
	cutOff := err != nil && !errors.Is(err, httpx.ErrBodyTooLarge)
	if cutOff {
		err = c.late(within, caller, fmt.Errorf("read the answer: %w", httpx.ConnectionCause(err)))
	}
	if succeeded && err == nil {
		err = cl.decode(body.Bytes())
	}
	if succeeded && err == nil {
		return attempt{}
	}

	failed := cl.failed(err)
	failed.ServiceRequestID = printable(resp.Header.Get(serviceRequestIDHeader))
	if succeeded {
		if !cutOff {
			failed.StatusCode = resp.StatusCode
		}
		return attempt{err: failed, effect: true, anew: cutOff}
	}
	// The status counts, whatever became of the body.
	failed.StatusCode = resp.StatusCode
	failed.read(body.Bytes())
	failed.incomplete = cutOff && failed.Code == "" && !temporary(resp.StatusCode)
	wait, told := httpx.RetryAfter(resp.Header, c.now())
	failed.RetryAfter = wait
	return attempt{
		err:    failed,
		effect: !refused(resp.StatusCode, told),
		anew:   cutOff || temporary(resp.StatusCode),
	}
}

// failed returns why cl failed.
func (cl call) failed(err error) *Error {
	return &Error{Operation: cl.operation, ClientRequestID: cl.id, Err: err}
}

// late makes it plain that err stems from the end of the attempt's own time.
func (c *Client) late(attempt, caller context.Context, err error) error {
	if attempt.Err() == nil || caller.Err() != nil {
		return err
	}
	return fmt.Errorf("no answer within %s: %w", c.attemptTimeout, err)
}

// newRequest makes the request of one attempt: the signature holds the time, so
// none is used twice.
func (c *Client) newRequest(ctx context.Context, cl call, credential Credential) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, cl.method, "", bytes.NewReader(cl.body))
	if err != nil {
		return nil, errors.New("the request could not be made")
	}
	// Put together rather than parsed: every token takes this way.
	req.URL = &url.URL{Scheme: c.endpoint.Scheme, Host: c.endpoint.Host, Path: cl.path, RawPath: cl.escaped, RawQuery: c.query}
	req.Host = c.endpoint.Host
	httpx.SetFields(req.Header,
		httpx.Field{Name: "Accept", Value: "application/json"},
		httpx.Field{Name: "User-Agent", Value: httpx.UserAgent()},
		httpx.Field{Name: "X-Ms-Client-Request-Id", Value: cl.id},
		httpx.Field{Name: "X-Ms-Return-Client-Request-Id", Value: "true"},
		httpx.Field{Name: "Content-Type", Value: "application/json"})
	if len(cl.body) == 0 {
		delete(req.Header, "Content-Type")
	}
	if err := credential.authorize(ctx, req, cl.body, c.now()); err != nil {
		return nil, err
	}
	return req, nil
}

// refused reports whether an answer other than success means that the service
// did nothing. A server error means so only if the service itself says that it
// is too busy: a gateway that gave up waiting does not know what happened.
func refused(status int, retryAfter bool) bool {
	return status == http.StatusServiceUnavailable && retryAfter ||
		400 <= status && status < 500 && status != http.StatusRequestTimeout
}

// temporary reports whether the same request may succeed later.
func temporary(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// A wire observes whether a request can have reached the service. Whether all of
// it was written is no use: net/http reports that late, and may give up between
// writing and reporting. That no connection was ever handed to the request is
// certain. A RoundTripper that does not report connections at all counts as one
// that may have sent the request, unless it says that a limit kept it from that.
type wire struct{ asked, got atomic.Bool }

func (w *wire) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) { w.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { w.got.Store(true) },
	}
}

func (w *wire) reached() bool { return w.got.Load() || !w.asked.Load() }
