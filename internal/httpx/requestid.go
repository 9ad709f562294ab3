package httpx

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/google/uuid"
)

// NewRequestID returns an id that finds the lines of one request in logs: a UUID of
// version 4 (RFC 9562). It is unique, but no secret, so it need not come from the
// kernel, which every request would have to ask.
func NewRequestID() string {
	var id uuid.UUID
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 4<<4 // the version
	id[8] = id[8]&0x3f | 2<<6 // the variant
	return id.String()
}
