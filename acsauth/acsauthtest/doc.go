// Package acsauthtest helps to test servers and stores that build on acsauth,
// without Azure.
//
// [NewCloud] starts Microsoft Entra ID, Microsoft Graph and Azure Communication
// Services on loopback TLS servers that verify what the real ones verify. Point
// your configuration at its addresses, let your clients use [Cloud.HTTPClient],
// and call your handlers with [Cloud.Token]:
//
//	cloud := acsauthtest.NewCloud(t)
//	auth, err := acsauth.NewAuthenticator(cloud.AuthenticatorConfig())
//	...
//	request.Header.Set("Authorization", "Bearer "+cloud.Token(cloud.AddUser("Ada")))
//
// [Cloud.BadTokens] are tokens that a server must refuse, each with the answer
// that it deserves. [TestMapper] proves that an acsauth.IdentityMapper of your own
// keeps the contract.
//
// The package imports testing, so it belongs into tests only.
package acsauthtest
