// Package acsauth gives people who are signed in with Microsoft Entra ID an Azure
// Communication Services (ACS) identity and its access tokens.
//
// Three types build on each other, and each is useful without the next:
//
//   - [Authenticator] checks Entra access tokens. Its method Require is a
//     middleware for handlers of one's own.
//   - [Service] keeps one ACS identity for each user in an [IdentityMapper] and
//     issues its tokens. It knows nothing of HTTP.
//   - [Handler] is the HTTP API of both.
//
// Put together:
//
//	authenticator, err := acsauth.NewAuthenticator(acsauth.AuthenticatorConfig{TenantID: tenantID, ClientID: clientID})
//	service, err := acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: mapper})
//	handler, err := acsauth.NewHandler(acsauth.HandlerConfig{Authenticator: authenticator, Service: service})
//	mux.Handle("/api/", handler)
//
// where identities is a client made by acsidentity.New, and mapper a store: that of
// the package graphmap, sqlmap or tablemap, or one's own, proven with
// acsauthtest.TestMapper.
//
// A server that runs for long calls [Authenticator.Run] in a goroutine, so that the
// signing keys are there before a request needs them, and [Service.Close] after
// [net/http.Server.Shutdown], so that no identity is left half-made. The example of
// the package shows both.
//
// # Errors
//
// Refusals are [*Error] values, whose Name is stable. [Authenticator.WriteError]
// answers a request with any error of this package the way [Handler] does. A store
// decides how its failures are answered by implementing [Failure].
//
// # Logs
//
// Loggers are *slog.Logger fields of the configurations, by default slog.Default().
// Lines about a request have its id: that of [WithRequestID], which Handler and
// Require apply, or of [ContextWithRequestID] for calls of a Service without HTTP.
//
// # Security
//
// A [User] is trustworthy because an [Authenticator] made it from a verified token;
// whoever makes one by hand vouches for it. The token itself travels along as a
// [Secret], which cannot be printed or logged by accident. Serve over TLS only.
//
// The rules for tokens follow https://learn.microsoft.com/entra/identity-platform/access-tokens,
// those for answers RFC 6750 and
// https://learn.microsoft.com/entra/identity-platform/claims-challenge.
package acsauth
