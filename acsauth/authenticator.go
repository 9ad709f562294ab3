package acsauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// DefaultAuthorityHost is where the public cloud's Microsoft Entra ID lives.
const DefaultAuthorityHost = "https://login.microsoftonline.com"

// maxSkew is the largest allowance for clocks that differ, and the default.
const maxSkew = 5 * time.Minute

// AuthenticatorConfig says which access tokens an [Authenticator] accepts. The
// two required fields are TenantID and ClientID. [NewAuthenticator] copies it.
type AuthenticatorConfig struct {
	// TenantID is the directory (tenant) id of the API's app registration, or
	// one of the tenant's verified domains, which is resolved when the signing
	// keys are loaded.
	TenantID string
	// ClientID is the API's application (client) id.
	ClientID string
	// AuthorityHost is the address of Microsoft Entra ID, for national clouds.
	// Default: [DefaultAuthorityHost].
	AuthorityHost string
	// AllowedTenants are the tenant ids whose users may call, for a multi-tenant
	// app. Default: TenantID alone. The single entry "*" admits every tenant on
	// earth.
	AllowedTenants []string
	// Audiences are accepted besides ClientID and "api://" + ClientID, such as
	// another App ID URI of the app.
	Audiences []string
	// Scope is the delegated permission that every token must carry. Default:
	// "access_as_user".
	Scope string
	// AllowedClients are the application ids that may call. Default: any.
	AllowedClients []string
	// TeamsClients are the application ids whose Teams users' tokens may be
	// exchanged. Default: ClientID.
	TeamsClients []string
	// TeamsClientsSetting is what operators of the program know TeamsClients as. It is
	// named where the token of another application is refused. Default: "TeamsClients".
	TeamsClientsSetting string
	// ClockSkew is how far clocks may differ: more than 0, at most 5 minutes.
	// Default: 5 minutes.
	ClockSkew time.Duration
	// Realm names the protected space in WWW-Authenticate headers. It must not
	// hold quotes, backslashes, commas, percent signs or anything but ASCII.
	// Default: "acs".
	Realm string
	// DebugErrors adds the chain of causes to error answers: the texts of this
	// module's own errors, which hold no secrets, and of others the type. For
	// development only: it tells callers what is behind the API.
	DebugErrors bool
	// HTTPClient fetches the signing keys. It is copied, and the copy follows no
	// redirects. Default: a client of this module's own.
	HTTPClient *http.Client
	// Now tells the time. Default: time.Now.
	Now func() time.Time
	// Logger gets refused requests (level debug; warn where something that this
	// server depends on failed, and error for what an operator must mend) and
	// key changes. Default: slog.Default().
	Logger *slog.Logger
	// Telemetry gets metrics and spans.
	Telemetry TelemetryConfig
}

// An Authenticator checks access tokens of Microsoft Entra ID, v1.0 and v2.0,
// and finds out which [User] they stand for. It is safe for concurrent use.
//
// It accepts a token only if it is signed (RS256) with a current key of the
// authority that may sign for the token's tenant, names this API as its audience
// and an allowed tenant and issuer, is valid now, stands for a user, and carries
// the scope.
type Authenticator struct {
	cfg       AuthenticatorConfig
	authority string // scheme and host
	audiences []string
	keys      *keyring
	checks    *observer
	responder responder
}

