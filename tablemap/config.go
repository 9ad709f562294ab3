package tablemap

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

const defaultTable = "acsmappings"

// Config configures a [Mapper]. Required are Resource, and either Account or
// Client.
type Config struct {
	// Account is where the table is, and what gives access to it: made with
	// [ConnectionString] or [Entra].
	Account Account
	// Table is the name of the table: 3 to 63 letters and digits, a letter first.
	// Default: acsmappings.
	Table string
	// HTTPClient sends the requests. It is copied, and the copy follows no
	// redirects. Default: a client with time-outs and its own connections.
	HTTPClient *http.Client

	// Client stands in for Account, Table and HTTPClient, for those who have one
	// of a table already. A Mapper bounds and repeats its requests by itself,
	// whatever the client's retry options say. That redirects are not followed,
	// and that answers are bounded, is up to the client's transport.
	Client *aztables.Client

	// Resource is the ACS resource that the identities belong to: the host of its
	// endpoint, such as contoso.communication.azure.com, with the port if that is
	// not 443. Resources that share a table do not see each other's mappings.
	Resource string
	// AttemptTimeout bounds a single attempt at a request, the reading of its
	// answer included. Default: 10 seconds.
	AttemptTimeout time.Duration
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
	// MeterProvider and TracerProvider get the metric outbound.call.duration and
	// a span for every attempt, unless there is a Client, whose requests are its
	// own affair. Default: OpenTelemetry's global ones, which do nothing in a
	// program without its SDK.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
}

// New returns a [Mapper]. It sends nothing, and reports all mistakes at once. Call
// [Mapper.CreateTable] if the table may not be there yet.
func New(cfg Config) (*Mapper, error) {
	var mistakes []error
	wrong := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("tablemap: Config."+format, args...))
	}

	client := cfg.Client
	if client == nil {
		client = newClient(cfg, wrong)
	} else {
		if cfg.Account.open != nil {
			wrong("Account cannot be set along with Client, which has its own")
		}
		if cfg.Table != "" {
			wrong("Table cannot be set along with Client, which is one of a table")
		}
		if cfg.HTTPClient != nil {
			wrong("HTTPClient cannot be set along with Client, which has its own")
		}
	}
	resource, err := parseResource(cfg.Resource)
	if err != nil {
		wrong("Resource %w", err)
	}
	switch {
	case cfg.AttemptTimeout < 0:
		wrong("AttemptTimeout is negative")
	case cfg.AttemptTimeout == 0:
		cfg.AttemptTimeout = httpx.DefaultAttemptTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return &Mapper{
		client:  client,
		keys:    keyspace{resource},
		timeout: cfg.AttemptTimeout,
		now:     cfg.Now,
	}, nil
}

type complain func(format string, args ...any)

var tableNames = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]{2,62}$`)

// newClient returns the client of the table that cfg names, nil if there is a
// mistake in that.
func newClient(cfg Config, wrong complain) *aztables.Client {
	if cfg.Table == "" {
		cfg.Table = defaultTable
	}
	if !tableNames.MatchString(cfg.Table) {
		wrong("Table must be 3 to 63 letters and digits, a letter first")
	}
	if cfg.Account.open == nil {
		wrong("Account is not set: use ConnectionString or Entra, or set Client")
		return nil
	}
	calls := outbound.New("tables", cfg.MeterProvider, cfg.TracerProvider)
	service, mistakes := cfg.Account.open(transport{calls.Client(httpx.Harden(cfg.HTTPClient))})
	for _, err := range mistakes {
		wrong("Account: %w", err)
	}
	if len(mistakes) > 0 {
		return nil
	}
	return service.NewClient(cfg.Table)
}

// parseResource returns the resource as keys have it: the lower-cased host, with
// its port if that is not the default.
func parseResource(resource string) (string, error) {
	u, err := httpx.ParseBaseURL("https://" + resource)
	if err != nil || u.Path != "" {
		return "", errors.New("must be the host of the ACS endpoint, such as contoso.communication.azure.com, and nothing else")
	}
	return u.Host, nil
}
