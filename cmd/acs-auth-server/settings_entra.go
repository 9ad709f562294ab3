package main

import (
	"errors"
	"strings"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/syntax"
)

func entraSettings() []setting {
	return []setting{
		{
			name:     "AZURE_TENANT_ID",
			aliases:  []string{"azureActiveDirectory_tenantId", "AzureActiveDirectory__TenantId"},
			azure:    true,
			required: true,
			example:  "72f988bf-86f1-41af-91ab-2d7cd011db47",
			meaning:  "directory (tenant) id of the API's app registration, or one of the tenant's verified domains",
			parse:    text(func(s *settings) *string { return &s.tenantID }),
		},
		{
			name:     "AZURE_CLIENT_ID",
			aliases:  []string{"azureActiveDirectory_clientId", "AzureActiveDirectory__ClientId"},
			azure:    true,
			required: true,
			example:  "11111111-2222-3333-4444-555555555555",
			meaning:  "application (client) id of the API",
			parse:    text(func(s *settings) *string { return &s.clientID }),
		},
		{
			name:      "AZURE_CLIENT_SECRET",
			aliases:   []string{"azureActiveDirectory_clientSecret", "AzureActiveDirectory__ClientSecret"},
			azure:     true,
			secret:    true,
			otherwise: "one credential is required",
			example:   "<the value of a client secret of the app>",
			meaning:   "credential of the API's app: a client secret",
			parse:     secret(func(s *settings) *acsauth.Secret { return &s.clientSecret }),
		},
		{
			name:      "AZURE_CLIENT_CERTIFICATE_PATH",
			azure:     true,
			otherwise: "one credential is required",
			example:   "/etc/acs-auth-server/app.pem",
			meaning:   "or: PEM file with a certificate and its private key, unencrypted, which is read again when it changes",
			parse:     text(func(s *settings) *string { return &s.certificatePath }),
		},
		{
			name:      "AZURE_FEDERATED_TOKEN_FILE",
			azure:     true,
			otherwise: "one credential is required",
			example:   "/var/run/secrets/azure/tokens/azure-identity-token",
			meaning:   "or: file with a token of another issuer that the app trusts (workload identity federation), which is read again when it changes",
			parse:     text(func(s *settings) *string { return &s.federatedTokenFile }),
		},
		{
			name:      "MANAGED_IDENTITY_CLIENT_ID",
			azure:     true,
			otherwise: "one credential is required",
			example:   "44444444-5555-6666-7777-888888888888",
			meaning:   "or: client id of a user-assigned managed identity of this machine that the app trusts (federated credential)",
			parse:     managedIdentityID,
		},
		{
			name:      "OBO_CREDENTIAL",
			azure:     true,
			otherwise: "the one that is set",
			example:   credentialSecret,
			meaning:   "which credential exchanges tokens: secret, certificate, workload-identity or managed-identity",
			parse:     choice(func(s *settings) *string { return &s.oboCredential }, credentialNames()...),
		},
		{
			name:     "AZURE_CLOUD",
			azure:    true,
			fallback: cloudPublic,
			example:  cloudUSGov,
			meaning:  "public, usgov or china: where Entra ID and Graph are",
			parse:    choice(func(s *settings) *string { return &s.cloud }, cloudPublic, cloudUSGov, cloudChina),
		},
		{
			name:      "AZURE_AUTHORITY_HOST",
			aliases:   source.AuthorityHost.Aliases,
			azure:     true,
			otherwise: "that of AZURE_CLOUD",
			example:   acsauth.DefaultAuthorityHost,
			meaning:   "address of Microsoft Entra ID",
			parse:     serviceURL(func(s *settings) *string { return &s.authorityHost }),
		},
		{
			name:     "REQUIRED_SCOPE",
			azure:    true,
			fallback: "access_as_user",
			example:  "access_as_user",
			meaning:  "delegated permission that every access token must carry",
			parse:    text(func(s *settings) *string { return &s.requiredScope }),
		},
		{
			name:      "ALLOWED_AUDIENCES",
			azure:     true,
			otherwise: "none",
			example:   "api://contoso.example/acs",
			meaning:   "audiences accepted besides AZURE_CLIENT_ID and api://AZURE_CLIENT_ID, separated by commas",
			parse:     list(func(s *settings) *[]string { return &s.audiences }),
		},
		{
			name:      "ALLOWED_CLIENT_IDS",
			azure:     true,
			otherwise: "any",
			example:   "22222222-3333-4444-5555-666666666666",
			meaning:   "client ids of the applications that may call, separated by commas",
			strict:    true,
			parse:     list(func(s *settings) *[]string { return &s.allowedClients }),
		},
		{
			name:      "ALLOWED_TENANTS",
			azure:     true,
			otherwise: "AZURE_TENANT_ID",
			example:   "72f988bf-86f1-41af-91ab-2d7cd011db47",
			meaning:   "tenant ids whose users may call a multi-tenant app, separated by commas; * admits every tenant on earth",
			parse:     list(func(s *settings) *[]string { return &s.allowedTenants }),
		},
	}
}

// managedIdentityID stores what is malformed too, as choice does.
func managedIdentityID(s *settings, value string) error {
	s.managedIdentity = strings.ToLower(value)
	if !syntax.IsGUID(value) {
		return errors.New("must be the client id of a managed identity, a GUID")
	}
	return nil
}
