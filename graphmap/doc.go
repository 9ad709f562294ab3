// Package graphmap remembers which ACS identity belongs to which user in
// Microsoft Entra ID itself: in an open extension of the user's object, read and
// written through Microsoft Graph on behalf of the signed-in user. It needs no
// database, and shares its mappings with the Node.js and C# siblings of this
// module.
//
// Start with [New] and [Config]; the [Mapper] that they make is an
// [acsauth.IdentityMapper].
//
//	tokens, err := obo.New(obo.Config{…})
//	…
//	mapper, err := graphmap.New(graphmap.Config{
//		Tokens: tokens,
//		Keys:   [][]byte{key}, // 32 random bytes, the same on every replica
//	})
//	…
//	service, err := acsauth.NewService(acsauth.ServiceConfig{Mapper: mapper, …})
//
// The delegated Graph permission User.ReadWrite suffices. Graph allows an app two
// open extensions on a user; the mapping takes one. What goes wrong is an
// [*Error].
//
// # What is stored
//
//	{
//	  "@odata.type": "microsoft.graph.openTypeExtension",
//	  "extensionName": "com.contoso.identityMapping",
//	  "acsUserIdentity": "8:acs:…",
//	  "acsUserIdentitySignature": "v1.630dcd29.…"
//	}
//
// The signature is there if the Config has keys. It is "v1", the first eight hex
// digits of the key's SHA-256, and the unpadded base64url of
//
//	HMAC-SHA256(key, "acs-mapping/v1\n" + tenant id + "\n" + object id + "\n" + ACS identity)
//
// with both ids in lower case, joined by dots.
//
// # Security
//
// Users can write their own open extensions. An unsigned mapping is therefore a
// claim of the user's: it may name the ACS identity of somebody else, for which a
// server would then issue tokens, and which it would delete on request. With
// keys, a mapping is believed only if it was signed for this very user;
// [AdoptUnsigned] and [TrustUnsigned] say what they give up. A signature does
// not keep users from deleting their mapping, or from restoring one of their own
// that was signed before: the identity in it must be expected to be gone.
//
// The user's token is sent to the configured address and nowhere else; redirects
// are not followed. Errors and logs hold no tokens, keys or text of Graph's.
//
// # Time
//
// A request that may be repeated is sent up to three times, half a second and a second
// apart or as Graph asks, if that is no more than five seconds. Each attempt has
// Config.AttemptTimeout, and ctx bounds the call.
//
// # What Graph cannot do
//
// Graph creates an extension only if there is none of its name, which makes
// [Mapper.Create] safe on any number of replicas. Updates and removals cannot
// depend on what is stored: [Mapper.Delete], [Mapper.LookupRenew] and, where it
// repairs, [Mapper.Create] read first, and what another process writes between
// the two requests is lost. Reads may lag behind writes by seconds.
package graphmap
