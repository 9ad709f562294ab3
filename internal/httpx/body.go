package httpx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxBody bounds the body of an answer: one MiB, far above anything that the
// services of this module send.
const MaxBody = 1 << 20

// usualBody has room for the answers that come most often, which hold a token.
const usualBody = 4 << 10

// ErrBodyTooLarge reports a body over the limit.
var ErrBodyTooLarge = errors.New("response body is too large")

// ReadBody reads r to its end. The error wraps [ErrBodyTooLarge] if there are
// more than limit bytes.
func ReadBody(r io.Reader, limit int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(usualBody) // io.ReadAll begins with less, and grows in small steps
	if _, err := b.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit {
		return nil, fmt.Errorf("%w: over %d bytes", ErrBodyTooLarge, limit)
	}
	return b.Bytes(), nil
}

// Drain reads what little may be left of a body, so that its connection can be
// used again, and closes it.
func Drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