// NewAuthenticator checks the configuration, all mistakes at once, and does no
// I/O: [Authenticator.Run], or else the first request, loads the signing keys.
func NewAuthenticator(cfg AuthenticatorConfig) (*Authenticator, error) {
	var mistakes []error
	mistake := func(format string, args ...any) { mistakes = append(mistakes, fmt.Errorf(format, args...)) }

	cfg.TenantID, cfg.ClientID = strings.ToLower(cfg.TenantID), strings.ToLower(cfg.ClientID)
	cfg.AllowedTenants = lowered(cfg.AllowedTenants)
	cfg.AllowedClients = lowered(cfg.AllowedClients)
	cfg.TeamsClients = lowered(cfg.TeamsClients)
	cfg.AuthorityHost = cmp.Or(cfg.AuthorityHost, DefaultAuthorityHost)
	cfg.Scope = cmp.Or(cfg.Scope, "access_as_user")
	cfg.ClockSkew = cmp.Or(cfg.ClockSkew, maxSkew)
	cfg.TeamsClientsSetting = cmp.Or(cfg.TeamsClientsSetting, "TeamsClients")
	cfg.Realm = cmp.Or(cfg.Realm, "acs")
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}

	if !syntax.IsGUID(cfg.TenantID) && !isDomain(cfg.TenantID) {
		mistake("acsauth: TenantID must be a tenant id such as 72f988bf-86f1-41af-91ab-2d7cd011db47 or a verified domain such as contoso.onmicrosoft.com")
	}
	if !syntax.IsGUID(cfg.ClientID) {
		mistake("acsauth: ClientID must be an application (client) id, a GUID")
	}
	authority, err := httpx.ParseBaseURL(cfg.AuthorityHost)
	if err != nil {
		mistake("acsauth: AuthorityHost %w", err)
	} else if authority.Path != "" {
		mistake("acsauth: AuthorityHost must not have a path: the tenant has its own setting")
	}
	if slices.Contains(cfg.AllowedTenants, "*") && len(cfg.AllowedTenants) > 1 {
		mistake(`acsauth: AllowedTenants is either "*" or a list of tenant ids`)
	}
	if !all(cfg.AllowedTenants, func(s string) bool { return s == "*" || syntax.IsGUID(s) }) {
		mistake("acsauth: AllowedTenants must be tenant ids, GUIDs")
	}
	if !all(cfg.AllowedClients, syntax.IsGUID) {
		mistake("acsauth: AllowedClients must be application (client) ids, GUIDs")
	}
	if !all(cfg.TeamsClients, syntax.IsGUID) {
		mistake("acsauth: TeamsClients must be application (client) ids, GUIDs")
	} else if len(cfg.TeamsClients) == 0 {
		cfg.TeamsClients = []string{cfg.ClientID}
	}
	if slices.Contains(cfg.Audiences, "") {
		mistake("acsauth: Audiences must not hold an empty one")
	}
	if !isScope(cfg.Scope) {
		mistake("acsauth: Scope must be the short name of one permission, such as access_as_user, without the resource before it")
	}
	if cfg.ClockSkew < 0 || cfg.ClockSkew > maxSkew {
		mistake("acsauth: ClockSkew must be more than 0 and at most %v", maxSkew)
	}
	if cfg.Realm != plain(cfg.Realm) || strings.ContainsAny(cfg.Realm, ",") {
		mistake("acsauth: Realm must not hold quotes, backslashes, commas, percent signs or non-ASCII characters")
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}

	a := &Authenticator{
		cfg:       cfg,
		authority: authority.String(),
		audiences: append([]string{cfg.ClientID, "api://" + cfg.ClientID}, cfg.Audiences...),
	}
	a.responder = responder{
		realm:        cfg.Realm,
		authorizeURL: a.authority + "/common/oauth2/v2.0/authorize",
		clientID:     cfg.ClientID,
		scope:        cfg.Scope,
		debug:        cfg.DebugErrors,
		logger:       cfg.Logger,
	}
	client := cfg.Telemetry.outbound("entra").Client(httpx.Harden(cfg.HTTPClient))
	a.keys = newKeyring(a.authority, a.metadataTenant(), client, cfg.Now, cfg.Logger)
	a.checks = cfg.Telemetry.newObserver("acsauth.verify", "How long it takes to check an access token, fetching signing keys included.")
	observeKeys(a.keys, cfg.ClientID, cfg.Telemetry)
	return a, nil
}

// metadataTenant names the tenant whose metadata and keys are loaded: one's own,
// or what Entra calls common where users of several may call.
func (a *Authenticator) metadataTenant() string {
	if len(a.cfg.AllowedTenants) == 0 || slices.Equal(a.cfg.AllowedTenants, []string{a.cfg.TenantID}) {
		return a.cfg.TenantID
	}
	return "common"
}

// Run loads the signing keys, again and again until that succeeds, and refreshes
// them every hour. It returns when ctx ends, with the context's cause. Without
// Run the keys are loaded and refreshed when requests need them.
func (a *Authenticator) Run(ctx context.Context) error { return a.keys.run(ctx) }

