package acsidentity

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
)

// connectionCause returns the part of err that says why there is no answer, if that
// cannot hold what was sent or received: the texts of net/http repeat malformed
// answers, and those of HTTP/2 what the other side says on leaving.
func connectionCause(err error) error {
	var (
		known interface {
			error
			FailureKind() string
		}
		network *net.OpError
		trust   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &known):
		return known // it is one of our own
	case errors.As(err, &network):
		return network
	case errors.As(err, &trust):
		return trust
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return errors.New("the connection failed before the answer was complete")
}
