package graphmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"github.com/microsoft/kiota-abstractions-go/authentication"
	khttp "github.com/microsoft/kiota-http-go"
	jsonserialization "github.com/microsoft/kiota-serialization-json-go"
	graphcore "github.com/microsoftgraph/msgraph-sdk-go-core"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// A client sends single requests to Graph through the SDK's request adapter,
// and hands back what came, whatever it is: of the ways in which the adapter
// itself reads answers, some lose the status and some panic.
type client struct {
	adapter abstractions.RequestAdapter
	base    *url.URL
	timeout time.Duration
	now     func() time.Time
	log     *slog.Logger
}

// A request is one to the signed-in user's resource. Requests are values that
// can be sent again.
type request struct {
	method abstractions.HttpMethod
	path   []string // below /me
	query  string
	body   []byte
}

type response struct {
	status int
	header http.Header
	body   []byte // empty where the status says all
}

// ok reports whether r says that a request with this method has succeeded, in the way
// that Graph does. Of a proxy's page with a status of 200 nobody knows what it means.
func (r response) ok(method abstractions.HttpMethod) bool {
	switch method {
	case abstractions.POST:
		return r.status == http.StatusCreated
	case abstractions.DELETE:
		return r.status == http.StatusNoContent
	case abstractions.PATCH: // the documentation says the one here, and the other there
		if r.status == http.StatusOK {
			_, err := decode[*extension](r.body, newExtension)
			return err == nil
		}
		return r.status == http.StatusNoContent
	}
	return r.status == http.StatusOK
}

// errSDK: a failure within the SDK, or within an adapter of somebody else's.
var errSDK = errors.New("the Graph SDK's request adapter failed")

// send sends one request. An error means that there is no complete answer.
func (c *client) send(ctx context.Context, req request, token, requestID string) (r response, err error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, requestIDKey{}, requestID), c.timeout)
	defer cancel()
	// Last resort: the adapter panics on some malformed headers, which guard
	// hides from our own adapter, but not from somebody else's.
	defer func() {
		if p := recover(); p != nil {
			c.log.ErrorContext(ctx, "the Graph SDK panicked", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: it panicked", errSDK)
		}
	}()

	authorization := "Bearer " + token
	var answered bool
	reader := abstractions.NewRequestHandlerOption()
	reader.SetResponseHandler(func(native any, _ abstractions.ErrorMappings) (any, error) {
		answer, ok := native.(*http.Response)
		if !ok {
			return nil, fmt.Errorf("%w: its answer is a %T", errSDK, native)
		}
		defer httpx.Drain(answer.Body)
		if sent := answer.Request; sent != nil && !slices.Equal(sent.Header.Values("Authorization"), []string{authorization}) {
			return nil, fmt.Errorf("%w: it replaced the Authorization header (see Config.Adapter)", errSDK)
		}
		r, answered = response{status: answer.StatusCode, header: answer.Header}, true
		if r.status == http.StatusCreated || r.status == http.StatusNoContent {
			return nil, nil
		}
		body, err := httpx.ReadBody(answer, httpx.MaxBody)
		if err != nil && r.status == http.StatusOK {
			return nil, err
		}
		r.body = body // of a refusal, the status is enough
		return nil, nil
	})
	info := c.information(req, authorization)
	info.AddRequestOptions([]abstractions.RequestOption{reader})
	if err := c.adapter.SendNoContent(ctx, info, nil); err != nil {
		return response{}, err
	}
	if !answered {
		return response{}, fmt.Errorf("%w: it did not call the response handler", errSDK)
	}
	return r, nil
}

// information describes req to the adapter. The address is complete, so that
// the token goes to the configured host and nowhere else.
func (c *client) information(req request, authorization string) *abstractions.RequestInformation {
	address := *c.base.JoinPath(append([]string{"me"}, req.path...)...)
	info := abstractions.NewRequestInformation()
	info.Method = req.method
	info.UrlTemplate = address.Path // names the adapter's trace spans
	address.RawQuery = req.query
	info.SetUri(address)
	info.Headers.Add("Authorization", authorization)
	info.Headers.Add("Accept", "application/json")
	info.Headers.Add("User-Agent", httpx.UserAgent())
	if req.body != nil {
		info.SetStreamContentAndContentType(req.body, "application/json")
		info.Headers.Add("Content-Length", strconv.Itoa(len(req.body)))
	}
	// For adapters with kiota's default handlers, whose order is random, so that
	// a compressed request can be repeated with a body that is not.
	info.AddRequestOptions([]abstractions.RequestOption{
		&khttp.RetryHandlerOptions{ShouldRetry: func(time.Duration, int, *http.Request, *http.Response) bool { return false }},
		&khttp.RedirectHandlerOptions{ShouldRedirect: func(*http.Request, *http.Response) bool { return false }},
		khttp.NewCompressionOptionsReference(false),
	})
	return info
}

// newAdapter returns the SDK's adapter with a pipeline of our choice. It has
// serializers of its own: the SDK's default registries belong to the whole
// process, and are not safe to read while somebody constructs a client.
func newAdapter(c *http.Client, calls *outbound.Observer) (abstractions.RequestAdapter, error) {
	hardened := httpx.Harden(c)
	hardened.Transport = khttp.NewCustomTransportWithParentTransport(guard{calls.Transport(hardened.Transport)},
		graphcore.NewGraphTelemetryHandler(nil),
		khttp.NewUserAgentHandler(),
	)
	return graphcore.NewGraphRequestAdapterBaseWithParseNodeFactoryAndSerializationWriterFactoryAndHttpClient(
		&authentication.AnonymousAuthenticationProvider{}, // requests arrive with their user's token
		graphcore.GraphClientOptions{},
		jsonserialization.NewJsonParseNodeFactory(),
		jsonserialization.NewJsonSerializationWriterFactory(),
		hardened,
	)
}

type requestIDKey struct{}

// A guard stands between the SDK's pipeline and the network.
type guard struct{ next http.RoundTripper }

func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if id, ok := req.Context().Value(requestIDKey{}).(string); ok {
		req = req.Clone(req.Context())
		req.Header.Set("client-request-id", id) // the SDK's own names an attempt
	}
	resp, err := g.next.RoundTrip(req)
	if err == nil && resp.Header[challengeHeader] != nil {
		// kiota would answer a challenge by sending the same token again, after
		// reading the header in a way that panics if a value is not quoted.
		resp.Header[hiddenChallengeHeader] = resp.Header[challengeHeader]
		delete(resp.Header, challengeHeader)
	}
	return resp, err
}
