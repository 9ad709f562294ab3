package obo

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// A Credential proves to Microsoft Entra ID which application is asking. Make
// one with [ClientSecret], [Certificate] or [ClientAssertion], or with
// [CredentialFunc] if it can change; what is wrong with it is reported by [New].
// It cannot print what it holds. Copies of a Credential are equal (==), and
// differ from every other one, even of the same secret.
type Credential struct{ *proof }

// A proof holds functions only, because nothing that prints or marshals values,
// reflection included, can look into a closure.
type proof struct {
	// build makes of it what MSAL needs, and remembers that.
	build func(now time.Time) (confidential.Credential, error)
	// next is the function given to CredentialFunc, in place of build.
	next func(ctx context.Context, refused Credential) (Credential, error)
}

func newCredential(build func(now time.Time) (confidential.Credential, error)) Credential {
	var (
		once  sync.Once
		built confidential.Credential
		err   error
	)
	return Credential{&proof{build: func(now time.Time) (confidential.Credential, error) {
		once.Do(func() { built, err = build(now) })
		return built, err
	}}}
}

// ClientSecret is a secret from the application's registration.
func ClientSecret(secret string) Credential {
	return newCredential(func(time.Time) (confidential.Credential, error) {
		switch secret {
		case "":
			return confidential.Credential{}, errors.New("holds an empty client secret")
		case strings.TrimSpace(secret):
			return confidential.NewCredFromSecret(secret)
		default:
			return confidential.Credential{}, errors.New("holds a client secret that begins or ends with white space; remove it")
		}
	})
}

// Certificate is a certificate with its RSA private key of at least 2048 bits,
// both in PEM and unencrypted, as registered with the application. Further
// certificates, such as a chain, are ignored. Every request carries a new client
// assertion, signed with PS256.
// See https://learn.microsoft.com/entra/identity-platform/certificate-credentials.
func Certificate(pem []byte) Credential {
	pem = slices.Clone(pem)
	return newCredential(func(now time.Time) (confidential.Credential, error) {
		certs, key, err := confidential.CertFromPEM(pem, "")
		if err != nil {
			return confidential.Credential{}, fmt.Errorf("holds no usable certificate; PEM with the certificate and its private key, unencrypted, is needed: %w", err)
		}
		credential, err := confidential.NewCredFromCert(certs, key)
		if err != nil {
			return confidential.Credential{}, fmt.Errorf("holds no usable certificate: %w", err)
		}
		private := key.(*rsa.PrivateKey) // NewCredFromCert takes no other
		if bits := private.N.BitLen(); bits < 2048 {
			return confidential.Credential{}, fmt.Errorf("holds an RSA key of %d bits; at least 2048 are needed", bits)
		}
		for _, cert := range slices.Backward(certs) {
			if !private.PublicKey.Equal(cert.PublicKey) {
				continue
			}
			// MSAL signs with the last one that matches.
			if now.After(cert.NotAfter) {
				return confidential.Credential{}, fmt.Errorf("holds a certificate that expired on %s; register a new one", cert.NotAfter.UTC().Format(time.DateOnly))
			}
			break
		}
		return credential, nil
	})
}

// ClientAssertion is a function that returns a signed client assertion (RFC 7523
// section 2.2): the token of a Kubernetes service account or of a managed
// identity that a federated credential of the application trusts.
// See https://learn.microsoft.com/entra/workload-id/workload-identity-federation.
//
// The function is called once per attempt, possibly by many goroutines at once,
// under a context that ends with the attempt; it should remember what is slow to
// get. Its error becomes the cause of an [*Error] and appears in its text, so it
// must hold no secret. The kind is "unavailable", and the exchange is retried
// once, as after any transient failure; but an error with a method
// FailureKind() string that returns "misconfigured" keeps that kind.
func ClientAssertion(f func(ctx context.Context, r AssertionRequest) (string, error)) Credential {
	return newCredential(func(time.Time) (confidential.Credential, error) {
		if f == nil {
			return confidential.Credential{}, errors.New("holds no client assertion function")
		}
		return confidential.NewCredFromAssertionCallback(func(ctx context.Context, o confidential.AssertionRequestOptions) (string, error) {
			assertion, err := f(ctx, AssertionRequest{ClientID: o.ClientID, TokenEndpoint: o.TokenEndpoint})
			if err != nil {
				return "", functionFailure(ctx, "the client assertion function failed", err)
			}
			if assertion == "" {
				return "", &Error{Kind: httpx.KindMisconfigured, Err: errors.New("the client assertion function returned nothing")}
			}
			return assertion, nil
		}), nil
	})
}

// An AssertionRequest is what a [ClientAssertion] function may need to know.
type AssertionRequest struct {
	// ClientID is the application: issuer and subject of an assertion that the
	// function signs itself.
	ClientID string
	// TokenEndpoint is the address that the assertion will be sent to: the
	// audience of an assertion that the function signs itself.
	TokenEndpoint string
}

// CredentialFunc is a credential that can change while the program runs: a secret
// that is replaced before it expires, a certificate that is renewed. It takes
// effect with the next request; tokens that are remembered stay remembered.
//
// f is called once per attempt, possibly by many goroutines at once, under a
// context that ends with the attempt; it should remember what is slow to get.
// refused is the zero Credential, or one that f returned and Microsoft Entra ID has
// just refused. In the latter case f should find out whether there is another one:
// if it returns anything but refused, the exchange is tried once more, and fails
// otherwise. An error of f is treated as one of a [ClientAssertion] function.
func CredentialFunc(f func(ctx context.Context, refused Credential) (Credential, error)) Credential {
	if f == nil {
		return newCredential(func(time.Time) (confidential.Credential, error) {
			return confidential.Credential{}, errors.New("holds no credential function")
		})
	}
	return Credential{&proof{next: f}}
}

// Check reports what [New] would report about the credential at that time, so
// that a function given to [CredentialFunc] can keep to one that is good. It
// does not ask Microsoft Entra ID.
func (c Credential) Check(now time.Time) error {
	switch {
	case c.proof == nil:
		return errors.New("is required: use ClientSecret, Certificate, ClientAssertion or CredentialFunc")
	case c.next != nil:
		return nil // what it returns is checked before each use
	}
	_, err := c.build(now)
	return err
}

// Format prints "[redacted]", whatever the verb.
func (Credential) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// current returns the credential to use now. It differs from c only if that can
// change.
func (c Credential) current(ctx context.Context, refused Credential) (Credential, *Error) {
	if c.next == nil {
		return c, nil
	}
	current, err := c.next(ctx, refused)
	if err != nil {
		return Credential{}, functionFailure(ctx, "the credential function failed", err)
	}
	if current.proof == nil || current.next != nil {
		return Credential{}, &Error{Kind: httpx.KindMisconfigured, Err: errors.New("the credential function returned no credential that could be used")}
	}
	return current, nil
}

// functionFailure stands for err, which a function of the application's returned.
func functionFailure(ctx context.Context, what string, err error) *Error {
	if ctx.Err() != nil {
		return &Error{Kind: httpx.KindTimeout, Err: ctx.Err(), transient: true}
	}
	cause := fmt.Errorf("%s: %w", what, err)
	var known interface{ FailureKind() string }
	if errors.As(err, &known) && known.FailureKind() == httpx.KindMisconfigured {
		return &Error{Kind: httpx.KindMisconfigured, Err: cause}
	}
	return &Error{Kind: httpx.KindUnavailable, Err: cause, transient: true}
}
