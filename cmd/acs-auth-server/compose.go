package main

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/outbound"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// Parts are what the server is put together from.
type parts struct {
	authenticator *acsauth.Authenticator
	service       *acsauth.Service
	handler       *acsauth.Handler
	credentials   []*credential
	database      *database // nil: the store is none
	keyPair       *keyPair  // nil: plain HTTP
}

// Surroundings are what the parts share, and what is no setting.
type surroundings struct {
	client        *http.Client // nil: each part has one of its own
	logger, audit *slog.Logger
	meters        metric.MeterProvider // nil: OpenTelemetry's global one
	tracers       trace.TracerProvider // nil: OpenTelemetry's global one
}

// observe returns what observes the calls to an upstream.
func (around surroundings) observe(upstream string) *outbound.Observer {
	return outbound.New(upstream, around.meters, around.tracers)
}

// telemetry returns the providers that package acsauth reports to.
func (around surroundings) telemetry() acsauth.TelemetryConfig {
	return acsauth.TelemetryConfig{MeterProvider: around.meters, TracerProvider: around.tracers}
}

// compose makes the parts that s describes. It does no network I/O. If something
// is wrong it reports all of it, and what it returns must not be used.
func compose(s *settings, around surroundings, p *problems) parts {
	forOBO, forACS := chooseCredentials(s, around, p)
	made := parts{credentials: []*credential{forOBO, forACS}}
	made.authenticator = newAuthenticator(s, around, p)
	identities := newIdentities(s, forACS, around, p)
	var mapper acsauth.IdentityMapper
	switch s.mappingStore {
	case storeMemory:
		mapper = new(acsauth.MemoryMapper)
	case storeGraph:
		mapper = newGraphMapper(s, forOBO, around, p)
	default:
		resource := "unknown" // then nothing starts, but the address is looked at
		if identities != nil {
			resource = identities.Host()
		}
		if !p.has("MAPPING_STORE") {
			made.database = openDatabase(s, resource, around, p)
		}
		if made.database != nil {
			mapper = made.database.Mapper
		}
	}
	made.service = newService(s, identities, mapper, around, p)
	made.keyPair = openKeyPair(s, around, p)
	if p.any() {
		return made
	}
	handler, err := acsauth.NewHandler(acsauth.HandlerConfig{
		Authenticator: made.authenticator,
		Service:       made.service,
		Timeout:       s.requestTimeout,
		UserRate:      s.userRate.perSecond,
		UserBurst:     s.userRate.burst,
		MaxConcurrent: s.maxRequests,
		Logger:        around.logger,
		Observe:       observe,
		Telemetry:     around.telemetry(),
	})
	if err != nil {
		p.blame(err, map[string]string{
			"Timeout":       "REQUEST_TIMEOUT",
			"UserRate":      "RATE_LIMIT_PER_USER",
			"UserBurst":     "RATE_LIMIT_PER_USER",
			"MaxConcurrent": "MAX_CONCURRENT_REQUESTS",
		})
	}
	made.handler = handler
	return made
}

func newAuthenticator(s *settings, around surroundings, p *problems) *acsauth.Authenticator {
	authenticator, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{
		TenantID:            s.tenantID,
		ClientID:            s.clientID,
		AuthorityHost:       s.authorityHost,
		AllowedTenants:      s.allowedTenants,
		Audiences:           s.audiences,
		Scope:               s.requiredScope,
		AllowedClients:      s.allowedClients,
		TeamsClients:        s.teamsClients,
		TeamsClientsSetting: "TEAMS_CLIENT_IDS",
		DebugErrors:         s.debugErrors,
		HTTPClient:          around.client,
		Logger:              around.logger,
		Telemetry:           around.telemetry(),
	})
	if err != nil {
		p.blame(err, map[string]string{
			"TenantID":       "AZURE_TENANT_ID",
			"ClientID":       "AZURE_CLIENT_ID",
			"AuthorityHost":  "AZURE_AUTHORITY_HOST",
			"AllowedTenants": "ALLOWED_TENANTS",
			"Audiences":      "ALLOWED_AUDIENCES",
			"Scope":          "REQUIRED_SCOPE",
			"AllowedClients": "ALLOWED_CLIENT_IDS",
			"TeamsClients":   "TEAMS_CLIENT_IDS",
		})
	}
	return authenticator
}

func newIdentities(s *settings, c *credential, around surroundings, p *problems) *acsidentity.Client {
	cfg := acsidentity.Config{
		ConnectionString: s.acsConnectionString.Reveal(),
		Endpoint:         s.acsEndpoint,
		APIVersion:       s.acsAPIVersion,
		HTTPClient:       around.limited(s.maxPerUpstream),
		AttemptTimeout:   s.upstreamTimeout,
		Logger:           around.logger,
		MeterProvider:    around.meters,
		TracerProvider:   around.tracers,
	}
	if tokens := newSignIn(s, c, around, p); tokens != nil {
		cfg.Credential = acsidentity.BearerToken(tokens.token)
	}
	followAccessKey(s, &cfg, around)
	identities, err := acsidentity.New(cfg)
	if err != nil {
		p.blame(err, map[string]string{
			"Config needs":         "", // reported by settings.check
			"ConnectionString and": "", // as well
			"Credential":           "", // reported by chooseCredentials or newSignIn
			"ConnectionString":     "ACS_CONNECTION_STRING",
			"Endpoint":             "ACS_ENDPOINT",
			"APIVersion":           "ACS_API_VERSION",
			"AttemptTimeout":       "UPSTREAM_TIMEOUT",
		})
	}
	return identities
}

