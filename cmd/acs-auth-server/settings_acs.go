package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

func acsSettings() []setting {
	return []setting{
		{
			name:      "ACS_CONNECTION_STRING",
			aliases:   source.ACSConnectionString.Aliases,
			azure:     true,
			secret:    true,
			otherwise: "this or ACS_ENDPOINT is required",
			example:   "endpoint=https://contoso.europe.communication.azure.com/;accesskey=<key>",
			meaning:   "connection string of the ACS resource, with an access key",
			parse:     secret(func(s *settings) *acsauth.Secret { return &s.acsConnectionString }),
		},
		{
			name:      "ACS_ENDPOINT",
			azure:     true,
			otherwise: "this or ACS_CONNECTION_STRING is required",
			example:   "https://contoso.europe.communication.azure.com",
			meaning:   "address of the ACS resource, to sign in to it with Microsoft Entra ID",
			parse:     text(func(s *settings) *string { return &s.acsEndpoint }),
		},
		{
			name:      "ACS_CREDENTIAL",
			azure:     true,
			otherwise: "as OBO_CREDENTIAL",
			example:   credentialWorkloadIdentity,
			meaning: "which credential signs in to ACS_ENDPOINT: secret, certificate or workload-identity, as the app, " +
				"or managed-identity, as itself",
			parse: choice(func(s *settings) *string { return &s.acsCredential }, credentialNames()...),
		},
		{
			name:      "ACS_ENTRA_SCOPE",
			azure:     true,
			otherwise: acsidentity.EntraScope + " in the public cloud",
			example:   acsidentity.EntraScope,
			meaning:   "scope of that sign-in",
			parse:     scope(func(s *settings) *string { return &s.acsEntraScope }),
		},
		{
			name:      "ACS_RESOURCE_ID",
			azure:     true,
			otherwise: "learned from the first identity",
			example:   "33333333-4444-5555-6666-777777777777",
			meaning:   "immutable id of the ACS resource, which tells its identities from those of others",
			parse:     text(func(s *settings) *string { return &s.acsResourceID }),
		},
		{
			name:     "ACS_TOKEN_SCOPES",
			aliases:  []string{"CommunicationServices__Scopes__0"},
			fallback: "chat,voip",
			example:  "chat.join,voip.join",
			meaning:  "what ACS tokens are good for, separated by commas: chat, voip, chat.join, chat.join.limited, voip.join",
			parse:    tokenScopes,
		},
		{
			name:      "ACS_TOKEN_TTL",
			otherwise: "the service's, 24h",
			example:   "1h",
			meaning:   "life of ACS tokens: 1h to 24h, in whole minutes",
			parse:     tokenTTL,
		},
		{
			name:     "ACS_API_VERSION",
			azure:    true,
			fallback: acsidentity.DefaultAPIVersion,
			example:  acsidentity.DefaultAPIVersion,
			meaning:  "version of the ACS identity API",
			parse:    text(func(s *settings) *string { return &s.acsAPIVersion }),
		},
		{
			name:      "TEAMS_CLIENT_IDS",
			azure:     true,
			otherwise: "AZURE_CLIENT_ID",
			example:   "22222222-3333-4444-5555-666666666666",
			meaning:   "client ids of the applications whose Teams tokens may be exchanged, separated by commas",
			parse:     list(func(s *settings) *[]string { return &s.teamsClients }),
		},
	}
}

func tokenScopes(s *settings, value string) error {
	known := []string{"chat", "voip", "chat.join", "chat.join.limited", "voip.join"}
	scopes := split(value)
	for i, scope := range scopes {
		if !slices.Contains(known, scope) || slices.Contains(scopes[:i], scope) {
			return fmt.Errorf("must be a list of %s, each at most once", strings.Join(known, ", "))
		}
	}
	return list(func(s *settings) *[]string { return &s.acsTokenScopes })(s, value)
}

func tokenTTL(s *settings, value string) error {
	d, err := time.ParseDuration(value)
	if err != nil || d < time.Hour || d > 24*time.Hour || d%time.Minute != 0 {
		return errors.New("must be a duration from 1h to 24h in whole minutes, such as 1h or 90m: leave it out to get what the service chooses")
	}
	s.acsTokenTTL = d
	return nil
}
