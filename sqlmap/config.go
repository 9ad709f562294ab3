package sqlmap

import (
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
)

// DefaultTimeout is what [Config.Timeout] is by default.
const DefaultTimeout = 5 * time.Second

// Config configures a [Mapper]. DB, Dialect and Resource are required.
type Config struct {
	// DB is the database. The Mapper neither configures nor closes it. Bound its
	// connections with SetMaxOpenConns: PostgreSQL has few to give.
	DB *sql.DB
	// Dialect is what DB speaks: [Postgres] or [SQLite].
	Dialect Dialect
	// Resource is the host of the ACS endpoint, with its port unless that is the
	// default, as acsidentity's Client.Host returns it: for example
	// contoso.communication.azure.com. It is part of every key, so that several
	// ACS resources can share a database. Letter case does not matter.
	Resource string
	// Schema is the PostgreSQL schema that holds the tables. It must exist.
	// Letters, digits and underscores, at most 63; its letter case matters.
	// Default: where the search_path of the connection leads.
	Schema string
	// Timeout bounds what a method asks of the database, waiting for a
	// connection and for others' locks included; a listing, each page of it.
	// Default: 5 seconds.
	Timeout time.Duration
	// Now is the clock that says when a mapping was created. Default: [time.Now].
	Now func() time.Time
	// MeterProvider and TracerProvider get the metric outbound.call.duration and
	// a span for every attempt at what a method asks of the database, waiting for
	// a connection included. Default: OpenTelemetry's global ones, which do
	// nothing in a program without its SDK.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
}

// New returns a [Mapper]. It does not touch the database, and reports all mistakes
// at once.
func New(cfg Config) (*Mapper, error) {
	var mistakes []error
	wrong := func(format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("sqlmap: Config."+format, args...))
	}

	if cfg.DB == nil {
		wrong("DB is nil: set it to what sql.Open returned")
	}
	if _, known := dialects[cfg.Dialect]; !known {
		wrong("Dialect is not set: use sqlmap.Postgres or sqlmap.SQLite")
	}
	cfg.Resource = strings.TrimSuffix(strings.ToLower(cfg.Resource), ":443")
	if len(cfg.Resource) > maxKeyBytes || !resourceForm.MatchString(cfg.Resource) {
		wrong("Resource must be the host of the ACS endpoint, such as contoso.communication.azure.com: no scheme, no path")
	}
	switch {
	case cfg.Schema != "" && cfg.Dialect == SQLite:
		wrong("Schema has a meaning for PostgreSQL only")
	case cfg.Schema != "" && !schemaForm.MatchString(cfg.Schema):
		wrong("Schema must be a letter or underscore, followed by at most 62 letters, digits and underscores")
	}
	switch {
	case cfg.Timeout < 0:
		wrong("Timeout is negative")
	case cfg.Timeout == 0:
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return &Mapper{
		db:       cfg.DB,
		dialect:  dialects[cfg.Dialect],
		resource: cfg.Resource,
		schema:   cfg.Schema,
		timeout:  cfg.Timeout,
		now:      cfg.Now,
		calls:    outbound.New(dialects[cfg.Dialect].upstream, cfg.MeterProvider, cfg.TracerProvider),
	}, nil
}

// resourceForm is what is left of a host in a URL, by the rules of acsidentity.
var resourceForm = regexp.MustCompile(`^[a-z0-9._:\[\]-]+$`)

var schemaForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
