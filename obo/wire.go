package obo

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// A wire is what MSAL sends its requests through, for one attempt. It answers
// the request for OpenID metadata itself, lets nothing pass but the one request
// to the token endpoint, and reads the answer before MSAL does: MSAL reports no
// suberror, claims or ids, and its errors repeat requests and answers, secrets
// and all.
type wire struct {
	client  *Client
	base    string // address of the tenant
	granted grant  // set when the token endpoint has answered with a token
}

// Do implements MSAL's HTTPClient.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	tokenEndpoint := w.base + "/oauth2/v2.0/token"
	address, _, _ := strings.Cut(r.URL.String(), "?")
	switch {
	case r.Method == http.MethodGet && address == w.base+"/v2.0/.well-known/openid-configuration":
		return jsonResponse(r, map[string]any{
			"issuer":                 w.base + "/v2.0",
			"authorization_endpoint": w.base + "/oauth2/v2.0/authorize",
			"token_endpoint":         tokenEndpoint,
		}), nil
	case r.Method == http.MethodPost && address == tokenEndpoint:
		return w.post(r)
	default:
		return nil, &Error{Kind: httpx.KindUnusable, Err: errors.New("MSAL asked for an address that it has no business with")}
	}
}

// CloseIdleConnections implements MSAL's HTTPClient. The connections outlive
// the attempt.
func (w *wire) CloseIdleConnections() {}

func (w *wire) post(r *http.Request) (*http.Response, error) {
	requestID := httpx.NewRequestID()
	r.Header.Set("client-request-id", requestID)
	r.Header.Set("User-Agent", httpx.UserAgent())
	r.Header.Set("Accept", "application/json")

	start := time.Now()
	status, failure := w.send(r)
	attrs := []slog.Attr{
		slog.Int("status", status),
		slog.Int64("duration_ms", time.Since(start).Milliseconds()),
		slog.String("client_request_id", requestID),
	}
	if failure != nil {
		if failure.CorrelationID == "" {
			failure.CorrelationID = requestID // which Microsoft Entra ID adopts
		}
		attrs = append(attrs, slog.String("failure", failure.Kind))
	}
	w.client.log.LogAttrs(r.Context(), slog.LevelDebug, "on-behalf-of token request", attrs...)
	if failure != nil {
		return nil, failure
	}
	// Only what makes an answer: MSAL would otherwise fail over a scope that is
	// spelt differently from the request, or over an id token nobody asked for.
	return jsonResponse(r, map[string]any{
		"token_type":   "Bearer",
		"access_token": w.granted.token,
		"expires_in":   int64(w.granted.validFor / time.Second),
	}), nil
}

// send returns the status, 0 if there was no answer.
func (w *wire) send(r *http.Request) (status int, failure *Error) {
	resp, err := w.client.http.Do(r)
	if err != nil {
		return 0, unreachable(r.Context(), err)
	}
	defer httpx.Drain(resp.Body)
	body, err := httpx.ReadBody(resp, httpx.MaxBody)
	if err != nil && !errors.Is(err, httpx.ErrBodyTooLarge) {
		return resp.StatusCode, unreachable(r.Context(), err)
	}
	if resp.StatusCode == http.StatusOK {
		if granted, ok := parseGrant(body); ok {
			w.granted = granted
			return resp.StatusCode, nil
		}
	}
	return resp.StatusCode, parseRefusal(body).failure(resp.StatusCode, resp.Header, w.client.now())
}

// parseGrant reads a successful answer (RFC 6749 section 5.1). The refresh token
// and the id token that come with it are left alone.
func parseGrant(body []byte) (grant, bool) {
	var g struct {
		TokenType   string      `json:"token_type"`
		AccessToken string      `json:"access_token"`
		ExpiresIn   json.Number `json:"expires_in"` // v1.0 endpoints quote it
	}
	if err := json.Unmarshal(body, &g); err != nil {
		return grant{}, false
	}
	seconds, err := g.ExpiresIn.Int64()
	const most = 366 * 24 * 60 * 60 // far above any real one, and no overflow
	if err != nil || seconds <= int64(earlyExpiry/time.Second) || seconds > most || !strings.EqualFold(g.TokenType, "Bearer") {
		return grant{}, false
	}
	if !syntax.IsVisible(g.AccessToken) { // and thus unfit for a header
		return grant{}, false
	}
	return grant{token: g.AccessToken, validFor: time.Duration(seconds) * time.Second}, true
}

func jsonResponse(r *http.Request, fields map[string]any) *http.Response {
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return &http.Response{
		Status:        "200 OK",
		StatusCode:    http.StatusOK,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       r,
	}
}
