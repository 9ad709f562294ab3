package httpx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// MaxBody bounds the body of an answer: one MiB, far above anything that the
// services of this module send.
const MaxBody = 1 << 20

// usualBody has room for the answers that come most often, which hold a token.
const usualBody = 4 << 10

// ErrBodyTooLarge reports a body over the limit.
var ErrBodyTooLarge = errors.New("response body is too large")

// ReadBody reads the body of an answer to its end. The error wraps
// [ErrBodyTooLarge] if there are more than limit bytes.
func ReadBody(answer *http.Response, limit int64) ([]byte, error) {
	var b bytes.Buffer
	if err := ReadBodyInto(&b, answer, limit); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ReadBodyInto does the same with a buffer, which is empty or holds the whole body
// afterwards.
func ReadBodyInto(b *bytes.Buffer, answer *http.Response, limit int64) error {
	room := int64(usualBody) // io.ReadAll begins with less, and grows in small steps
	if n := answer.ContentLength; 0 <= n && n < room {
		room = n
	}
	b.Reset()
	b.Grow(int(room) + bytes.MinRead) // so that it need not grow to see the end
	_, err := b.ReadFrom(io.LimitReader(answer.Body, limit+1))
	if err == nil && int64(b.Len()) > limit {
		err = fmt.Errorf("%w: over %d bytes", ErrBodyTooLarge, limit)
	}
	if err != nil {
		b.Reset()
	}
	return err
}

// Drain reads what little may be left of a body, so that its connection can be
// used again, and closes it.
func Drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 4<<10)
	_ = body.Close()
}
