package acsauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// HandlerConfig says how a [Handler] works. The two required fields are
// Authenticator and Service.
type HandlerConfig struct {
	// Authenticator finds out who is calling.
	Authenticator *Authenticator
	// Service does the work.
	Service *Service
	// Prefix is the path under which the endpoints are. It begins with a slash
	// and does not end with one; "/" puts them at the root. Default: "/api".
	Prefix string
	// Timeout bounds one request. Default: 30 seconds.
	Timeout time.Duration
	// Logger gets panics. Default: slog.Default().
	Logger *slog.Logger
	// Telemetry gets metrics and spans.
	Telemetry TelemetryConfig
}

// A Handler is the HTTP API (docs/endpoints.md): /user, /token, /token/teams and
// /token/revoke under its prefix. Mount it as it is:
//
//	mux.Handle("/api/", handler)
//
// It answers every other path under it with 404. Its error answers, status codes
// and headers are part of its contract. A Handler is safe for concurrent use.
type Handler struct {
	cfg      HandlerConfig
	routes   map[string]route
	serve    http.Handler
	requests *observer
}

// A route is the endpoint at one path: a function for each method.
type route map[string]endpoint

// An endpoint answers one kind of request of a user, or returns why it cannot.
type endpoint struct {
	operation string // its name in metrics and spans
	public    bool   // needs no token
	serve     func(w http.ResponseWriter, r *http.Request, u User) error
}

// NewHandler checks the configuration, all mistakes at once.
func NewHandler(cfg HandlerConfig) (*Handler, error) {
	var mistakes []error
	cfg.Prefix = cmp.Or(cfg.Prefix, "/api")
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.Logger = cmp.Or(cfg.Logger, slog.Default())
	if cfg.Authenticator == nil {
		mistakes = append(mistakes, errors.New("acsauth: Authenticator is required"))
	}
	if cfg.Service == nil {
		mistakes = append(mistakes, errors.New("acsauth: Service is required"))
	}
	if cfg.Prefix != "/" && (!strings.HasPrefix(cfg.Prefix, "/") || strings.HasSuffix(cfg.Prefix, "/")) {
		mistakes = append(mistakes, errors.New(`acsauth: Prefix must begin with a slash and must not end with one, such as /api`))
	}
	if cfg.Timeout < 0 {
		mistakes = append(mistakes, errors.New("acsauth: Timeout must be positive"))
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	h := &Handler{cfg: cfg, requests: cfg.Telemetry.newObserver("acsauth.request", "How long requests to the API take.")}
	prefix := strings.TrimSuffix(cfg.Prefix, "/")
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

// serveRoute decides in the order of the contract: path, method, token, endpoint.
func (h *Handler) serveRoute(w http.ResponseWriter, r *http.Request) {
	defer h.recoverPanic(w, r)
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
	defer cancel()
	// Exactly: no cleaning, no redirect, no trailing slash.
	route := h.routes[r.URL.Path]
	endpoint, ok := route[r.Method]
	if !ok {
		endpoint = route.refusal()
	}
	err := h.requests.observe(ctx, endpoint.operation, func(ctx context.Context) error {
		return h.answer(w, r.WithContext(ctx), endpoint)
	})
	if err != nil {
		h.cfg.Authenticator.WriteError(w, r.WithContext(ctx), err)
	}
}

// answer lets an endpoint answer, or returns why it cannot.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, e endpoint) error {
	if e.public {
		return e.serve(w, r, User{})
	}
	u, err := h.cfg.Authenticator.Authenticate(r)
	if err == nil {
		err = e.serve(w, r.WithContext(ContextWithUser(r.Context(), u)), u)
	}
	if err != nil {
		h.auditRefusal(r.Context(), e, u, err)
	}
	return err
}

// auditRefusal records who was not let in, or not allowed to do something.
func (h *Handler) auditRefusal(ctx context.Context, e endpoint, u User, err error) {
	if refused := refusal(err); refused.Status() == http.StatusUnauthorized || refused.Status() == http.StatusForbidden {
		h.cfg.Service.audit(ctx, "request_refused", u, "", slog.String("operation", e.operation), slog.String("error", refused.Name))
	}
}

// refusal returns what answers requests without an endpoint, token or no token.
func (r route) refusal() endpoint {
	return endpoint{operation: "none", public: true, serve: func(w http.ResponseWriter, _ *http.Request, _ User) error {
		if r == nil {
			return refuse("not_found", answers["not_found"].message)
		}
		w.Header().Set("Allow", r.allow())
		return refuse("method_not_allowed", answers["method_not_allowed"].message)
	}}
}

func (r route) allow() string {
	methods := make([]string, 0, len(r))
	for method := range r {
		methods = append(methods, method)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

func (h *Handler) recoverPanic(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http's own convention
		panic(p)
	}
	h.cfg.Logger.ErrorContext(r.Context(), "panic", "panic", fmt.Sprint(p), "stack", string(debug.Stack()), "request_id", w.Header().Get("X-Request-Id"))
	h.cfg.Authenticator.WriteError(w, r, refuse("internal", answers["internal"].message))
}
