package graphmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	abstractions "github.com/microsoft/kiota-abstractions-go"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

const (
	defaultBaseURL       = "https://graph.microsoft.com/v1.0"
	defaultExtensionName = "com.contoso.identityMapping"
	minKeyBytes          = 32 // an HMAC-SHA256 key shorter than its digest weakens it
	defaultReadLag       = 2 * time.Second
	longestReadLag       = 5 * time.Second // operations wait for it, and have 15 seconds
)

// A TokenSource gets access tokens for Microsoft Graph on behalf of users.
// *obo.Client is one. It must be safe for concurrent use.
type TokenSource interface {
	// Token exchanges assertion, the access token that the user of tenantID
	// sent, for one that Graph accepts, with the delegated permission
	// User.ReadWrite. claims is "" or the JSON text of a claims challenge that
	// Graph answered the previous token with: the new one must satisfy it, and
	// must not come from a cache. If Graph refused the previous token without a
	// challenge, claims is {}, which demands nothing but another token; where
	// there is none to be had, the previous one may be returned.
	//
	// Errors reach the Mapper's caller wrapped but otherwise unchanged, so that
	// one that implements [acsauth.Failure] keeps its meaning.
	Token(ctx context.Context, tenantID, assertion, claims string) (accessToken string, err error)
}

// A Policy says what to make of mappings that carry no signature: those of the
// Node.js and C# samples, and those that users wrote themselves. A wrong
// signature is refused under every policy that looks at signatures.
type Policy int

const (
	// RefuseUnsigned, the zero Policy, needs keys and accepts nothing else than
	// mappings signed with one of them.
	RefuseUnsigned Policy = iota
	// AdoptUnsigned needs keys, accepts unsigned mappings until
	// Config.AdoptUntil, and signs those it meets in LookupRenew. Until then
	// users have the power that TrustUnsigned gives them, and what was signed
	// in that time stays valid: keep the time short.
	AdoptUnsigned
	// TrustUnsigned takes no keys and believes whatever is stored, as the
	// Node.js and C# samples do. Users can write their own extension: one who
	// puts the ACS identity of somebody else there gets tokens for it, and can
	// have it deleted.
	TrustUnsigned
)

// Config configures a [Mapper]. Only Tokens and, unless Unsigned is
// TrustUnsigned, Keys or CurrentKeys are required.
type Config struct {
	// Tokens gets the access tokens for Graph. Required.
	Tokens TokenSource
	// BaseURL is Graph's address with its version. Default:
	// https://graph.microsoft.com/v1.0. It must be https, or loopback.
	BaseURL string
	// ExtensionName is the open extension that holds the mapping. Environments
	// that share a tenant, yet not their ACS resource, need different names.
	// A letter, then at most 127 letters, digits, dots, hyphens and underscores;
	// not below com.microsoft or com.onmicrosoft, which Graph reserves.
	// Default: com.contoso.identityMapping, as in the Node.js and C# samples.
	ExtensionName string
	// Keys sign and verify mappings: random, secret, at least 32 bytes each.
	// The first signs, all verify, and LookupRenew signs anew what a later one
	// signed. To replace a key, add the new one at the end on every replica,
	// then move it to the front on every replica, and drop the old one when
	// users have had time to come by: mappings still signed with it are invalid
	// from then on.
	Keys [][]byte
	// CurrentKeys returns the keys in place of Keys, for keys that change while
	// the program runs. It is called in New and at the beginning of every
	// operation, possibly by many goroutines at once, so it must not block. Keys
	// that New would refuse fail the operation, see [CheckKeys].
	CurrentKeys func() [][]byte
	// Unsigned is what to do about mappings without a signature. Default:
	// RefuseUnsigned.
	Unsigned Policy
	// AdoptUntil ends the adoption of unsigned mappings; from then on they are
	// refused. Required with AdoptUnsigned, and refused without.
	AdoptUntil time.Time
	// Adapter sends the requests in place of an adapter that [New] makes, so
	// that they share the transport of a GraphServiceClient: its GetAdapter.
	// It excludes BaseURL and HTTPClient; the adapter's base URL is read once,
	// in New, and must name Graph's version too.
	//
	// Every request carries an Authorization header of its own, with the token
	// of the user it is for. The adapter must leave that alone, so make it with
	// kiota's AnonymousAuthenticationProvider: those that hold a credential
	// replace the header when Graph sends a claims challenge, and the request
	// then acts on whoever the credential belongs to. A Mapper notices, and
	// reports such answers as unusable, but cannot undo what happened. Its
	// handlers for retries, redirects and compression are switched off for
	// these requests; others that repeat requests or follow redirects must not
	// be in its pipeline.
	Adapter abstractions.RequestAdapter
	// HTTPClient sends the requests. It is copied, and the copy follows no
	// redirects. Default: a client with time-outs and its own connections.
	HTTPClient *http.Client
	// AttemptTimeout bounds a single attempt at a request, the reading of its
	// answer included. Default: 10 seconds.
	AttemptTimeout time.Duration
	// ReadLag is how far Graph's replicas may be behind, as a rule
	// ([acsauth.LaggingMapper]). Default: 2 seconds; at most 5.
	ReadLag time.Duration
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
	// Logger gets what a Mapper does unasked: mappings it signs anew or repairs.
	// Users appear by pseudonym, tokens and ACS identities not at all.
	// Default: [slog.Default].
	Logger *slog.Logger
	// MeterProvider and TracerProvider get the metric outbound.call.duration and
	// a span for every attempt, unless there is an Adapter, whose requests are its
	// own affair. Default: OpenTelemetry's global ones, which do nothing in a
	// program without its SDK. The spans of Microsoft's SDK go to the global one
	// in any case.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
}

