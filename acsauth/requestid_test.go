package acsauth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
)

// Without HTTP, too, an id leads from the log of a program to what Service did for it.
func TestRequestIDWithoutHTTP(t *testing.T) {
	t.Parallel()
	s := newAudited(t, withMemory)
	for _, test := range []struct {
		name, id string
		kept     bool
	}{
		{"well-formed", "job-7.a_b", true},
		{"as long as it may be", strings.Repeat("a", 64), true},
		{"too long", strings.Repeat("a", 65), false},
		{"empty", "", false},
		{"it could break a line", "a\nb", false},
		{"it begins with a hyphen", "-a", false},
	} {
		ctx := acsauth.ContextWithRequestID(t.Context(), test.id)
		got := acsauth.RequestID(ctx)
		if test.kept && got != test.id || !test.kept && uuid.Validate(got) != nil {
			t.Errorf("%s: %q becomes %q", test.name, test.id, got)
		}
		s.log.reset()
		s.audit.reset()
		u := acsauth.User{TenantID: s.TenantID, ObjectID: uuid.NewString()}
		if _, _, err := s.service.Create(ctx, u); err != nil {
			t.Fatal(err)
		}
		for where, lines := range map[string][]map[string]any{"audit": s.audit.lines("audit"), "report": s.log.lines("identity report opened")} {
			if len(lines) != 1 || lines[0]["request_id"] != got {
				t.Errorf("%s: the %s does not have the id %s: %v", test.name, where, got, lines)
			}
		}
	}
}

// What wraps a handler finds out at once that there is none.
func TestMiddlewareNeedsHandler(t *testing.T) {
	t.Parallel()
	authenticator := must(t, acsauth.NewAuthenticator, authConfig(startCloud(t)))
	for name, wrap := range map[string]func(http.Handler) http.Handler{"Require": authenticator.Require, "WithRequestID": acsauth.WithRequestID} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, name) {
					t.Errorf("%s(nil): panic %q", name, p)
				}
			}()
			wrap(nil)
		}()
	}
}
