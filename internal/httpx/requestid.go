package httpx

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
)

// NewRequestID returns an id that finds the lines of one request in logs: a UUID of
// version 4 (RFC 9562). It is unique, but no secret, so it need not come from the
// kernel, which every request would have to ask.
func NewRequestID() string {
	var id [16]byte
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	id[6] = id[6]&0x0f | 4<<4 // the version
	id[8] = id[8]&0x3f | 2<<6 // the variant
	var text [36]byte
	for i, from, to := 0, 0, 0; i < 5; i++ {
		n := [...]int{4, 2, 2, 2, 6}[i]
		hex.Encode(text[to:], id[from:from+n])
		if from, to = from+n, to+2*n; to < len(text) {
			text[to] = '-'
			to++
		}
	}
	return string(text[:])
}
