// Package hero is the front page of the Go sibling of the ACS authentication hero
// samples: it gives people who are signed in with Microsoft Entra ID their Azure
// Communication Services (ACS) identity and its access tokens. The package itself
// is empty. Import what you need:
//
//   - [acsauth]: who is calling, and which ACS identity is theirs. The middleware
//     [acsauth.Authenticator.Require] for handlers of your own, the HTTP API
//     [acsauth.Handler] to mount on your mux, the identity lifecycle
//     [acsauth.Service] without HTTP, and [acsauth.IdentityMapper] for a store
//     of your own.
//   - [graphmap]: the mapping from user to identity in Microsoft Graph.
//   - [obo]: the On-Behalf-Of exchange for the Graph token that graphmap needs.
//   - [acsidentity]: a client of the ACS identity REST API, useful on its own.
//   - [acsauth/acsauthtest]: a cloud to test against, tokens that must be
//     refused, and a suite that proves a store right.
//
// The command cmd/acs-auth-server is a complete server made of these; started
// with -dev it needs no Azure at all. The shortest program that serves the API is
// examples/ownmux, which the README shows.
//
// [acsauth]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth
// [acsauth.Authenticator.Require]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Authenticator.Require
// [acsauth.Handler]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Handler
// [acsauth.Service]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Service
// [acsauth.IdentityMapper]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#IdentityMapper
// [graphmap]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap
// [obo]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/obo
// [acsidentity]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity
// [acsauth/acsauthtest]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest
package hero