func newGraphMapper(s *settings, c *credential, around surroundings, p *problems) acsauth.IdentityMapper {
	cfg := graphmap.Config{
		BaseURL:        s.graphBaseURL,
		ExtensionName:  s.extensionName,
		AdoptUntil:     s.adoptUntil,
		HTTPClient:     around.limitedForSDK(s.maxPerUpstream),
		AttemptTimeout: s.upstreamTimeout,
		Logger:         around.logger,
		MeterProvider:  around.meters,
		TracerProvider: around.tracers,
		Unsigned: map[string]graphmap.Policy{
			unsignedRefuse: graphmap.RefuseUnsigned,
			unsignedAdopt:  graphmap.AdoptUnsigned,
			unsignedTrust:  graphmap.TrustUnsigned,
		}[s.unsignedMappings],
	}
	if s.dev {
		cfg.ReadLag = time.Millisecond // the embedded cloud does not lag
	}
	cfg.Keys = bytesOf(s.mappingKeys)
	followMappingKeys(s, &cfg, around)
	if tokens := newTokens(s, c, around, p); tokens != nil {
		cfg.Tokens = tokens
	}
	mapper, err := graphmap.New(cfg)
	if err != nil {
		p.blame(err, map[string]string{
			"Tokens":         "", // reported by newTokens
			"Keys":           "", // reported by mappingKeys or settings.check
			"BaseURL":        "GRAPH_BASE_URL",
			"Unsigned":       "GRAPH_UNSIGNED_MAPPINGS",
			"AdoptUntil":     "GRAPH_ADOPT_UNTIL",
			"AttemptTimeout": "UPSTREAM_TIMEOUT",
		})
		return nil
	}
	return mapper
}

// newTokens returns what exchanges users' tokens for Graph's, or nil.
func newTokens(s *settings, c *credential, around surroundings, p *problems) *obo.Client {
	var proof obo.Credential // none: reported already, unlike what else may be wrong
	setting := ""
	if c != nil {
		proof, setting = c.forOBO(), c.setting
	}
	tokens, err := obo.New(obo.Config{
		ClientID:        s.clientID,
		Credential:      proof,
		AuthorityHost:   s.authorityHost,
		Scopes:          []string{s.graphScope},
		HTTPClient:      around.limited(s.maxPerUpstream),
		Timeout:         2 * s.upstreamTimeout, // of which an attempt gets half
		CacheMaxEntries: s.tokenCache().entries,
		CacheMaxBytes:   s.tokenCache().bytes,
		Logger:          around.logger,
		MeterProvider:   around.meters,
		TracerProvider:  around.tracers,
	})
	if err != nil {
		p.blame(err, map[string]string{
			"ClientID":      "AZURE_CLIENT_ID",
			"Credential":    setting,
			"AuthorityHost": "AZURE_AUTHORITY_HOST",
			"Scopes[0]":     "GRAPH_SCOPE",
			"Timeout":       "UPSTREAM_TIMEOUT",
		})
		return nil
	}
	return tokens
}

func newService(s *settings, identities *acsidentity.Client, mapper acsauth.IdentityMapper, around surroundings, p *problems) *acsauth.Service {
	forTokens := s.tokenCache()
	cfg := acsauth.ServiceConfig{
		Identities:      identities,
		Mapper:          mapper,
		Tokens:          acsidentity.TokenOptions{ExpiresIn: s.acsTokenTTL},
		ResourceID:      s.acsResourceID,
		AutoProvision:   s.autoProvision,
		ReplaceForeign:  s.replaceForeign,
		MappingTTL:      s.mappingTTL,
		CacheMaxEntries: s.cacheMaxEntries - forTokens.entries,
		CacheMaxBytes:   s.cacheMaxBytes - forTokens.bytes,
		Timeout:         operationTimeout,
		Logger:          around.logger,
		Audit:           around.audit,
		Telemetry:       around.telemetry(),
	}
	if _, keepsJournal := mapper.(acsauth.JournalingMapper); !keepsJournal {
		cfg.Logger = withReports(cfg.Logger)
	}
	for _, scope := range s.acsTokenScopes {
		cfg.Tokens.Scopes = append(cfg.Tokens.Scopes, acsidentity.Scope(scope))
	}
	if s.mappingTTL == 0 {
		cfg.MappingTTL = -1 // never
	}
	service, err := acsauth.NewService(cfg)
	if err != nil {
		p.blame(err, map[string]string{
			"Identities":                     "", // reported by newIdentities
			"Mapper":                         "", // reported by newGraphMapper or openDatabase
			"Tokens: TokenOptions.Scopes":    "ACS_TOKEN_SCOPES",
			"Tokens: TokenOptions.ExpiresIn": "ACS_TOKEN_TTL",
			"ResourceID":                     "ACS_RESOURCE_ID",
		})
	}
	return service
}

// ready reports why requests cannot be served, without asking anybody. The names
// that it returns are for everybody.
func (made parts) ready() (lacking []string, err error) {
	var reasons []error
	if err := made.authenticator.Ready(); err != nil {
		lacking, reasons = append(lacking, "signing keys of Microsoft Entra ID"), append(reasons, err)
	}
	if err := made.database.ready(); err != nil {
		lacking, reasons = append(lacking, "mapping store"), append(reasons, err)
	}
	for _, c := range made.credentials {
		if err := c.present(); err != nil {
			lacking, reasons = append(lacking, "credential of the app"), append(reasons, err)
			break
		}
	}
	return lacking, errors.Join(reasons...)
}