// Ready returns nil if the signing keys are there, and otherwise an error that
// says why tokens cannot be checked. It does no I/O.
func (a *Authenticator) Ready() error { return a.keys.ready() }

// Verify checks an access token and returns its user. The error is an [*Error]:
// invalid_token, user_token_required, client_not_allowed, insufficient_scope, or
// keys_unavailable. It asks nobody while there are keys that it can use, or else waits
// up to 3 seconds for those that are being fetched.
func (a *Authenticator) Verify(ctx context.Context, token string) (u User, err error) {
	check := a.checks.begin(ctx, "")
	err = errPanicked
	defer func() { check.end(err) }()
	return a.verify(check.ctx, token)
}

func (a *Authenticator) verify(ctx context.Context, token string) (User, error) {
	if len(token) > maxToken {
		return User{}, refuse("invalid_token", "The access token is longer than 16 KiB.")
	}
	compact, err := jose.ParseCompact(token)
	if err != nil {
		return User{}, notCompact(err)
	}
	if err := a.checkHeader(compact.Header); err != nil {
		return User{}, err
	}
	key, err := a.keys.get(ctx, compact.Header.KeyID)
	if err != nil {
		return User{}, err
	}
	payload, err := compact.Verify(key.Public)
	if err != nil {
		return User{}, &Error{Name: "invalid_token", Message: "The access token's signature is not valid.", Err: detail{err}}
	}
	c, err := parseClaims(payload)
	if err != nil {
		return User{}, &Error{Name: "invalid_token", Message: "The access token's claims are malformed.", Err: detail{err}}
	}
	if err := a.checkClaims(c, key.Issuer); err != nil {
		return User{}, err
	}
	u := c.user()
	if refused := a.checkPolicy(c, u); refused != nil {
		genuine := u // only what is refused takes memory
		refused.user = &genuine
		return User{}, refused
	}
	u.Assertion = NewSecret(token)
	return u, nil
}

// Authenticate checks the access token in a request's Authorization header. The
// error is an [*Error]: besides those of [Authenticator.Verify] missing_token or
// invalid_request.
func (a *Authenticator) Authenticate(r *http.Request) (User, error) {
	return a.authenticate(r.Context(), r.Header)
}

func (a *Authenticator) authenticate(ctx context.Context, h http.Header) (User, error) {
	token, err := bearerToken(h)
	if err != nil {
		return User{}, err
	}
	u, err := a.Verify(ctx, token)
	if err != nil && !isToken68(token) { // which a good token is
		err = badHeader(notOneToken)
	}
	return u, err
}

// Require lets a request through to h if it carries an acceptable access token,
// with the user in its context ([UserFromContext]); otherwise it answers itself,
// as the HTTP API does. It panics if h is nil.
func (a *Authenticator) Require(h http.Handler) http.Handler {
	if h == nil {
		panic("acsauth: Require needs a handler")
	}
	return WithRequestID(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, err := a.Authenticate(r)
		if err != nil {
			a.WriteError(w, r, err)
			return
		}
		h.ServeHTTP(w, r.WithContext(ContextWithUser(r.Context(), u)))
	}))
}

// WriteError answers a request with err the way the HTTP API does: status, error
// name, message, WWW-Authenticate and Retry-After. It is for handlers of one's
// own behind [Authenticator.Require] that call [Service]. Nothing of err's text
// reaches the caller, unless it is an [*Error], whose Message does.
func (a *Authenticator) WriteError(w http.ResponseWriter, r *http.Request, err error) {
	a.responder.writeError(w, r, err)
}

func isDomain(s string) bool {
	u, err := url.Parse("https://" + s)
	return err == nil && u.Host == s && u.Port() == "" && strings.Contains(s, ".") && !strings.ContainsAny(s, ":[]{}")
}

// isScope reports whether s is one scope-token of RFC 6749 section 3.3 that needs
// no escaping in a header. One with its resource before it is what clients ask for,
// and not what tokens carry.
func isScope(s string) bool {
	resource, _, _ := strings.Cut(s, "/")
	return s != "" && s == plain(s) && !strings.ContainsAny(s, " ,") && !strings.Contains(s, "://") && !syntax.IsGUID(resource)
}

func lowered(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strings.ToLower(strings.TrimSpace(s))
	}
	return out
}

func all(list []string, ok func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !ok(s) })
}
