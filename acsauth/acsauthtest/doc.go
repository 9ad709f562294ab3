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
// [TestTokens] proves that a handler lets in whoever has a good token, and nobody
// else: over 250 tokens and headers, each with the answer that it deserves.
// [Cloud.Tokens] returns them, for servers that are tested in another way.
// [TestMapper] proves that an acsauth.IdentityMapper of your own keeps the contract.
//
// The package imports testing, so it belongs into tests only.
package acsauthtest
