package main

import (
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// Settings are what the server is put together from, after their defaults have
// been filled in. See the tables for what they mean.
type settings struct {
	dev     bool              // everything is on this machine
	origins map[string]origin // of what is in force, by setting

	// Microsoft Entra ID
	tenantID, clientID string
	clientSecret       acsauth.Secret
	certificatePath    string
	federatedTokenFile string
	managedIdentity    string
	oboCredential      string
	cloud              string
	authorityHost      string
	federationAudience string
	requiredScope      string
	audiences          []string
	allowedClients     []string
	allowedTenants     []string

	// Azure Communication Services
	acsConnectionString acsauth.Secret
	acsEndpoint         string
	acsCredential       string
	acsEntraScope       string
	acsResourceID       string
	acsTokenScopes      []string
	acsTokenTTL         time.Duration
	acsAPIVersion       string
	teamsClients        []string

	// Mapping
	mappingStore     string         // its kind
	storeAddress     acsauth.Secret // of a database
	graphBaseURL     string
	graphScope       string
	extensionName    string
	mappingKeys      []acsauth.Secret
	unsignedMappings string
	adoptUntil       time.Time
	mappingTTL       time.Duration
	autoProvision    bool
	replaceForeign   bool

	// Server
	listenAddr, port string
	adminAddr        string // "": there is no second listener
	metrics          bool   // on the main listener
	tlsCertFile      string // "": plain HTTP
	tlsKeyFile       string
	corsOrigins      []string
	userRate         userRate
	maxRequests      int // at once
	maxPerUpstream   int // outbound calls at once
	requestTimeout   time.Duration
	upstreamTimeout  time.Duration
	cacheMaxEntries  int
	cacheMaxBytes    int64
	logLevel         slog.Level
	logFormat        string
	auditLog         string    // where to: auditStderr, auditStdout or a path
	stdout           io.Writer // no setting: what auditStdout is
	debugErrors      bool
	shutdownDelay    time.Duration
	shutdownTimeout  time.Duration

	otel otelVariables // no settings of ours
}

// operationTimeout bounds an operation of acsauth.Service, and longestOperation is how
// long one may go on after its caller has gone away.
const (
	operationTimeout = 15 * time.Second
	longestOperation = operationTimeout + acsauth.CleanupTime
)

// complete fills in the defaults that depend on other settings.
func (s *settings) complete() {
	preset, ok := clouds[s.cloud]
	if !ok {
		preset = clouds[cloudPublic] // so that nothing is reported but AZURE_CLOUD
	}
	s.infer("AZURE_AUTHORITY_HOST", &s.authorityHost, preset.authorityHost, "AZURE_CLOUD")
	s.federationAudience = preset.federationAudience
	s.infer("GRAPH_BASE_URL", &s.graphBaseURL, preset.graphBaseURL, "AZURE_CLOUD")
	s.infer("GRAPH_SCOPE", &s.graphScope, preset.graphScope, "AZURE_CLOUD")
	s.infer("ACS_ENTRA_SCOPE", &s.acsEntraScope, preset.acsEntraScope, "AZURE_CLOUD")
	// These two follow in acsauth.
	if len(s.teamsClients) == 0 {
		s.inferred("TEAMS_CLIENT_IDS", s.clientID, "AZURE_CLIENT_ID")
	}
	if len(s.allowedTenants) == 0 {
		s.inferred("ALLOWED_TENANTS", s.tenantID, "AZURE_TENANT_ID")
	}
	host := ""
	if s.dev {
		host = "127.0.0.1"
	}
	s.infer("LISTEN_ADDR", &s.listenAddr, net.JoinHostPort(host, s.port), "PORT")
}

// tokenCache is the part of the caches that is for exchanged tokens: half of the
// entries, as each user takes one there and one for the mapping, and most of the
// bytes, as tokens are long. A store of another kind than Graph needs none.
func (s *settings) tokenCache() (share struct {
	entries int
	bytes   int64
}) {
	if s.mappingStore == storeGraph {
		share.entries, share.bytes = s.cacheMaxEntries/2, s.cacheMaxBytes/8*7
	}
	return share
}

// check reports settings that do not go together.
func (s *settings) check(p *problems) {
	switch connectionString := s.acsConnectionString.Reveal() != ""; {
	case connectionString && s.acsEndpoint != "":
		p.addFirst("ACS_ENDPOINT", "is set, and so is ACS_CONNECTION_STRING, which names an endpoint itself: remove one of them")
	case !connectionString && s.acsEndpoint == "":
		p.addFirst("ACS_CONNECTION_STRING", "is missing: set it, or set ACS_ENDPOINT to sign in to ACS with Microsoft Entra ID")
	case s.acsEndpoint != "" && s.acsEntraScope == "":
		p.addFirst("ACS_ENTRA_SCOPE", "is missing: outside the public cloud ACS_ENDPOINT needs it")
	}
	if s.mappingStore == storeGraph {
		s.checkSigning(p)
	}
	if s.shutdownTimeout <= s.shutdownDelay+longestOperation {
		p.addFirst("SHUTDOWN_TIMEOUT", "must be more than SHUTDOWN_DELAY and %s together: the latter is how long it can take to finish an operation that has begun", longestOperation)
	}
	if (s.tlsCertFile == "") != (s.tlsKeyFile == "") {
		missing, present := "TLS_KEY_FILE", "TLS_CERT_FILE"
		if s.tlsCertFile == "" {
			missing, present = present, missing
		}
		p.addFirst(missing, "is missing: %s needs it", present)
	}
	if !p.has("LISTEN_ADDR") && !p.has("PORT") && collide(s.listenAddr, s.adminAddr) {
		p.addFirst("ADMIN_ADDR", "must have another port than LISTEN_ADDR: one of the two could not listen")
	}
	if s.dev && s.adminAddr != "" && !isLoopback(s.adminAddr) {
		p.addFirst("ADMIN_ADDR", "must be a loopback address with -dev, such as 127.0.0.1:5050")
	}
	if s.dev && !isLoopback(s.listenAddr) {
		p.addFirst("LISTEN_ADDR", "must be a loopback address with -dev, such as 127.0.0.1:5000: its debug errors and ready-made tokens are for this machine only")
	}
}

// checkSigning says it in the words of the settings, where graphmap.New would
// speak of its Config.
func (s *settings) checkSigning(p *problems) {
	if p.has("GRAPH_UNSIGNED_MAPPINGS") {
		return
	}
	adopt := s.unsignedMappings == unsignedAdopt
	switch {
	case s.unsignedMappings == unsignedTrust && len(s.mappingKeys) > 0:
		p.addFirst("GRAPH_UNSIGNED_MAPPINGS", "must not be trust with GRAPH_MAPPING_KEYS, which nobody would look at: remove one of them, or use adopt for a time")
	case s.unsignedMappings != unsignedTrust && len(s.mappingKeys) == 0:
		p.addFirst("GRAPH_MAPPING_KEYS", "is missing: make a key with `openssl rand -base64 32`, and set it on every replica.\n"+
			"Without keys there is GRAPH_UNSIGNED_MAPPINGS=trust, at a risk: users can write their own Graph extension,\n"+
			"and whoever puts the ACS identity of somebody else there gets its tokens, and can have it deleted")
	}
	if adopt && s.adoptUntil.IsZero() {
		p.addFirst("GRAPH_ADOPT_UNTIL", "is missing: GRAPH_UNSIGNED_MAPPINGS=adopt trusts what users may have written themselves, so it must end")
	}
	if !adopt && !s.adoptUntil.IsZero() {
		p.addFirst("GRAPH_ADOPT_UNTIL", "has a meaning only with GRAPH_UNSIGNED_MAPPINGS=adopt")
	}
}

// scheme is that of the server's addresses.
func (s *settings) scheme() string {
	if s.tlsCertFile != "" {
		return "https"
	}
	return "http"
}

// collide reports whether two listeners cannot have these addresses at once.
func collide(one, other string) bool {
	host1, port1, err1 := net.SplitHostPort(one)
	host2, port2, err2 := net.SplitHostPort(other)
	number1, _ := strconv.ParseUint(port1, 10, 16)
	number2, _ := strconv.ParseUint(port2, 10, 16)
	if err1 != nil || err2 != nil || number1 != number2 || number1 == 0 {
		return false
	}
	ip1, ip2 := net.ParseIP(host1), net.ParseIP(host2)
	everywhere := func(host string, ip net.IP) bool { return host == "" || ip != nil && ip.IsUnspecified() }
	switch {
	case everywhere(host1, ip1) || everywhere(host2, ip2) || host1 == host2:
		return true
	case ip1 != nil && ip2 != nil:
		return ip1.Equal(ip2)
	}
	return false // names: only the resolver knows
}

// isLoopback reports whether only this machine can reach a listener at addr.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