// Format prints a Config as fmt does otherwise, but no byte of its Keys.
func (cfg Config) Format(f fmt.State, verb rune) {
	cfg.Keys = make([][]byte, len(cfg.Keys))
	type plain Config // has no Format
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(cfg))
}

// New returns a [Mapper]. It copies what it keeps of cfg, sends nothing, and
// reports all mistakes at once.
func New(cfg Config) (*Mapper, error) {
	var mistakes []error
	wrong := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("graphmap: Config."+format, args...))
	}

	if cfg.Tokens == nil {
		wrong("Tokens is nil: set it to the obo.Client that exchanges users' tokens for Graph's")
	}
	if cfg.ExtensionName == "" {
		cfg.ExtensionName = defaultExtensionName
	}
	if err := checkExtensionName(cfg.ExtensionName); err != nil {
		wrong("%w", err)
	}
	if cfg.CurrentKeys != nil && len(cfg.Keys) > 0 {
		wrong("Keys cannot be set along with CurrentKeys, which replaces them")
	} else if cfg.CurrentKeys != nil {
		cfg.Keys = cfg.CurrentKeys()
	}
	checkSigning(cfg, wrong)
	base := checkAddress(cfg, wrong)
	switch {
	case cfg.AttemptTimeout < 0:
		wrong("AttemptTimeout is negative")
	case cfg.AttemptTimeout == 0:
		cfg.AttemptTimeout = httpx.DefaultAttemptTimeout
	}
	if cfg.ReadLag < 0 || cfg.ReadLag > longestReadLag {
		wrong("ReadLag is negative, or more than %s", longestReadLag)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}

	adapter := cfg.Adapter
	if adapter == nil {
		var err error
		calls := outbound.New("graph", cfg.MeterProvider, cfg.TracerProvider)
		if adapter, err = newAdapter(cfg.HTTPClient, calls); err != nil {
			return nil, fmt.Errorf("graphmap: making the request adapter: %w", err)
		}
	}
	ring := newKeyring(cfg.Keys)
	keys := func() (*keyring, error) { return ring, nil }
	if cfg.CurrentKeys != nil {
		keys = func() (*keyring, error) { return currentKeyring(cfg.CurrentKeys()) }
	}
	return &Mapper{
		tokens:         cfg.Tokens,
		graph:          &client{adapter: adapter, base: base, timeout: cfg.AttemptTimeout, now: cfg.Now, log: cfg.Logger},
		extensionName:  cfg.ExtensionName,
		keys:           keys,
		readLag:        cmp.Or(cfg.ReadLag, defaultReadLag),
		trustsUnsigned: cfg.Unsigned == TrustUnsigned,
		adoptUntil:     cfg.AdoptUntil,
	}, nil
}

