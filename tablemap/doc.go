// Package tablemap remembers which ACS identity belongs to which user in a table
// of Azure Table storage, or of Azure Cosmos DB with its Table API. It keeps a
// journal too, so that what a process leaves that dies in mid-call is found and
// repaired.
//
// Start with [New] and [Config]; the [Mapper] that they make is an
// [acsauth.JournalingMapper] and an [acsauth.ListingMapper].
//
//	mapper, err := tablemap.New(tablemap.Config{
//		Account:  tablemap.Entra("https://contoso.table.core.windows.net", credential),
//		Resource: "contoso.communication.azure.com", // the ACS resource
//	})
//	…
//	err = mapper.CreateTable(ctx)
//	…
//	service, err := acsauth.NewService(acsauth.ServiceConfig{Mapper: mapper, …})
//
// What goes wrong is an [*Error].
//
// # What is stored
//
// An entity for each user's mapping, and one for each journal entry while it is
// open. Their keys are
//
//	PartitionKey                             RowKey
//	m_<ACS resource>_<tenant id>_<object id> mapping
//	j_<ACS resource>_<tenant id>_<object id> <entry id>
//
// in which a byte that is no letter, digit, dot or hyphen is written as a tilde and
// two hexadecimal digits. All properties are strings, times in the format of RFC
// 3339: ACSID and Created of a mapping; Kind, ACSID, RequestID and Opened of an
// entry.
//
// A mapping is therefore read with one point query, and so are the entries of a
// user. Those of everybody, and all mappings, are ranges of partitions: neither
// kind is scanned for the other, nor are those of another ACS resource.
//
// # Races
//
// A mapping is inserted, never replaced, and of several inserts the service accepts
// one. It is deleted only in the version that was read (ETag). Both hold for any
// number of processes. In Cosmos DB they hold for accounts with one write region;
// accounts with several write regions resolve conflicts after having accepted both
// writes, and must not be used.
//
// # Security
//
// Whoever can write to the table decides which identity a user gets tokens for. Let
// the servers be the only ones, with an identity of their own in Microsoft Entra ID
// rather than an account key, and switch off key access to the account.
//
// Keys, signatures and tokens are sent to the configured address and nowhere else,
// over https unless the address is loopback; redirects are not followed. Errors
// hold none of them.
//
// Restoring a table, or failing over to another region, can bring back mappings
// that were deleted and lose recent ones. The former name identities that are gone,
// which acsauth.Service finds out; the identities of the latter stay behind.
package tablemap
