package acsauth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// HandlerConfig says how a [Handler] works. The two required fields are
// Authenticator and Service. [NewHandler] copies it.
type HandlerConfig struct {
	// Authenticator finds out who is calling.
	Authenticator *Authenticator
	// Service does the work.
	Service *Service
	// Prefix is the path under which the endpoints are: segments of letters,
	// digits, hyphens, dots, underscores and tildes, each after a slash, such as
	// "/teams/api"; "/" puts them at the root. Default: "/api".
	Prefix string
	// Timeout bounds one request. Default: 30 seconds.
	Timeout time.Duration
	// UserRate is how many requests each user may make per second, in the long
	// run, and UserBurst how many at once; further ones are answered with 429
	// rate_limited. Users are told apart by verified tenant and object id, by each
	// Handler for itself, and at most 100,000 at a time: who has not been among the
	// latest 100,000 to call begins anew. Defaults: no limit, and twice UserRate.
	UserRate  float64
	UserBurst int
	// MaxConcurrent is how many requests may be under way at once; further ones
	// are answered with 503 overloaded, whatever they are. Default: any number.
	MaxConcurrent int
	// Now is the clock of UserRate. Default: time.Now.
	Now func() time.Time
	// Logger gets the panics of requests. Default: slog.Default().
	Logger *slog.Logger
	// Observe, if not nil, is called once for each request after its answer was
	// written, for an access log, say. The request waits for it, and many requests
	// call it at once. u is who called, the zero User if that is not known. err is
	// the error that was answered, nil after a success: compare it with nil before
	// assigning it to a variable of type error. ctx is the request's, with its id
	// ([RequestID]), its span and the values of outer handlers; if it was canceled,
	// the client hung up.
	Observe func(ctx context.Context, u User, err *Error)
	// Telemetry gets metrics and spans.
	Telemetry TelemetryConfig
}

// A Handler is the HTTP API (docs/endpoints.md): /user, /token, /token/teams and
// /token/revoke under its prefix. Mount it as it is:
//
//	mux.Handle("/api/", handler)
//
// It answers every other path under it with 404; an [http.ServeMux] before it
// redirects those that need cleaning, such as /api//user. CORS is not part of it: a
// handler around the mux answers preflights, and exposes WWW-Authenticate,
// Retry-After and X-Request-Id. Its error answers, status codes and headers are part
// of its contract. Make one with [NewHandler]. A Handler is safe for concurrent use.
type Handler struct {
	cfg      HandlerConfig
	routes   map[string]route
	serve    http.Handler
	answers  responder
	requests *observer
	users    *userLimit // nil: there is none
	underWay atomic.Int64
}

// A route is the endpoint at one path: a function for each method.
type route map[string]endpoint

// An endpoint answers one kind of request of a user, or returns why it cannot.
type endpoint struct {
	operation string // its name in metrics and spans
	public    bool   // needs no token
	// ctx is that of the request, with its span and its end.
	serve func(ctx context.Context, w http.ResponseWriter, r *http.Request, u User) error
}

// NewHandler checks the configuration, all mistakes at once.
func NewHandler(cfg HandlerConfig) (*Handler, error) {
	var mistakes []error
	cfg.Prefix = cmp.Or(cfg.Prefix, "/api")
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Authenticator == nil {
		mistakes = append(mistakes, errors.New("acsauth: Authenticator is required"))
	}
	if cfg.Service == nil {
		mistakes = append(mistakes, errors.New("acsauth: Service is required"))
	}
	if !isPlainPath(cfg.Prefix) {
		mistakes = append(mistakes, errors.New(`acsauth: Prefix must begin with a slash and must not end with one, such as /api, and needs no escaping or cleaning`))
	}
	if cfg.Timeout < 0 {
		mistakes = append(mistakes, errors.New("acsauth: Timeout must be positive"))
	}
	if cfg.UserRate < 0 || math.IsNaN(cfg.UserRate) || math.IsInf(cfg.UserRate, 0) {
		mistakes = append(mistakes, errors.New("acsauth: UserRate must be a positive number"))
	}
	if cfg.UserBurst < 0 || cfg.UserBurst > 0 && cfg.UserRate == 0 {
		mistakes = append(mistakes, errors.New("acsauth: UserBurst must be positive, and needs a UserRate"))
	}
	if cfg.MaxConcurrent < 0 {
		mistakes = append(mistakes, errors.New("acsauth: MaxConcurrent must be positive"))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	h := &Handler{cfg: cfg, requests: cfg.Telemetry.newObserver("acsauth.request", "How long requests to the API take.")}
	if cfg.UserRate > 0 {
		burst := cmp.Or(cfg.UserBurst, int(min(math.Ceil(2*cfg.UserRate), math.MaxInt32)))
		h.users = newUserLimit(cfg.UserRate, burst, cfg.Now)
	}
	prefix := strings.TrimSuffix(cfg.Prefix, "/")
	h.answers = cfg.Authenticator.responder
	h.answers.users = prefix + "/user"
	h.routes = map[string]route{
		prefix + "/user": {
			http.MethodGet:    {operation: "show_user", serve: h.getUser},
			http.MethodPost:   {operation: "create_user", serve: h.postUser},
			http.MethodDelete: {operation: "delete_user", serve: h.deleteUser},
		},
		prefix + "/token":        {http.MethodGet: {operation: "issue_token", serve: h.getToken}},
		prefix + "/token/teams":  {http.MethodGet: {operation: "exchange_teams_token", serve: h.getTeamsToken}},
		prefix + "/token/revoke": {http.MethodPost: {operation: "revoke_tokens", serve: h.postRevoke}},
	}
	h.serve = WithRequestID(http.HandlerFunc(h.serveRoute))
	return h, nil
}

// isPlainPath reports whether clients and muxes leave p as it is: unreserved
// characters of RFC 3986 section 2.3, and no segment that is empty or made of dots.
func isPlainPath(p string) bool {
	return strings.HasPrefix(p, "/") && path.Clean(p) == p && !strings.ContainsFunc(p, func(r rune) bool {
		return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("/-._~", r))
	})
}