type complain func(format string, args ...any)

var extensionNames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,127}$`)

// CheckExtensionName reports what [New] would report about the name of an extension,
// for programs that look at their settings one by one.
func CheckExtensionName(name string) error {
	if err := checkExtensionName(name); err != nil {
		return fmt.Errorf("graphmap: %w", err)
	}
	return nil
}

func checkExtensionName(name string) error {
	lower := strings.ToLower(name)
	switch {
	case !extensionNames.MatchString(name):
		return errors.New("ExtensionName must be a letter, followed by at most 127 letters, digits, dots, hyphens and underscores")
	case strings.HasPrefix(lower, "com.microsoft"), strings.HasPrefix(lower, "com.onmicrosoft"):
		return errors.New("ExtensionName must not begin with com.microsoft or com.onmicrosoft, which Graph reserves: use a domain of your own")
	}
	return nil
}

func checkSigning(cfg Config, wrong complain) {
	switch cfg.Unsigned {
	case RefuseUnsigned:
		if len(cfg.Keys) == 0 {
			wrong("Keys is empty: decode the output of `openssl rand -base64 32` and set it, the same on every replica;" +
				" or set Unsigned to TrustUnsigned, with which a user who edits their own Graph extension" +
				" can obtain tokens for the ACS identity of anybody else, and delete it")
		}
	case AdoptUnsigned:
		if len(cfg.Keys) == 0 {
			wrong("Keys is empty: AdoptUnsigned needs a key to sign with, such as the decoded output of `openssl rand -base64 32`")
		}
		if cfg.AdoptUntil.IsZero() {
			wrong("AdoptUntil is not set: AdoptUnsigned trusts what users may have written themselves, so it must end")
		}
	case TrustUnsigned:
		if len(cfg.Keys) > 0 || cfg.CurrentKeys != nil {
			wrong("Keys must be empty, and CurrentKeys nil, with TrustUnsigned, which verifies nothing: drop the keys, or use AdoptUnsigned for a time")
		}
	default:
		wrong("Unsigned is %d, which is no Policy", cfg.Unsigned)
	}
	if cfg.Unsigned != AdoptUnsigned && !cfg.AdoptUntil.IsZero() {
		wrong("AdoptUntil has a meaning only if Unsigned is AdoptUnsigned")
	}
	checkKeys(cfg.Keys, wrong)
}

func checkKeys(keys [][]byte, wrong complain) {
	seen := make(map[string]int, len(keys))
	for i, key := range keys {
		if len(key) < minKeyBytes {
			wrong("Keys[%d] has %d bytes, and needs at least %d random ones", i, len(key), minKeyBytes)
		} else if first, again := seen[string(key)]; again {
			wrong("Keys[%d] repeats Keys[%d]", i, first)
		} else {
			seen[string(key)] = i
		}
	}
}

func checkAddress(cfg Config, wrong complain) *url.URL {
	field, raw := "BaseURL", cfg.BaseURL
	if cfg.Adapter != nil {
		if cfg.BaseURL != "" {
			wrong("BaseURL cannot be set along with Adapter, which has its own: call the adapter's SetBaseUrl")
		}
		if cfg.HTTPClient != nil {
			wrong("HTTPClient cannot be set along with Adapter, which has its own")
		}
		field, raw = "Adapter's base URL", cfg.Adapter.GetBaseUrl()
	} else if raw == "" {
		raw = defaultBaseURL
	}
	base, err := httpx.ParseBaseURL(raw)
	if err != nil {
		wrong("%s %w", field, err)
	}
	return base
}
