package acsauth

import (
	"context"
	"iter"
	"time"
)

// A Mapping is one user's mapping, as a store that can list them has it.
type Mapping struct {
	TenantID string    // of the user
	ObjectID string    // of the user
	ACSID    string    // the mapped identity
	Created  time.Time // when it was stored; zero: nobody knows
}

// A ListingMapper is an [IdentityMapper] that can list what it holds, which is
// what exporting needs. A store in Microsoft Graph cannot: each mapping is on its
// own user.
type ListingMapper interface {
	IdentityMapper

	// Mappings yields all mappings, in no particular order and in bounded
	// memory. Those that are created or deleted meanwhile may be missing or
	// included. The sequence ends with the first error, which comes without a
	// mapping.
	Mappings(ctx context.Context) iter.Seq2[Mapping, error]
}
