package main

import (
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// The values of OBO_CREDENTIAL and ACS_CREDENTIAL.
const (
	credentialSecret           = "secret"
	credentialCertificate      = "certificate"
	credentialWorkloadIdentity = "workload-identity"
	credentialManagedIdentity  = "managed-identity"
)

// credentialKinds are all of them, with the settings that they come from.
var credentialKinds = []struct {
	name, setting string
	present       func(*settings) bool
}{
	{credentialSecret, "AZURE_CLIENT_SECRET", func(s *settings) bool { return s.clientSecret.Reveal() != "" }},
	{credentialCertificate, "AZURE_CLIENT_CERTIFICATE_PATH", func(s *settings) bool { return s.certificatePath != "" }},
	{credentialWorkloadIdentity, "AZURE_FEDERATED_TOKEN_FILE", func(s *settings) bool { return s.federatedTokenFile != "" }},
	{credentialManagedIdentity, "MANAGED_IDENTITY_CLIENT_ID", func(s *settings) bool { return s.managedIdentity != "" }},
}

// credentialNames are the values of OBO_CREDENTIAL and ACS_CREDENTIAL.
func credentialNames() (names []string) {
	for _, kind := range credentialKinds {
		names = append(names, kind.name)
	}
	return names
}

// A credential is how the API's app proves itself to Microsoft Entra ID.
type credential struct {
	setting  string // that it comes from
	proofs   *reload.File[proof]
	identity *managedIdentity // that makes the proofs; nil: another kind of credential
}

// present reports whether the credential is there, without asking anybody. It
// cannot tell of a managed identity.
func (c *credential) present() error {
	if c == nil {
		return nil
	}
	return c.proofs.Current().expired()
}

// chooseCredentials returns the credentials that exchange users' tokens and that
// sign in to ACS. What is not there, or not needed, is nil.
func chooseCredentials(s *settings, around surroundings, p *problems) (forOBO, forACS *credential) {
	var found []string
	var only string // the setting of the one in found, if it is one
	for _, kind := range credentialKinds {
		if kind.present(s) {
			found, only = append(found, kind.name), kind.setting
		}
	}
	made := make(map[string]*credential) // one of each kind, whatever it is for
	choose := func(setting, named string) *credential {
		switch {
		case p.has(setting):
			return nil
		case named == "" && len(found) == 0:
			p.addFirst("AZURE_CLIENT_SECRET", "is missing: set it, or AZURE_CLIENT_CERTIFICATE_PATH, AZURE_FEDERATED_TOKEN_FILE or MANAGED_IDENTITY_CLIENT_ID")
			return nil
		case named == "" && len(found) > 1:
			p.addFirst(setting, "is missing: there are several credentials (%s), so it must name one", strings.Join(found, ", "))
			return nil
		case named == "":
			named = found[0]
			s.inferred(setting, named, only)
		}
		if made[named] == nil {
			made[named] = newCredential(s, named, setting, around, p)
		}
		return made[named]
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
		s.inferred("ACS_CREDENTIAL", s.origins["OBO_CREDENTIAL"].value, "OBO_CREDENTIAL")
	}
	return forOBO, forACS
}

// newCredential makes a credential of a kind that another setting, or nothing,
// asks for.
func newCredential(s *settings, kindName, asking string, around surroundings, p *problems) *credential {
	c := new(credential)
	for _, kind := range credentialKinds {
		if kind.name != kindName {
			continue
		}
		c.setting = kind.setting
		if !kind.present(s) {
			p.addFirst(kind.setting, "is missing: %s asks for it", asking)
			return nil
		}
	}
	var err error
	switch kindName {
	case credentialSecret:
		c.proofs, err = follow(s, c.setting, s.clientSecret.Reveal(), around, secretProof)
	case credentialCertificate:
		c.proofs, err = openFile(s.certificatePath, c.setting, around, certificateProof)
	case credentialWorkloadIdentity:
		c.proofs, err = openFile(s.federatedTokenFile, c.setting, around, tokenProof)
	case credentialManagedIdentity:
		c.identity, err = newManagedIdentity(s, around)
		if err == nil {
			tokens := c.identity.tokensFor(s.federationAudience, s, around)
			c.proofs = reload.Fixed(assertionProof(tokens.token))
		}
	}
	if err != nil {
		p.addFirst(c.setting, "%v", err)
		return nil
	}
	return c
}
