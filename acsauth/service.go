package acsauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/lru"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

const (
	// DefaultMappingTTL is how long a mapping is remembered by default.
	DefaultMappingTTL = time.Minute
	// CleanupTime is what cleaning up after an operation that failed may take, besides
	// the Timeout of [ServiceConfig].
	CleanupTime = 8 * time.Second

	defaultCacheMaxEntries = 100_000
	defaultCacheMaxBytes   = 64 << 20
	leastCacheBytes        = 4 << 10 // room for a mapping and for an identity that was deleted

	// longestTimeout: an operation that was abandoned is repaired after that time.
	longestTimeout = time.Hour
)

// ServiceConfig says how a [Service] works. The two required fields are
// Identities and Mapper. [NewService] copies it.
type ServiceConfig struct {
	// Identities is the client of the ACS resource.
	Identities *acsidentity.Client
	// Mapper is the store of the mappings.
	Mapper IdentityMapper
	// Tokens are the scopes and the life of ACS tokens. Default: the scopes chat
	// and voip, and the life that ACS chooses, 24 hours.
	Tokens acsidentity.TokenOptions
	// ResourceID is the immutable id of the ACS resource, a GUID. It tells an
	// identity of another resource from one that is gone. That Identities is the client
	// of that resource is made sure of before anything counts as gone, if need be with
	// an identity that is created and deleted. Default: learned from the first
	// identity that ACS creates or accepts.
	ResourceID string
	// AutoProvision makes [Service.Token] create the identity on first use.
	AutoProvision bool
	// ReplaceForeign lets [Service.Create] replace, and [Service.Token] remove, a
	// mapping whose identity belongs to another ACS resource.
	ReplaceForeign bool
	// MappingTTL is how long [Service.Token] may use a mapping without asking the
	// store again. Default: [DefaultMappingTTL]. Negative: never.
	MappingTTL time.Duration
	// CacheMaxEntries and CacheMaxBytes bound what is remembered: mappings, and
	// for a minute the identities that were deleted, each in half of the room.
	// What has been used least recently goes first. The bytes include an
	// allowance for bookkeeping. Defaults: 100,000 entries and 64 MiB; at least 2
	// entries and 4 KiB.
	CacheMaxEntries int
	CacheMaxBytes   int64
	// Timeout bounds an operation that changes something, which goes on when its
	// caller goes away; cleaning up after it may take [CleanupTime] more. It waits for
	// the user's operation before it for at most half of that. Default: 15 seconds; at
	// most an hour.
	Timeout time.Duration
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// Logger gets reports of identities that may have been orphaned (level
	// error), and their beginnings (level info). Default: slog.Default().
	Logger *slog.Logger
	// Audit gets one event for every change and every token, and for every request
	// that a [Handler] refuses (docs/logging.md lists them). Default: Logger.
	Audit *slog.Logger
	// Telemetry gets metrics and spans.
	Telemetry TelemetryConfig
}

// A Service keeps one ACS identity for each user and issues its tokens. It needs
// no HTTP server, and is safe for concurrent use, by any number of processes over
// one store too.
//
// What it cannot do for a user it says with an [*Error], which wraps what the store
// or ACS said: one of the errors that [IdentityMapper] documents, a [Failure], an
// [*acsidentity.Error]. [Authenticator.WriteError] answers them all. If the mapped
// identity belongs to another ACS resource, its Name is mapping_invalid, and it wraps
// nothing. It wraps ctx's error if that ended first, while what has begun goes on. A
// [User] without a tenant or object id is refused (internal), and never served. Make
// one with [NewService].
type Service struct {
	cfg        ServiceConfig
	store      *store
	flights    *flights
	remembered *lru.Cache[string, string] // user key -> identity, for Token
	deleted    *lru.Cache[string, demise] // identities that somebody tried to delete
	resource   atomic.Pointer[string]     // the immutable id of ours, if it is known
	metrics    *serviceMetrics

	confirmed     atomic.Bool   // ACS itself has shown the resource to be ours
	misconfigured atomic.Bool   // ACS has shown that it is another
	confirming    chan struct{} // holds one if somebody is asking
}