// ServeHTTP answers a request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.serve.ServeHTTP(w, r) }

// Route returns the name of the endpoint that a path leads to, for logs and
// metrics: the path itself if there is one, or else "".
func (h *Handler) Route(path string) string {
	if _, ok := h.routes[path]; ok {
		return path
	}
	return ""
}

// serveRoute decides in the order of the contract: how much is under way, path,
// method, token, the user's rate, endpoint.
func (h *Handler) serveRoute(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
	defer cancel()
	v := visit{ctx: ctx}
	defer h.report(&v)
	defer h.recoverPanic(w, r, &v)
	admitted := h.enter()
	if admitted {
		defer h.underWay.Add(-1)
	}
	// Exactly: no cleaning, no redirect, no trailing slash, nothing encoded that need
	// not be.
	route := h.routes[r.URL.Path]
	if r.URL.RawPath != "" {
		route = nil
	}
	endpoint, ok := route[r.Method]
	switch {
	case !admitted:
		endpoint = noEndpoint(func(http.ResponseWriter) error { return standard("overloaded", nil) })
	case !ok:
		endpoint = noEndpoint(route.refuse)
	}
	v.err = h.requests.observe(ctx, endpoint.operation, func(ctx context.Context) error {
		return h.answer(ctx, w, r, endpoint, &v)
	})
	if v.err != nil {
		h.answers.writeError(w, r.WithContext(ctx), v.err)
	}
}

// enter counts a request as under way, unless there are too many. Refusals do not
// count: however many there are, they must not keep out those who would fit in.
func (h *Handler) enter() bool {
	if n := h.underWay.Add(1); h.cfg.MaxConcurrent == 0 || n <= int64(h.cfg.MaxConcurrent) {
		return true
	}
	h.underWay.Add(-1)
	return false
}

// answer lets an endpoint answer, or returns why it cannot.
func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, e endpoint, v *visit) error {
	v.ctx = ctx
	if e.public {
		return e.serve(ctx, w, r, User{})
	}
	u, err := h.cfg.Authenticator.authenticate(ctx, r.Header)
	v.user = u
	if err == nil && h.users != nil {
		err = h.users.admit(u.key())
	}
	if err == nil {
		err = e.serve(ctx, w, r, u)
	}
	if err != nil {
		v.identify(err)
		h.auditRefusal(ctx, e, v.user, err)
	}
	return err
}

// auditRefusal records who was not let in, or not allowed to do something. A Teams
// user's token that is refused counts, and a mapping: they may be forged, or somebody
// else's.
func (h *Handler) auditRefusal(ctx context.Context, e endpoint, u User, err error) {
	refused := refusal(err)
	status := refused.Status()
	if status == http.StatusUnauthorized || status == http.StatusForbidden || refused.Name == "invalid_teams_token" || refused.Name == "mapping_invalid" {
		h.cfg.Service.audit(ctx, "request_refused", u, "", slog.String("operation", e.operation), slog.String("error", refused.Name))
	}
}

// noEndpoint returns what answers requests that get to none, token or no token.
func noEndpoint(refuse func(w http.ResponseWriter) error) endpoint {
	return endpoint{operation: "none", public: true, serve: func(_ context.Context, w http.ResponseWriter, _ *http.Request, _ User) error { return refuse(w) }}
}

// refuse refuses a request without an endpoint.
func (r route) refuse(w http.ResponseWriter) error {
	if r == nil {
		return standard("not_found", nil)
	}
	w.Header().Set("Allow", r.allow())
	return standard("method_not_allowed", nil)
}

func (r route) allow() string {
	methods := make([]string, 0, len(r))
	for method := range r {
		methods = append(methods, method)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

func (h *Handler) recoverPanic(w http.ResponseWriter, r *http.Request, v *visit) {
	p := recover()
	if p == nil {
		return
	}
	v.err = standard("internal", nil)
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) { // net/http's own convention
		panic(p)
	}
	h.cfg.Logger.ErrorContext(r.Context(), "a request has panicked", "panic", httpx.PanicText(p), "stack", string(debug.Stack()), "request_id", w.Header().Get("X-Request-Id"))
	h.answers.writeError(w, r, v.err)
}
