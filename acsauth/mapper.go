package acsauth

import (
	"context"
	"errors"
	"time"
)

// What an [IdentityMapper] answers. Implementations wrap them with %w; test for
// them with errors.Is.
var (
	// ErrNotMapped: the user has no ACS identity.
	ErrNotMapped = errors.New("no ACS identity is mapped to this user")
	// ErrAlreadyMapped: another ACS identity is mapped to the user.
	ErrAlreadyMapped = errors.New("another ACS identity is mapped to this user")
	// ErrNotStored: the mapping was certainly not written, and will not be.
	ErrNotStored = errors.New("the mapping was not stored")
	// ErrMappingInvalid: what is stored must not be trusted: corrupt, unsigned
	// where a signature is required, or wrongly signed.
	ErrMappingInvalid = errors.New("the stored mapping is not valid")
)

// An IdentityMapper remembers which ACS identity belongs to which user: the
// store of [Service]. Implementations must be safe for concurrent use, and must
// tell users apart by tenant id and object id together (and by ACS resource,
// where several share a store). Ids and identities are whatever text the caller has:
// a store keeps them byte for byte, or refuses to create the mapping, with
// ErrNotStored. Who has created a mapping finds it at once. A call whose ctx has
// ended fails, and not with ErrNotMapped.
//
// The package acsauthtest has a conformance suite, TestMapper, which proves an
// implementation right. An error that implements [Failure] decides the HTTP
// answer; any other error than those named here is answered 502, and one of ctx 504.
type IdentityMapper interface {
	// Lookup returns the mapped ACS identity. The error wraps ErrNotMapped if
	// there is none, which is what Create can fill (so that an empty value counts as
	// none where Create replaces it), and ErrMappingInvalid if what is stored must
	// not be trusted.
	Lookup(ctx context.Context, u User) (acsID string, err error)

	// Create maps u to acsID and never replaces a mapping; mapping u again to
	// the same acsID succeeds. The error wraps ErrAlreadyMapped if another
	// identity is mapped, or what is stored is invalid, and ErrNotStored if the
	// mapping was certainly not written, as one with an empty acsID; any other
	// error means that nobody knows.
	Create(ctx context.Context, u User, acsID string) error

	// Delete removes the mapping if it still maps u to acsID or, with acsID
	// empty, if it is invalid. A mapping that is absent or different is left
	// alone, and is not an error.
	Delete(ctx context.Context, u User, acsID string) error
}

// A RenewingMapper is an [IdentityMapper] whose mappings can grow old without
// being wrong, such as one signed with a key that is about to be retired.
// [Service] calls LookupRenew instead of Lookup where a mapping is about to be
// used for some time: when it creates an identity and when it remembers one.
type RenewingMapper interface {
	IdentityMapper

	// LookupRenew is Lookup, and brings what is stored up to date. A failure
	// to do the latter is not an error.
	LookupRenew(ctx context.Context, u User) (acsID string, err error)
}

// A LaggingMapper is an [IdentityMapper] whose reads may be out of date for a while, and
// whose deletions do not depend on what they delete. [Service] waits that long before it
// removes a mapping whose identity somebody else has deleted: they may have mapped the
// user to another one since, which Delete would remove without having seen it.
type LaggingMapper interface {
	IdentityMapper

	// ReadLag returns how far reads may be behind, as a rule. Zero: not at all. It is
	// asked once.
	ReadLag() time.Duration
}
