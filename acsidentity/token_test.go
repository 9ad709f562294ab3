package acsidentity_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

func TestTokenOptions(t *testing.T) {
	t.Parallel()
	scopes := func(s ...acsidentity.Scope) []acsidentity.Scope { return s }
	for _, tt := range []struct {
		options acsidentity.TokenOptions
		want    string // part of the error; empty: none
	}{
		{acsidentity.TokenOptions{Scopes: scopes("chat")}, ""},
		{acsidentity.TokenOptions{Scopes: scopes(acsidentity.ScopeChat, acsidentity.ScopeVoIP, acsidentity.ScopeChatJoin, acsidentity.ScopeChatJoinLimited, acsidentity.ScopeVoIPJoin)}, ""},
		{acsidentity.TokenOptions{Scopes: scopes("something.newer_2")}, ""},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: time.Hour}, ""},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: 61 * time.Minute}, ""},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: 24 * time.Hour}, ""},

		{acsidentity.TokenOptions{}, "Scopes is empty"},
		{acsidentity.TokenOptions{Scopes: scopes("")}, "is not a scope"},
		{acsidentity.TokenOptions{Scopes: scopes("chat,voip")}, "is not a scope"},
		{acsidentity.TokenOptions{Scopes: scopes("chat voip")}, "is not a scope"},
		{acsidentity.TokenOptions{Scopes: scopes(" chat")}, "is not a scope"},
		{acsidentity.TokenOptions{Scopes: scopes("chat\n")}, "is not a scope"},
		{acsidentity.TokenOptions{Scopes: scopes("chat..join")}, "is not a scope"},
		{acsidentity.TokenOptions{Scopes: scopes("voip", "chat", "voip")}, "voip more than once"},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: 59 * time.Minute}, "ExpiresIn is 59m0s"},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: 24*time.Hour + time.Minute}, "ExpiresIn is 24h1m0s"},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: time.Hour + time.Second}, "ExpiresIn is 1h0m1s"},
		{acsidentity.TokenOptions{Scopes: scopes("voip"), ExpiresIn: -time.Hour}, "ExpiresIn is -1h0m0s"},
		{acsidentity.TokenOptions{ExpiresIn: 1}, "Scopes is empty"},
		{acsidentity.TokenOptions{ExpiresIn: 1}, "ExpiresIn is 1ns"},
	} {
		err := tt.options.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%+v: %v, want %q", tt.options, err, tt.want)
		}
	}
}

func TestTokensDoNotPrint(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	token := acsidentity.AccessToken{Token: secret, ExpiresOn: expiresOn}
	exchange := acsidentity.TeamsExchange{Token: secret, AppID: "app", UserID: "user"}
	for _, value := range []any{token, &token, []any{token}, struct{ T acsidentity.AccessToken }{token}, exchange, &exchange, struct{ X acsidentity.TeamsExchange }{exchange}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, secret) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", secret)) {
				t.Errorf("%s of %T prints the token: %s", verb, value, text)
			}
		}
	}
	var log strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("", "token", token, "exchange", exchange)
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("slog prints the token: %s", &log)
	}
	if want := "[redacted] until 2025-04-14T17:32:27Z"; token.String() != want {
		t.Errorf("AccessToken prints as %s", token)
	}
	// A server hands the token out as JSON.
	if b, err := json.Marshal(token); err != nil || !strings.Contains(string(b), secret) {
		t.Errorf("as JSON: %s, %v", b, err)
	}
}
