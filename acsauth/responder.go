package acsauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// defaultRetryAfter is what clients are told where nobody knows better.
const defaultRetryAfter = 5 * time.Second

// A responder writes the answers of the API: what an error looks like on the
// wire is decided here and nowhere else.
type responder struct {
	realm        string
	authorizeURL string // of a claims challenge
	clientID     string
	scope        string
	users        string // path of the users, if a Handler answers; else ""
	debug        bool   // tell the caller the chain of causes
	logger       *slog.Logger
}

type problem struct {
	Code       int      `json:"code"`
	Message    string   `json:"message"`
	Error      string   `json:"error"`
	RequestID  string   `json:"requestId"`
	Scopes     []string `json:"scopes,omitempty"`
	ClientID   string   `json:"clientId,omitempty"`
	StackTrace string   `json:"stack_trace,omitempty"`
}

// writeError answers with err, and logs what the caller is not told.
func (p responder) writeError(w http.ResponseWriter, r *http.Request, err error) {
	e := refusal(err)
	if RequestID(r.Context()) == "" { // nothing of this package is around
		r = r.WithContext(ContextWithRequestID(r.Context(), ""))
		w.Header().Set("X-Request-Id", RequestID(r.Context()))
	}
	answer := answers[e.Name]
	message := cmp.Or(e.Message, answer.message)
	if p.users != "" && e.advice != "" {
		message += " " + fmt.Sprintf(e.advice, p.users)
	}
	body := problem{Code: e.Status(), Message: message, Error: e.Name, RequestID: RequestID(r.Context())}
	if challenge := p.challenge(e, message); challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	if answer.retryAfter {
		wait := e.RetryAfter
		if wait <= 0 {
			wait = defaultRetryAfter
		}
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
	}
	if e.Name == "consent_required" {
		body.Scopes, body.ClientID = []string{p.defaultScope()}, p.clientID
	}
	if p.debug {
		body.StackTrace = causes(err)
	}
	p.log(r, e, message)
	writeJSON(w, body.Code, body)
}

// log tells the operator why a request was refused: loudly where the operator can
// do something about it. message is what the caller is told.
func (p responder) log(r *http.Request, e *Error, message string) {
	ctx, level := r.Context(), e.logLevel()
	if errors.Is(ctx.Err(), context.Canceled) {
		level = slog.LevelDebug // whoever hung up made the calls for them fail
	}
	if !p.logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.String("request_id", RequestID(ctx)), slog.String("error", e.Name), slog.Int("status", e.Status()), slog.String("reason", message)}
	if e.Err != nil {
		attrs = append(attrs, slog.String("cause", e.Err.Error()))
	}
	p.logger.LogAttrs(ctx, level, "request refused", attrs...)
}

// logLevel is error for what the operator must mend, warn for failures of upstreams
// and overload, which may pass, and debug for what callers do wrong.
func (e *Error) logLevel() slog.Level {
	status := e.Status()
	switch {
	case status == http.StatusInternalServerError:
		return slog.LevelError
	case status > http.StatusInternalServerError:
		return slog.LevelWarn
	case status == http.StatusTooManyRequests && e.Err != nil: // by an upstream, not by our own limit
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// writeJSON answers with body as JSON, in which <token> is to be read as such: no
// browser takes it for HTML, with this type and nosniff.
func writeJSON(w http.ResponseWriter, status int, body any) {
	buffer := httpx.TakeBuffer()
	defer httpx.GiveBuffer(buffer)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // all bodies are structs of texts and numbers
	}
	writeText(w, status, buffer.Bytes())
}

// writeText answers with what is JSON already.
func writeText(w http.ResponseWriter, status int, text []byte) {
	httpx.SetFields(w.Header(), noStore, noSniff, isJSON)
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever hung up needs no answer
}

// writeNothing answers with success, and that is all there is to say.
func writeNothing(w http.ResponseWriter) {
	httpx.SetFields(w.Header(), noStore, noSniff)
	w.WriteHeader(http.StatusNoContent)
}

// The first two are in the header of every answer.
var (
	noStore = httpx.Field{Name: "Cache-Control", Value: "no-store"}
	noSniff = httpx.Field{Name: "X-Content-Type-Options", Value: "nosniff"}
	isJSON  = httpx.Field{Name: "Content-Type", Value: "application/json; charset=utf-8"}
)