// NewService checks the configuration, all mistakes at once, and does no I/O.
func NewService(cfg ServiceConfig) (*Service, error) {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	cfg.Tokens.Scopes = slices.Clone(cfg.Tokens.Scopes)
	if len(cfg.Tokens.Scopes) == 0 {
		cfg.Tokens.Scopes = []acsidentity.Scope{acsidentity.ScopeChat, acsidentity.ScopeVoIP}
	}
	cfg.ResourceID = strings.ToLower(cfg.ResourceID)
	cfg.MappingTTL = cmp.Or(cfg.MappingTTL, DefaultMappingTTL)
	cfg.CacheMaxEntries = cmp.Or(cfg.CacheMaxEntries, defaultCacheMaxEntries)
	cfg.CacheMaxBytes = cmp.Or(cfg.CacheMaxBytes, defaultCacheMaxBytes)
	cfg.Timeout = cmp.Or(cfg.Timeout, 15*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	cfg.Audit = cmp.Or(cfg.Audit, cfg.Logger)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}

	if cfg.Identities == nil {
		mistake("acsauth: Identities is required: the client of the ACS resource, made by acsidentity.New")
	}
	if cfg.Mapper == nil {
		mistake("acsauth: Mapper is required: the store of the mappings, such as one made by graphmap.New")
	}
	for _, err := range each(cfg.Tokens.Validate()) {
		mistake("acsauth: Tokens: %w", err)
	}
	if cfg.ResourceID != "" && !syntax.IsGUID(cfg.ResourceID) {
		mistake("acsauth: ResourceID must be the immutable id of the ACS resource, a GUID")
	}
	if cfg.CacheMaxEntries < 2 {
		mistake("acsauth: CacheMaxEntries must be at least 2")
	}
	if cfg.CacheMaxBytes < leastCacheBytes {
		mistake("acsauth: CacheMaxBytes must be at least %d", leastCacheBytes)
	}
	if cfg.Timeout < 0 || cfg.Timeout > longestTimeout {
		mistake("acsauth: Timeout must be positive, and at most %v", longestTimeout)
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}

	s := &Service{
		cfg:        cfg,
		store:      newStore(cfg.Mapper, cfg.Telemetry),
		flights:    newFlights(cfg.Timeout, cfg.Logger),
		remembered: lru.New[string, string](cfg.CacheMaxEntries/2, cfg.CacheMaxBytes/2, cfg.Now),
		deleted:    lru.New[string, demise](cfg.CacheMaxEntries/2, cfg.CacheMaxBytes/2, cfg.Now),
		confirming: make(chan struct{}, 1),
	}
	s.metrics = newServiceMetrics(s, cfg.Telemetry)
	if cfg.ResourceID != "" {
		s.resource.Store(&s.cfg.ResourceID)
	}
	return s, nil
}

// Close waits until every operation under way has ended, or for ctx to end, whose
// cause it then returns; new ones that could change something are refused with
// overloaded. A process that ends without it can leave identities behind that nobody
// knows.
func (s *Service) Close(ctx context.Context) error {
	s.metrics.end()
	return s.flights.close(ctx)
}

// Identity returns the user's ACS identity. It asks the store, and ACS nothing.
// The error wraps [ErrNotMapped] if there is none.
func (s *Service) Identity(ctx context.Context, u User) (acsID string, err error) {
	if err := u.check(); err != nil {
		return "", err
	}
	acsID, err = s.identity(ctx, u)
	return acsID, inWords(err)
}

func (s *Service) identity(ctx context.Context, u User) (acsID string, err error) {
	acsID, err = s.store.lookup(ctx, u)
	if err != nil {
		return "", err
	}
	if s.isDead(acsID) {
		return "", ErrNotMapped
	}
	if s.isForeign(acsID) {
		return "", errForeign
	}
	return acsID, nil
}

// remember lets Token use a mapping for some time without asking the store.
func (s *Service) remember(u User, acsID string) {
	if s.cfg.MappingTTL > 0 {
		s.remembered.Put(u.key(), acsID, int64(len(u.key())+len(acsID)), s.cfg.Now().Add(s.cfg.MappingTTL))
	}
}

func (s *Service) forget(u User) { s.remembered.Delete(u.key()) }

// each takes apart what errors.Join put together.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
