package acsidentity

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// DefaultAPIVersion is the version of the REST API that a [Client] asks for
// unless Config.APIVersion names another.
const DefaultAPIVersion = "2023-10-01"

// oldestAPIVersion is the first that knows the lifetime of a token. Earlier ones
// ignore it, and would issue tokens that live longer than was asked for.
const oldestAPIVersion = "2022-10-01"

// maxRetries bounds Config.MaxRetries: ten retries already take half a minute.
const maxRetries = 10

var apiVersionForm = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(-[a-z0-9]+)?$`)

// hostForm holds what reaches the wire as it is written. net/http would rewrite
// any other host for the Host header, and the signature would not match.
var hostForm = regexp.MustCompile(`^[a-z0-9._:\[\]-]+$`)

// A Config says how to reach an ACS resource. Either ConnectionString or
// Endpoint and Credential must be set; every other zero field stands for its
// default.
type Config struct {
	// ConnectionString is what the Azure portal shows under "Keys". It holds an
	// access key: treat it as a secret.
	ConnectionString string
	// Endpoint is the address of the resource, such as
	// https://contoso.europe.communication.azure.com.
	Endpoint string
	// Credential authenticates the calls to Endpoint.
	Credential Credential

	// APIVersion is the api-version of every request, 2022-10-01 or later.
	// Default: [DefaultAPIVersion].
	APIVersion string
	// HTTPClient sends the requests. It is copied, and the copy follows no
	// redirects. Default: a client with a transport of its own that keeps 256
	// idle connections.
	//
	// Its transport may limit calls: an error that has a method FailureKind() string
	// which returns "overloaded" means that nothing was sent. Such a call is not
	// tried again, and its error never matches [ErrOutcomeUnknown].
	HTTPClient *http.Client
	// AttemptTimeout bounds one attempt of a call, from asking the credential
	// to the last byte of the answer. Default: 10 seconds.
	AttemptTimeout time.Duration
	// MaxRetries is how often a failed call is tried again, at most 10 times.
	// Default: 2; negative: never.
	//
	// Issue, revoke, delete and exchange are repeated after the statuses 408,
	// 429, 500, 502, 503 and 504 and when no answer came; a create only after
	// 429, after 503 with a Retry-After header, and when no connection could be
	// had. Pauses grow from half a second to five seconds; a server that asks
	// for a longer pause ends the call, see Error.RetryAfter.
	MaxRetries int
	// Now is the clock for signatures and for dates in Retry-After headers. It
	// must be right within five minutes. Default: time.Now.
	Now func() time.Time
	// Logger gets one line per attempt, at level debug: operation, status,
	// duration and request ids. Default: slog.Default().
	Logger *slog.Logger
	// MeterProvider and TracerProvider get the metric outbound.call.duration and
	// a span for every attempt, which name neither address nor identity. Default:
	// OpenTelemetry's global ones, which do nothing in a program without its SDK.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
}

// Format prints a Config as fmt does otherwise, but not its ConnectionString.
func (cfg Config) Format(f fmt.State, verb rune) {
	if cfg.ConnectionString != "" {
		cfg.ConnectionString = "[redacted]"
	}
	type plain Config // has no Format
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(cfg))
}

// A Client calls the identity API of one ACS resource. It is safe for concurrent
// use. Make one with [New], and keep it: it keeps connections open.
type Client struct {
	endpoint       *url.URL
	credential     Credential
	query          string // of every request
	transmit       func(*http.Request) (*http.Response, error)
	attemptTimeout time.Duration
	retry          httpx.Retry
	now            func() time.Time
	logger         *slog.Logger
}

// New returns a client for the resource that cfg describes. It sends nothing.
// The error names every mistake in cfg, one per line, and repeats no value that
// could be secret.
func New(cfg Config) (*Client, error) {
	var mistakes []error
	mistaken := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("acsidentity: "+format, args...))
	}

	c := &Client{
		transmit:       httpx.Sender(outbound.New("acs", cfg.MeterProvider, cfg.TracerProvider).Client(httpx.Harden(cfg.HTTPClient))),
		attemptTimeout: cfg.AttemptTimeout,
		retry:          httpx.DefaultRetry,
		now:            cfg.Now,
		logger:         cmp.Or(cfg.Logger, slog.Default()),
	}

	whole, separate := cfg.ConnectionString != "", cfg.Endpoint != "" || cfg.Credential != (Credential{})
	if whole && separate {
		mistaken("Config.ConnectionString and Config.Endpoint with Config.Credential exclude each other: set one or the other")
	}
	if whole {
		endpoint, credential, errs := parseConnectionString(cfg.ConnectionString)
		for _, err := range errs {
			mistaken("Config.ConnectionString: %w", err)
		}
		c.endpoint, c.credential = endpoint, credential
	} else if !separate {
		mistaken("Config needs a ConnectionString, or an Endpoint and a Credential")
	}
	if separate && (cfg.Endpoint != "" || !whole) {
		endpoint, err := parseEndpoint(cfg.Endpoint)
		if err != nil {
			mistaken("Config.Endpoint %w", err)
		}
		c.endpoint, c.credential = endpoint, cfg.Credential
	}
	if cfg.Credential != (Credential{}) && cfg.Credential.err != nil {
		mistaken("Config.Credential: %w", cfg.Credential.err)
	} else if separate && !whole && cfg.Credential == (Credential{}) {
		mistaken("Config.Credential is missing: use AccessKey, BearerToken or CredentialFunc")
	}

	version := cmp.Or(cfg.APIVersion, DefaultAPIVersion)
	if !apiVersionForm.MatchString(version) {
		mistaken("Config.APIVersion must be a version such as %s", DefaultAPIVersion)
	} else if version < oldestAPIVersion {
		mistaken("Config.APIVersion %s is too old: %s is the first that knows the lifetime of a token", version, oldestAPIVersion)
	}
	c.query = "api-version=" + version
	if c.attemptTimeout < 0 {
		mistaken("Config.AttemptTimeout must not be negative: %s", c.attemptTimeout)
	} else if c.attemptTimeout == 0 {
		c.attemptTimeout = httpx.DefaultAttemptTimeout
	}
	if cfg.MaxRetries > maxRetries {
		mistaken("Config.MaxRetries must be at most %d: %d", maxRetries, cfg.MaxRetries)
	} else if cfg.MaxRetries != 0 {
		c.retry.Max = max(0, cfg.MaxRetries)
	}
	if c.now == nil {
		c.now = time.Now
	}

	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return c, nil
}

// Endpoint returns the normalised address of the resource, such as
// https://contoso.europe.communication.azure.com: host in lower case, no default
// port, no trailing slash. A client application needs it besides a token, to make
// ACS's own client for chats, say.
func (c *Client) Endpoint() string { return c.endpoint.String() }

// Host returns the host of the resource in lower case, with its port unless that
// is the default. It tells resources apart, for example in the keys of a store.
func (c *Client) Host() string { return c.endpoint.Host }

// parseEndpoint normalises the address of a resource. Its errors continue a
// sentence that begins with what was parsed, and do not repeat it.
func parseEndpoint(raw string) (*url.URL, error) {
	if strings.TrimSpace(raw) == "" {
		return nil, errors.New("is missing")
	}
	u, err := httpx.ParseBaseURL(raw)
	if err != nil {
		return nil, err
	}
	if u.Path != "" {
		return nil, errors.New("must not have a path")
	}
	if !hostForm.MatchString(u.Host) {
		return nil, errors.New("must have a host of ASCII letters, digits, hyphens and dots")
	}
	return u, nil
}
