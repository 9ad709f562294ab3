// Package obo exchanges the access token that a caller presented for a token to
// another service, Microsoft Graph above all, on behalf of the same user: the
// OAuth 2.0 On-Behalf-Of flow of Microsoft Entra ID. The protocol is spoken by
// the Microsoft Authentication Library for Go (MSAL); this package makes it fit
// for a server that runs for months and serves many users.
//
// Start with [New], [Config] and [Client.Token]; what goes wrong is an [*Error],
// whose Kind says what to do about it.
//
//	client, err := obo.New(obo.Config{
//		ClientID:   clientID,
//		Credential: obo.ClientSecret(secret),
//	})
//	…
//	token, err := client.Token(ctx, tenantID, assertion, "")
//	var failure *obo.Error
//	if errors.As(err, &failure) && failure.Kind == "claims_challenge" {
//		// relay failure.Claims to the caller in a WWW-Authenticate header
//	}
//
// # What it adds to MSAL
//
//   - An exchange is one network request, the first one of a tenant included.
//     The address of the token endpoint follows from [Config].AuthorityHost and
//     the tenant, as the protocol documents it; neither OpenID metadata nor
//     instance discovery is asked for.
//   - Tokens are remembered in bounded memory, and forgotten five minutes before
//     they expire, or when the assertion that they stand for has expired.
//     MSAL's own cache, which never forgets, is not used.
//   - However many requests carry one assertion at the same time, Microsoft
//     Entra ID is asked once. A caller who goes away disturbs no other.
//   - A secret or certificate can be replaced while the program runs, see
//     [CredentialFunc], without a failed exchange and without new tokens.
//   - A transient failure is retried once. A tenant that is being throttled is left
//     alone for as long as Microsoft Entra ID asked for, and an answer that only
//     the user or an administrator can change is remembered for 30 seconds.
//
// # Security
//
// Token trusts its arguments: the assertion MUST have been validated (signature,
// issuer, audience, expiry), and the tenant id MUST be the one in that assertion.
// A remembered token is handed to whoever presents the same assertion again.
//
// Secret and assertion are sent to the authority host over TLS, and nowhere else:
// no redirect is followed, and no answer can name another address. Errors and log
// lines hold neither, nor a token, nor any text that the server sent, except the
// error codes and ids that are fields of [Error]. Tokens that this package
// returns must not be handed to clients.
//
// The environment variable MSAL_FORCE_REGION has no effect. Proxy settings are
// honoured unless Config.HTTPClient says otherwise.
package obo
