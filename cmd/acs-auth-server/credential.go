package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// A credential is how the API's app proves itself to Microsoft Entra ID. Exactly
// one of the fields below setting is in use.
type credential struct {
	setting   string // that it comes from
	secret    acsauth.Secret
	pem       []byte
	tokenFile string
}

// credentialSettings tells which setting each kind of credential comes from.
var credentialSettings = map[string]string{
	credentialSecret:           "AZURE_CLIENT_SECRET",
	credentialCertificate:      "AZURE_CLIENT_CERTIFICATE_PATH",
	credentialWorkloadIdentity: "AZURE_FEDERATED_TOKEN_FILE",
}

// chooseCredentials returns the credentials that exchange users' tokens and that
// sign in to ACS. What is not there, or not needed, is nil.
func chooseCredentials(s *settings, p *problems) (forOBO, forACS *credential) {
	present := map[string]bool{
		credentialSecret:           s.clientSecret.Reveal() != "",
		credentialCertificate:      s.certificatePath != "",
		credentialWorkloadIdentity: s.federatedTokenFile != "",
	}
	var found []string
	for _, kind := range []string{credentialSecret, credentialCertificate, credentialWorkloadIdentity} {
		if present[kind] {
			found = append(found, kind)
		}
	}
	choose := func(setting, named string) *credential {
		switch {
		case p.has(setting):
			return nil
		case named != "" && !present[named]:
			p.addFirst(credentialSettings[named], "is missing: %s asks for it", setting)
			return nil
		case named == "" && len(found) == 0:
			p.addFirst("AZURE_CLIENT_SECRET", "is missing: set it, or AZURE_CLIENT_CERTIFICATE_PATH, or AZURE_FEDERATED_TOKEN_FILE")
			return nil
		case named == "" && len(found) > 1:
			p.addFirst(setting, "is missing: there are several credentials (%s), so it must name one", strings.Join(found, ", "))
			return nil
		case named == "":
			named = found[0]
		}
		return readCredential(s, named, p)
	}
	needACS := s.acsEndpoint != ""
	if s.mappingStore == storeGraph || needACS && s.acsCredential == "" {
		forOBO = choose("OBO_CREDENTIAL", s.oboCredential)
	}
	switch {
	case needACS && s.acsCredential != "":
		forACS = choose("ACS_CREDENTIAL", s.acsCredential)
	case needACS:
		forACS = forOBO
	}
	return forOBO, forACS
}

func readCredential(s *settings, kind string, p *problems) *credential {
	c := &credential{setting: credentialSettings[kind]}
	var err error
	switch kind {
	case credentialSecret:
		c.secret = s.clientSecret
	case credentialCertificate:
		c.pem, err = os.ReadFile(s.certificatePath)
	case credentialWorkloadIdentity:
		c.tokenFile = s.federatedTokenFile
		err = c.present()
	}
	if err != nil {
		p.addFirst(c.setting, "names a file that is of no use: %v", withoutPath(err))
		return nil
	}
	return c
}

// present reports whether the credential is there, without asking anybody.
func (c *credential) present() error {
	if c == nil || c.tokenFile == "" {
		return nil
	}
	_, err := c.readToken()
	return err
}

// forOBO returns the credential as package obo takes it.
func (c *credential) forOBO() obo.Credential {
	switch {
	case c.pem != nil:
		return obo.Certificate(c.pem)
	case c.tokenFile != "":
		return obo.ClientAssertion(func(context.Context, obo.AssertionRequest) (string, error) { return c.readToken() })
	default:
		return obo.ClientSecret(c.secret.Reveal())
	}
}

// forMSAL returns the credential as MSAL takes it.
func (c *credential) forMSAL() (confidential.Credential, error) {
	switch {
	case c.pem != nil:
		certificates, key, err := confidential.CertFromPEM(c.pem, "")
		if err != nil {
			return confidential.Credential{}, errors.New("names a file without a usable certificate: PEM with the certificate and its private key, unencrypted, is needed")
		}
		return confidential.NewCredFromCert(certificates, key)
	case c.tokenFile != "":
		return confidential.NewCredFromAssertionCallback(func(context.Context, confidential.AssertionRequestOptions) (string, error) {
			return c.readToken()
		}), nil
	default:
		return confidential.NewCredFromSecret(c.secret.Reveal())
	}
}

// readToken reads the token of workload identity federation, which whoever issues
// it replaces before it expires.
func (c *credential) readToken() (string, error) {
	content, err := os.ReadFile(c.tokenFile)
	token := strings.TrimSpace(string(content))
	if err == nil && token == "" {
		err = errors.New("it is empty")
	}
	if err != nil {
		return "", &signInError{kind: httpx.KindMisconfigured, text: fmt.Sprintf("no federated token: %v", withoutPath(err))}
	}
	return token, nil
}

// withoutPath returns why a file could not be read, without its name, which may be
// a secret in the wrong place.
func withoutPath(err error) error {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
