package main

import (
	"cmp"
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// An entra is where to sign in for ACS_ENDPOINT, and for what.
type entra struct{ authorityHost, scope string }

// authorityHosts are those of the values of AZURE_CLOUD.
var authorityHosts = map[string]string{
	"public": cloud.AzurePublic.ActiveDirectoryAuthorityHost,
	"usgov":  cloud.AzureGovernment.ActiveDirectoryAuthorityHost,
	"china":  cloud.AzureChina.ActiveDirectoryAuthorityHost,
}

// entra reads it from the settings, as the server does. It returns nil if something is
// wrong with them.
func (f *finding) entra() *entra {
	name := cmp.Or(f.value(source.AzureCloud), "public")
	e := &entra{authorityHost: f.value(source.AuthorityHost), scope: f.value(source.ACSEntraScope)}
	if _, ok := authorityHosts[name]; !ok {
		f.wrong(source.AzureCloud, "must be one of public, usgov, china")
	}
	if e.authorityHost == "" {
		e.authorityHost = authorityHosts[name]
	} else if _, err := httpx.ParseBaseURL(e.authorityHost); err != nil {
		f.wrong(source.AuthorityHost, "%v", err)
	}
	switch {
	case e.scope != "" || f.has(source.AzureCloud):
	case name == "public":
		e.scope = acsidentity.EntraScope
	default:
		f.wrong(source.ACSEntraScope, "is missing: outside the public cloud ACS_ENDPOINT needs it")
	}
	if f.has(source.AzureCloud) || f.has(source.AuthorityHost) || f.has(source.ACSEntraScope) {
		return nil
	}
	return e
}

// credential signs in as az, a managed identity or the AZURE_* variables can.
func (e *entra) credential(client *http.Client) (azcore.TokenCredential, error) {
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: e.authorityHost},
			Transport: newTransport(client),
		},
		// It would ask the public cloud about any other.
		DisableInstanceDiscovery: true,
	})
}

// signIn gets tokens for a scope with a credential.
func signIn(credential azcore.TokenCredential, scope string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		return token.Token, err
	}
}
