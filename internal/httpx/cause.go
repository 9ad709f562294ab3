package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
)

// ConnectionCause returns the part of err that says why there is no complete answer,
// if that cannot hold what was sent or received: the texts of net/http repeat
// malformed answers and what proxies say, those of HTTP/2 what the other side says on
// leaving, and those of package x509 the names in a certificate.
func ConnectionCause(err error) error {
	var (
		known interface {
			error
			FailureKind() string
		}
		trust   *tls.CertificateVerificationError
		network *net.OpError
	)
	switch {
	case errors.As(err, &known):
		return known // it is one of our own
	case errors.As(err, &trust): // before the network: the connection to a proxy has both
		return distrust(trust.Err)
	case errors.As(err, &network):
		return network
	}
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded, ErrBodyTooLarge, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return errors.New("the connection failed before the answer was complete")
}

// distrust says why a certificate was refused, without the names in it.
func distrust(err error) error {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &host):
		return fmt.Errorf("the certificate is not valid for %s", host.Host)
	case errors.As(err, &unknown):
		return errors.New("the certificate is signed by an unknown authority")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return invalid // with the times, which show a clock that is wrong
	}
	return errors.New("the certificate cannot be verified")
}
