package httpx

import (
	"bytes"
	"sync"
)

// maxKept bounds the buffers that are kept, so that a few large bodies do not take
// memory for ever.
const maxKept = 16 << 10

// buffers are for bodies with tokens, which every request has, coming and going.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// TakeBuffer returns an empty buffer. Whoever takes one and does not keep what is in it
// should give it back with [GiveBuffer].
func TakeBuffer() *bytes.Buffer {
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	return b
}

// GiveBuffer gives a buffer back. Neither it nor its content must be used afterwards.
func GiveBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxKept {
		buffers.Put(b)
	}
}
