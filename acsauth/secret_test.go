package acsauth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	const text = "eyJ-the-token"
	u := acsauth.User{Assertion: acsauth.NewSecret(text)}
	hidden := struct{ u acsauth.User }{u} // fmt calls no methods on unexported fields
	var shown strings.Builder
	for _, value := range []any{u, &u, u.Assertion, &u.Assertion, hidden, []acsauth.Secret{u.Assertion}, map[string]any{"u": u}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&shown, verb+"\n", value)
		}
		if marshalled, err := json.Marshal(value); err == nil {
			shown.Write(marshalled)
		}
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("a line", "user", u, "secret", u.Assertion, "hidden", hidden)
	}
	shown.Write(log.Bytes())
	for _, spelling := range []string{text, fmt.Sprintf("%x", text), fmt.Sprintf("%X", text), fmt.Sprint([]byte(text))} {
		if strings.Contains(shown.String(), spelling) {
			t.Errorf("the secret was shown as %q", spelling)
		}
	}
	if u.Assertion.Reveal() != text || !u.Assertion.Equal(acsauth.NewSecret(text)) || u.Assertion.Equal(acsauth.Secret{}) || (acsauth.Secret{}).Reveal() != "" {
		t.Error("Reveal or Equal is wrong")
	}
}
