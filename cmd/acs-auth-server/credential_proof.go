package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/jose"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// A proof is what a credential is at one time, as the packages that use it take
// it.
type proof struct {
	obo     obo.Credential
	msal    confidential.Credential
	expires time.Time // zero: nobody knows
}

func (p *proof) expired() error {
	if !p.expires.IsZero() && !time.Now().Before(p.expires) {
		return errors.New("the federated token has expired")
	}
	return nil
}

// secretProof takes a client secret.
func secretProof(secret string) (proof, error) {
	credential := obo.ClientSecret(secret)
	if err := credential.Check(time.Now()); err != nil {
		return proof{}, fmt.Errorf("it %w", err)
	}
	msal, err := confidential.NewCredFromSecret(secret)
	return proof{obo: credential, msal: msal}, err
}

// certificateProof takes PEM with a certificate and its private key.
func certificateProof(pem []byte) (proof, error) {
	credential := obo.Certificate(pem)
	if err := credential.Check(time.Now()); err != nil {
		return proof{}, fmt.Errorf("it %w", err)
	}
	certificates, key, err := confidential.CertFromPEM(pem, "")
	if err != nil {
		return proof{}, errors.New("it holds no usable certificate")
	}
	msal, err := confidential.NewCredFromCert(certificates, key)
	return proof{obo: credential, msal: msal}, err
}

// tokenProof takes the token of workload identity federation, which whoever issues
// it replaces before it expires. Nothing but Microsoft Entra ID can tell whether
// it is good.
func tokenProof(content []byte) (proof, error) {
	token := strings.TrimSpace(string(content))
	if token == "" {
		return proof{}, errors.New("it is empty")
	}
	compact, err := jose.ParseCompact(token)
	if err != nil {
		return proof{}, errors.New("it holds no signed token")
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	made := assertionProof(func(context.Context) (string, error) { return token, nil })
	if json.Unmarshal([]byte(compact.Unverified()), &claims) == nil && 0 < claims.Exp && claims.Exp < 1<<40 {
		made.expires = time.Unix(int64(claims.Exp), 0)
	}
	return made, nil
}

// assertionProof is a token that stands for the app, of an issuer that the app
// trusts.
func assertionProof(token func(context.Context) (string, error)) proof {
	return proof{
		obo: obo.ClientAssertion(func(ctx context.Context, _ obo.AssertionRequest) (string, error) { return token(ctx) }),
		msal: confidential.NewCredFromAssertionCallback(func(ctx context.Context, _ confidential.AssertionRequestOptions) (string, error) {
			return token(ctx)
		}),
	}
}
