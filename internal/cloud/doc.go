// Package cloud is Microsoft Entra ID, Microsoft Graph and Azure Communication
// Services (ACS) in one process: real HTTP services on loopback TLS that verify
// what the real ones verify. The tests of this module run against it, and so
// does the reference server's -dev mode. [Cloud.Machine] hands out the tokens of
// managed identities.
//
//	c, err := cloud.Start(cloud.Config{})
//	if err != nil {
//		…
//	}
//	defer c.Close()
//	alice := c.Entra.AddUser(cloud.User{Name: "Alice"})
//	token := c.Entra.UserToken(alice, cloud.TokenOptions{})
//
// The services are reached at c.Entra.URL, c.Graph.URL and c.ACS.URL through
// [Cloud.HTTPClient], which trusts the certificate authority made for them; or
// without any socket through [Cloud.Transport], which also works inside the
// bubbles of testing/synctest (see [Config.InProcess]).
//
// [Cloud.Inject] makes any operation fail, hang, lose its answer or take effect
// late, and [Cloud.Calls] tells what was called. The methods of [Entra], [Graph]
// and [ACS] stand in for the portal: they make users, rotate keys, set policies
// and look at what is stored.
//
// What is refused, and in which words, follows answers recorded from the real
// services. Where none are public, the comment at the code says that the answer
// is a guess.
//
// # Security
//
// Nothing here protects anything. The signing keys are made once per process and
// shared by all its clouds, the users have no passwords, and whoever holds a
// [Cloud] can mint any token. The listeners are bound to 127.0.0.1.
package cloud
