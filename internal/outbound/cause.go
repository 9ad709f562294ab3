package outbound

import (
	"context"
	"errors"
	"io"
)

// withoutCause returns the context's own error in place of the cause with which it was
// ended, which is what net/http reports over HTTP/1. That cause is somebody else's
// error, of a sibling in an errgroup, say: it would be read as if the call itself had
// failed for it, and never been sent.
func withoutCause(ctx context.Context, err error) error {
	ended := ctx.Err()
	if ended == nil || errors.Is(err, ended) {
		return err
	}
	if cause := context.Cause(ctx); errors.Is(err, cause) {
		return ended
	}
	return err
}

// A body is that of an answer, whose end by the context is told in the same way.
type body struct {
	io.ReadCloser
	ctx context.Context
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = withoutCause(b.ctx, err)
	}
	return n, err
}
