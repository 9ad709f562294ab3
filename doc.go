// Package hero is the front page of the Go sibling of the ACS authentication hero
// samples: it gives people who are signed in with Microsoft Entra ID their Azure
// Communication Services (ACS) identity and its access tokens. The package itself
// is empty. Import what you need.
//
// Who is calling, and what ACS gives them:
//
//   - [acsauth]: the middleware [acsauth.Authenticator.Require] for handlers of your
//     own, the HTTP API [acsauth.Handler] to mount on your mux, and the identity
//     lifecycle [acsauth.Service] without HTTP.
//   - [acsidentity]: a client of the ACS identity REST API, useful on its own.
//
// Where it is written down which identity is whose:
//
//   - [graphmap]: in Microsoft Graph, without a database. It takes [obo], the
//     On-Behalf-Of exchange for the users' Graph tokens.
//   - [sqlmap]: in PostgreSQL or SQLite, with a journal.
//   - [tablemap]: in Azure Table storage or Cosmos DB, with a journal.
//   - [acsauth.MemoryMapper]: in memory, for trials and tests.
//   - [movemap]: in two of these, to move from one to the other.
//   - A store of your own, see below.
//
// How to test it:
//
//   - [acsauthtest]: a cloud to test against, tokens that must be refused, and a
//     suite that proves a store right.
//
// The command cmd/acs-auth-server is a complete server made of these; started
// with -dev it needs no Azure at all. The shortest program that serves the API is
// examples/ownmux, which the README shows. For a server that also ends gracefully see
// the example of package acsauth.
//
// # A store of your own
//
// It has the three methods of [acsauth.IdentityMapper], and an HTTP API over it needs
// neither graphmap nor obo:
//
//	service, err := acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: store})
//
// This test proves it right, races included:
//
//	func TestStore(t *testing.T) {
//		acsauthtest.TestMapper(t, func(t *testing.T) acsauth.IdentityMapper { return newStore(t) }, nil)
//	}
//
// examples/ownstore is complete, test included. Errors of a store can decide how they
// are answered ([acsauth.Failure]), and a store can keep a journal
// ([acsauth.JournalingMapper]).
//
// [acsauth]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth
// [acsauth.Authenticator.Require]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Authenticator.Require
// [acsauth.Failure]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Failure
// [acsauth.Handler]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Handler
// [acsauth.IdentityMapper]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#IdentityMapper
// [acsauth.JournalingMapper]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#JournalingMapper
// [acsauth.MemoryMapper]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#MemoryMapper
// [acsauth.Service]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth#Service
// [acsauthtest]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth/acsauthtest
// [acsidentity]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity
// [graphmap]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap
// [movemap]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/movemap
// [obo]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/obo
// [sqlmap]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/sqlmap
// [tablemap]: https://pkg.go.dev/github.com/Azure-Samples/communication-services-authentication-hero-go/tablemap
package hero
