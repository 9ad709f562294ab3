package acsidentity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// EntraScope is the scope of the Microsoft Entra access tokens that ACS accepts
// in the public cloud. Both slashes are needed: the audience ends with one.
const EntraScope = "https://communication.azure.com//.default"

// A Credential authenticates the calls to an ACS resource. Make one with
// [AccessKey], [AccessKeyFunc] or [BearerToken]; [New] refuses the zero value
// and one made from something unusable.
//
// It keeps its secret in a function, out of the reach of fmt, log/slog and
// encoding/json.
type Credential struct {
	// authorize adds the headers that authenticate req, whose body is body. It
	// is called for every attempt, since a signature holds the time.
	authorize func(ctx context.Context, req *http.Request, body []byte, now time.Time) error
	err       error // why authorize is missing
}

func (c Credential) isZero() bool { return c.authorize == nil && c.err == nil }

// AccessKey returns a credential that signs each request with an access key of
// the resource, given in base64 as the Azure portal shows it.
//
// The scheme is described in
// https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial.
func AccessKey(base64Key string) Credential {
	key, err := decodeKey(base64Key)
	if err != nil {
		return Credential{err: err}
	}
	return Credential{authorize: func(_ context.Context, req *http.Request, body []byte, now time.Time) error {
		sign(req, body, key, now)
		return nil
	}}
}

// AccessKeyFunc is [AccessKey] for a key that can change while the program runs.
// key is asked before every attempt, so it should remember what it fetched, and
// may be called by several goroutines at once. Its errors are treated as those
// of the function given to [BearerToken].
func AccessKeyFunc(key func(context.Context) (base64Key string, err error)) Credential {
	if key == nil {
		return Credential{err: errors.New("the function given to AccessKeyFunc is nil")}
	}
	return Credential{authorize: func(ctx context.Context, req *http.Request, body []byte, now time.Time) error {
		encoded, err := key(ctx)
		if err != nil {
			return fmt.Errorf("no access key: %w", err)
		}
		decoded, err := decodeKey(encoded)
		if err != nil {
			return err
		}
		sign(req, body, decoded, now)
		return nil
	}}
}

// BearerToken returns a credential that sends a Microsoft Entra access token for
// [EntraScope], of a service principal or managed identity that may use the
// resource. token is asked before every attempt, so it should remember its token
// until shortly before that expires, as the credentials of azidentity do, and
// may be called by several goroutines at once. The example shows how to use one
// of those.
//
// An error of token ends the call: no further attempt is made. The FailureKind
// of the resulting [Error] is that of the cause if it has one, "timeout" if time
// ran out, and otherwise "unavailable".
func BearerToken(token func(context.Context) (accessToken string, err error)) Credential {
	if token == nil {
		return Credential{err: errors.New("the function given to BearerToken is nil")}
	}
	return Credential{authorize: func(ctx context.Context, req *http.Request, _ []byte, _ time.Time) error {
		t, err := token(ctx)
		if err != nil {
			return fmt.Errorf("no bearer token: %w", err)
		}
		if !isPrintable(t) {
			return failure{httpx.KindMisconfigured, "the bearer token is empty or holds characters that no token has"}
		}
		req.Header.Set("Authorization", "Bearer "+t)
		return nil
	}}
}

func decodeKey(encoded string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(key) == 0 {
		return nil, failure{httpx.KindMisconfigured, "the access key is not standard base64 with padding; copy it as the Azure portal shows it"}
	}
	return key, nil
}

// sign adds the headers of the HMAC-SHA256 scheme to req. It signs x-ms-date
// rather than Date, which proxies rewrite.
func sign(req *http.Request, body, key []byte, now time.Time) {
	date := now.UTC().Format(http.TimeFormat)
	sum := sha256.Sum256(body)
	contentHash := base64.StdEncoding.EncodeToString(sum[:])

	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s;%s;%s", req.Method, req.URL.RequestURI(), date, req.Host, contentHash)
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))

	req.Header.Set("x-ms-date", date)
	req.Header.Set("x-ms-content-sha256", contentHash)
	req.Header.Set("Authorization", "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="+signature)
}

// isPrintable reports whether s is a non-empty run of printable ASCII without
// spaces: the form of ids, tokens and codes.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
