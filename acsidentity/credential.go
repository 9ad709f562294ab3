package acsidentity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

// EntraScope is the scope of the Microsoft Entra access tokens that ACS accepts
// in the public cloud. Both slashes are needed: the audience ends with one.
const EntraScope = "https://communication.azure.com//.default"

// A Credential authenticates the calls to an ACS resource. Make one with
// [AccessKey] or [BearerToken], or with [CredentialFunc] if it can change; [New]
// refuses the zero value and one made from something unusable. Copies of a
// Credential are equal (==), and differ from every other one, even of the same
// key.
//
// It keeps its secret in a function, out of the reach of fmt, log/slog and
// encoding/json.
type Credential struct{ *proof }

// A proof is what there is to a Credential: exactly one of its members.
type proof struct {
	// authorize adds the headers that authenticate req, whose body is body. It
	// is called for every attempt, since a signature holds the time.
	authorize func(ctx context.Context, req *http.Request, body []byte, now time.Time) error
	// next is the function given to CredentialFunc.
	next func(ctx context.Context, refused Credential) (Credential, error)
	// err is why there is none of them.
	err error
}

// AccessKey returns a credential that signs each request with an access key of
// the resource, given in base64 as the Azure portal shows it.
//
// The scheme is described in
// https://learn.microsoft.com/azure/communication-services/tutorials/hmac-header-tutorial.
func AccessKey(base64Key string) Credential {
	key, err := decodeKey(base64Key)
	if err != nil {
		return Credential{&proof{err: err}}
	}
	signers := sync.Pool{New: func() any { return newSigner(key) }}
	return Credential{&proof{authorize: func(_ context.Context, req *http.Request, body []byte, now time.Time) error {
		s := signers.Get().(*signer)
		s.sign(req, body, now)
		signers.Put(s)
		return nil
	}}}
}

// CredentialFunc is a credential that can change while the program runs, such as
// an access key that is replaced by the resource's other one.
//
// next is asked before every attempt, so it should remember what is slow to get,
// and may be called by several goroutines at once. refused is the zero
// Credential, or one that next returned and the service has just refused. In the
// latter case next should find out whether there is another one: if it returns
// anything but refused, the call is tried once more, and fails otherwise. Errors of
// next are treated as those of the function given to [BearerToken].
func CredentialFunc(next func(ctx context.Context, refused Credential) (Credential, error)) Credential {
	if next == nil {
		return Credential{&proof{err: errors.New("the function given to CredentialFunc is nil")}}
	}
	return Credential{&proof{next: next}}
}

// current returns the credential to use now. It differs from c only if that can
// change.
func (c Credential) current(ctx context.Context, refused Credential) (Credential, error) {
	if c.next == nil {
		return c, nil
	}
	current, err := c.next(ctx, refused)
	switch {
	case err != nil:
		return Credential{}, fmt.Errorf("no credential: %w", err)
	case current == Credential{} || current.next != nil:
		return Credential{}, failure{httpx.KindMisconfigured, "the function given to CredentialFunc returned no credential that could be used"}
	case current.err != nil:
		return Credential{}, failure{httpx.KindMisconfigured, current.err.Error()}
	}
	return current, nil
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
// ran out, and otherwise "unavailable". The error's text becomes part of the Error's,
// so it must hold no secret; those of azidentity repeat what Microsoft Entra ID, or a
// proxy before it, has answered.
func BearerToken(token func(context.Context) (accessToken string, err error)) Credential {
	if token == nil {
		return Credential{&proof{err: errors.New("the function given to BearerToken is nil")}}
	}
	return Credential{&proof{authorize: func(ctx context.Context, req *http.Request, _ []byte, _ time.Time) error {
		t, err := token(ctx)
		if err != nil {
			return fmt.Errorf("no bearer token: %w", err)
		}
		if !syntax.IsVisible(t) {
			return failure{httpx.KindMisconfigured, "the bearer token is empty or holds characters that no token has"}
		}
		req.Header.Set("Authorization", "Bearer "+t)
		return nil
	}}}
}

func decodeKey(encoded string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(key) == 0 {
		return nil, failure{httpx.KindMisconfigured, "the access key is not standard base64 with padding; copy it as the Azure portal shows it"}
	}
	return key, nil
}
