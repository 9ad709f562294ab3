// Package acsidentity is a client of the Azure Communication Services (ACS)
// identity REST API: it creates and deletes identities, issues and revokes their
// access tokens, and exchanges a Teams user's Microsoft Entra token for an ACS
// token.
//
// Start with [New], [Client.CreateIdentityWithToken] and [Client.IssueToken]:
//
//	client, err := acsidentity.New(acsidentity.Config{
//		ConnectionString: os.Getenv("ACS_CONNECTION_STRING"),
//	})
//	if err != nil {
//		return err
//	}
//	id, token, err := client.CreateIdentityWithToken(ctx, acsidentity.TokenOptions{
//		Scopes: []acsidentity.Scope{acsidentity.ScopeVoIP},
//	})
//
// A connection string holds an access key of the resource. To sign in with
// Microsoft Entra ID instead, set Config.Endpoint and a [BearerToken] credential;
// for access keys that are replaced while the program runs, a [CredentialFunc].
//
// # Failures
//
// Every failed operation returns an [*Error]. Branch on its Code, not on its
// StatusCode: the service answers 401 both to refused credentials
// ([CodeDenied]) and to an identity of another resource
// ([CodeIdentityNotOwned]).
//
// ACS has no list operation, so an identity whose id got lost cannot be found
// again. A create is therefore repeated only if it certainly did not happen, and
// its error matches [ErrOutcomeUnknown] if there may be an identity after all.
// The other operations are safe to repeat, and are: see [Config].
//
// # Security
//
// The endpoint must use https, plain http being accepted for loopback addresses
// only, and redirects are never followed. Neither error texts nor log lines hold
// keys, tokens, identity ids or bodies. [AccessToken] and [TeamsExchange] do not
// print their tokens, nor [Config] its connection string.
//
// The requests and answers follow the specification in
// https://github.com/Azure/azure-rest-api-specs/tree/main/specification/communication/data-plane/Identity.
package acsidentity
