package obo

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/lru"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// What a zero field of [Config] means.
const (
	defaultAuthorityHost   = "https://login.microsoftonline.com"
	defaultScope           = "https://graph.microsoft.com/.default"
	defaultTimeout         = 10 * time.Second
	defaultCacheMaxEntries = 100_000
	defaultCacheMaxBytes   = 64 << 20
)

// Config says which application exchanges tokens, and for what. [New] copies it.
type Config struct {
	// ClientID is the application (client) id of the API that the callers'
	// tokens are meant for, a GUID. Required.
	ClientID string

	// Credential is how the application proves itself to Microsoft Entra ID:
	// a [ClientSecret], a [Certificate], a [ClientAssertion], or a
	// [CredentialFunc] that returns one of them. Required.
	Credential Credential

	// AuthorityHost is the https address of Microsoft Entra ID, without a path.
	// Default: https://login.microsoftonline.com, the public cloud. The
	// others are https://login.microsoftonline.us (US Government) and
	// https://login.partner.microsoftonline.cn (China).
	// See https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud.
	AuthorityHost string

	// Scopes are what is asked for, all of them of one resource. Default:
	// https://graph.microsoft.com/.default, which is everything on Microsoft
	// Graph that the application has been granted. The scopes openid, profile
	// and offline_access are refused: MSAL adds them itself.
	Scopes []string

	// HTTPClient sends the requests. New uses a copy that follows no redirects.
	// Default: a client of this package's own, with time-outs for connecting.
	HTTPClient *http.Client

	// Timeout bounds one exchange, its retry included; a single attempt gets
	// half of it. The exchange is not cut short when its caller goes away, so
	// this is also how long it may outlive the caller. Default: 10 seconds.
	Timeout time.Duration

	// CacheMaxEntries and CacheMaxBytes bound what is remembered; what has been
	// used least recently goes first. The bytes include an allowance for
	// bookkeeping. Defaults: 100,000 entries and 64 MiB.
	CacheMaxEntries int
	CacheMaxBytes   int64

	// Now is the clock by which tokens expire. Default: time.Now.
	Now func() time.Time

	// MeterProvider and TracerProvider get metrics and spans: of exchanges
	// (obo.exchange.duration), of each attempt at one (outbound.call.duration),
	// and of what is remembered (obo.cache.lookups, obo.cache.entries,
	// obo.cache.size). Default: OpenTelemetry's global ones, which do nothing in
	// a program without its SDK.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider

	// Logger gets a debug line per request and an error line per panic, without
	// tokens, secrets, or the ids of tenants and users. Default: slog.Default().
	Logger *slog.Logger
}

// New returns a client for the application that cfg describes. It does no I/O.
// The error reports everything that is wrong with cfg.
func New(cfg Config) (*Client, error) {
	var problems []error
	report := func(field, format string, args ...any) {
		problems = append(problems, fmt.Errorf("obo: Config."+field+" "+format, args...))
	}

	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	if !syntax.IsGUID(cfg.ClientID) {
		report("ClientID", "must be the application (client) id, a GUID such as 11111111-2222-3333-4444-555555555555")
	}
	if err := cfg.Credential.Check(now()); err != nil {
		report("Credential", "%w", err)
	}
	authority, err := parseAuthority(cmp.Or(cfg.AuthorityHost, defaultAuthorityHost))
	if err != nil {
		report("AuthorityHost", "%w", err)
	}
	scopes := slices.Clone(cfg.Scopes)
	if len(scopes) == 0 {
		scopes = []string{defaultScope}
	}
	for i, scope := range scopes {
		if err := checkScope(scope); err != nil {
			report(fmt.Sprintf("Scopes[%d]", i), "%w", err)
		}
	}
	if cfg.Timeout < 0 {
		report("Timeout", "must not be negative")
	}
	if cfg.CacheMaxEntries < 0 {
		report("CacheMaxEntries", "must not be negative")
	}
	if cfg.CacheMaxBytes < 0 {
		report("CacheMaxBytes", "must not be negative")
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}

	log := cfg.Logger
	if log == nil {
		log = slog.Default()
	}
	clientID := strings.ToLower(cfg.ClientID)
	c := &Client{
		clientID:   clientID,
		credential: cfg.Credential,
		authority:  authority,
		scopes:     scopes,
		http:       outbound.New("entra", cfg.MeterProvider, cfg.TracerProvider).Client(httpx.Harden(cfg.HTTPClient)),
		timeout:    cmp.Or(cfg.Timeout, defaultTimeout),
		// Without the monotonic reading, which stands still while a machine
		// sleeps: tokens expire by the calendar.
		now:       func() time.Time { return now().Round(0) },
		log:       log,
		keyPrefix: keyPrefix(authority, clientID, scopes),
		flights:   flights{log: log},
	}
	c.cache = lru.New[cacheKey, item](
		cmp.Or(cfg.CacheMaxEntries, defaultCacheMaxEntries),
		cmp.Or(cfg.CacheMaxBytes, defaultCacheMaxBytes),
		c.now)
	c.telemetry = newTelemetry(cfg.MeterProvider, cfg.TracerProvider, c.cache.Size)
	return c, nil
}

// parseAuthority returns raw as scheme and host. It accepts less than the rest
// of this module, because MSAL takes neither plain HTTP nor a base path.
func parseAuthority(raw string) (string, error) {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(raw)), "http:") {
		return "", errors.New("must use https, also on this machine")
	}
	u, err := httpx.ParseBaseURL(raw)
	if err != nil {
		return "", err
	}
	if u.Path != "" {
		return "", errors.New("must not have a path: the tenant is added to it")
	}
	return u.String(), nil
}

func checkScope(scope string) error {
	switch strings.ToLower(scope) {
	case "":
		return errors.New("is empty")
	case "openid", "profile", "offline_access":
		return errors.New("asks for sign-in, not for a resource; leave it out, MSAL adds it")
	}
	if !syntax.IsVisible(scope) {
		return errors.New("must be one scope of printable ASCII characters, without spaces")
	}
	return nil
}
