package cloud

import (
	"crypto/rsa"
	"crypto/sha1" // an identifier of certificates, see signingkey.go
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

const (
	assertionType      = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	federationAudience = "api://AzureADTokenExchange"
)

// clientCredentials is how the app can prove itself. Guarded by Entra.mu.
type clientCredentials struct {
	secrets      []string
	certificates []*x509.Certificate
	federated    []FederatedCredential
	assertions   map[string]time.Time // jti of client assertions seen, and when they end
}

// A FederatedCredential lets the tokens of another issuer stand for the app, as
// Kubernetes and managed identities do.
type FederatedCredential struct {
	// Issuer and Subject are the iss and sub that the token must have.
	Issuer, Subject string
	// Audience is the aud that it must have. Default: that of the public cloud,
	// api://AzureADTokenExchange.
	Audience string
	// Key verifies it (RS256). Nil: the token is one of this Entra, as a managed
	// identity has it.
	Key *rsa.PublicKey
}

// AddClientSecret registers a further secret of the app, beside
// [Cloud.ClientSecret].
func (e *Entra) AddClientSecret(secret string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients.secrets = append(slices.Clone(e.clients.secrets), secret)
}

// RemoveClientSecret removes one of them, which may be Cloud.ClientSecret.
func (e *Entra) RemoveClientSecret(secret string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients.secrets = slices.DeleteFunc(slices.Clone(e.clients.secrets), func(s string) bool { return s == secret })
}

// AddCertificate registers a certificate with an RSA key for the app.
func (e *Entra) AddCertificate(cert *x509.Certificate) error {
	if _, ok := cert.PublicKey.(*rsa.PublicKey); !ok {
		return errors.New("cloud: the certificate must have an RSA key")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients.certificates = append(e.clients.certificates, cert)
	return nil
}

// RemoveCertificate removes a certificate from the app.
func (e *Entra) RemoveCertificate(cert *x509.Certificate) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients.certificates = slices.DeleteFunc(slices.Clone(e.clients.certificates), cert.Equal)
}

// AddFederatedCredential registers f for the app.
func (e *Entra) AddFederatedCredential(f FederatedCredential) {
	f.Audience = orDefault(f.Audience, federationAudience)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.clients.federated = append(e.clients.federated, f)
}

// authenticateClient returns the number of the error, 0 if the request comes
// from the app.
func (e *Entra) authenticateClient(req *tokenRequest) int {
	if !strings.EqualFold(req.form.Get("client_id"), e.cloud.ClientID) {
		return codeUnknownClient
	}
	secret, assertion := req.form.Get("client_secret"), req.form.Get("client_assertion")
	switch {
	case secret != "" && assertion != "":
		return codeBadRequest
	case secret != "":
		return e.checkSecret(secret)
	case assertion == "" || req.form.Get("client_assertion_type") != assertionType:
		return codeNoCredential
	}
	t, err := parseJWT(assertion)
	if err != nil {
		return codeMalformedClient
	}
	if t.claims.str("iss") == e.cloud.ClientID {
		return e.checkCertificateAssertion(req, t)
	}
	return e.checkFederatedAssertion(t)
}

func (e *Entra) checkSecret(secret string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, known := range e.clients.secrets {
		if subtle.ConstantTimeCompare([]byte(secret), []byte(known)) == 1 {
			return 0
		}
	}
	return BadClientSecret
}

// checkCertificateAssertion checks an assertion that the app has signed itself
// (RFC 7523 section 3). Refusing a jti that was used before is stricter than
// what is known of Entra: clients must make one per request anyway.
func (e *Entra) checkCertificateAssertion(req *tokenRequest, t *jwt) int {
	now := e.cloud.now()
	exp, _ := t.claims.time("exp")
	id := t.claims.str("jti")
	key := e.certificateKey(t)
	switch {
	case key == nil || t.verify(key, "PS256", "RS256") != nil:
		return codeAssertionKey
	case t.claims.str("sub") != e.cloud.ClientID:
		return codeAssertionSubject
	case t.claims.str("aud") != e.TokenURL(req.tenantID) && t.claims.str("aud") != e.V2Issuer(req.tenantID):
		return codeAssertionAudience
	case !t.validAt(now) || exp.After(now.Add(24*time.Hour)):
		return codeAssertionTime
	case id == "":
		return codeAssertionKey
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for seen, ends := range e.clients.assertions {
		if ends.Before(now) {
			delete(e.clients.assertions, seen)
		}
	}
	if _, used := e.clients.assertions[id]; used {
		return codeAssertionKey
	}
	e.clients.assertions[id] = exp
	return 0
}

// certificateKey finds the registered certificate that the header names by its
// thumbprint: x5t#S256, or x5t of old. MSAL writes it in padded standard base64,
// others in base64url.
func (e *Entra) certificateKey(t *jwt) *rsa.PublicKey {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, cert := range e.clients.certificates {
		sum256, sum1 := sha256.Sum256(cert.Raw), sha1.Sum(cert.Raw)
		if names(t.header.str("x5t#S256"), sum256[:]) || names(t.header.str("x5t"), sum1[:]) {
			return cert.PublicKey.(*rsa.PublicKey) // checked by AddCertificate
		}
	}
	return nil
}

func names(value string, thumbprint []byte) bool {
	return value == base64.StdEncoding.EncodeToString(thumbprint) || value == base64.RawURLEncoding.EncodeToString(thumbprint)
}

// checkFederatedAssertion checks an assertion of another issuer. Its rules are
// in the order of what an operator gets wrong first.
func (e *Entra) checkFederatedAssertion(t *jwt) int {
	e.mu.Lock()
	federated := e.clients.federated
	e.mu.Unlock()
	number := codeFederationIssuer
	for _, f := range federated {
		if f.Issuer != t.claims.str("iss") {
			continue
		}
		if number = codeFederationSubject; f.Subject != t.claims.str("sub") {
			continue
		}
		switch {
		case t.claims.str("aud") != f.Audience:
			return codeFederationTarget
		case f.Key != nil && t.verify(f.Key, "RS256") != nil, f.Key == nil && !e.genuine(t):
			return codeAssertionKey
		case f.Key == nil && !t.claims.appOnly():
			return codeFederationUser
		case !t.validAt(e.cloud.now()):
			return codeAssertionTime
		}
		return 0
	}
	return number
}
