package acsidentity_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
)

// What went wrong with a connection is told, but not what passed over it.
func TestConnectionCause(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"no connection":         {fmt.Errorf("s3cret: %w", dial), "dial tcp: connection refused"},
		"cut off":               {fmt.Errorf("s3cret: %w", io.ErrUnexpectedEOF), "unexpected EOF"},
		"out of time":           {fmt.Errorf("s3cret: %w", context.DeadlineExceeded), "context deadline exceeded"},
		"a malformed answer":    {errors.New(`malformed HTTP response "s3cret"`), "the connection failed before the answer was complete"},
		"HTTP/2, on leaving":    {errors.New(`http2: server sent GOAWAY, debug="s3cret"`), "the connection failed before the answer was complete"},
		"a failure of our own":  {ownError{}, "too much at once"},
		"one that is wrapped":   {fmt.Errorf("in all: %w", ownError{}), "too much at once"},
		"of the other side too": {fmt.Errorf("s3cret: %w", io.EOF), "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := mustNew(t, acsidentity.Config{
				Endpoint: "https://h.example", Credential: acsidentity.AccessKey(key), MaxRetries: -1,
				HTTPClient: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, test.err })},
			})
			err := client.DeleteIdentity(t.Context(), userID)
			if text := err.Error(); !strings.HasSuffix(text, ": "+test.want) || strings.Contains(text, "s3cret") || strings.Contains(text, "h.example") {
				t.Errorf("%s; want %s", text, test.want)
			}
		})
	}
}

type ownError struct{}

func (ownError) Error() string       { return "too much at once" }
func (ownError) FailureKind() string { return "unavailable" }

// A code is told only if it looks like one: services may repeat what was
// sent to them.
func TestCodesLookLikeCodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"IdentityNotOwned": "IdentityNotOwned", "400.1-x_y": "400.1-x_y",
		userID: "", "ada@contoso.example": "", "a code": "", `a"b`: "", strings.Repeat("x", 200): "",
	} {
		err := answering(t, 400, fmt.Sprintf(`{"error":{"code":%q}}`, code)).DeleteIdentity(t.Context(), userID)
		var refused *acsidentity.Error
		if !errors.As(err, &refused) || refused.Code != want {
			t.Errorf("%s: %v", code, err)
		}
	}
}
