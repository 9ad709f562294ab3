package httpx_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// What went wrong with a connection is told, but nothing that passed over it.
func TestConnectionCause(t *testing.T) {
	t.Parallel()
	const broken = "the connection failed before the answer was complete"
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	secret := &x509.Certificate{DNSNames: []string{"s3cret.example"}}
	distrusted := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"no connection":                  {fmt.Errorf("s3cret: %w", dial), "dial tcp: connection refused"},
		"cut off":                        {fmt.Errorf("s3cret: %w", io.ErrUnexpectedEOF), "unexpected EOF"},
		"of the other side too":          {fmt.Errorf("s3cret: %w", io.EOF), "EOF"},
		"out of time":                    {fmt.Errorf("s3cret: %w", context.DeadlineExceeded), "context deadline exceeded"},
		"given up":                       {fmt.Errorf("s3cret: %w", context.Canceled), "context canceled"},
		"too much":                       {fmt.Errorf("s3cret: %w", httpx.ErrBodyTooLarge), "response body is too large"},
		"a malformed answer":             {errors.New(`malformed HTTP response "s3cret"`), broken},
		"HTTP/2, on leaving":             {errors.New(`http2: server sent GOAWAY, debug="s3cret"`), broken},
		"a proxy":                        {errors.New("s3cret: proxy authentication required"), broken},
		"a failure of our own":           {ownError{}, "too much at once"},
		"one that is wrapped":            {fmt.Errorf("s3cret: %w", ownError{}), "too much at once"},
		"a certificate of somebody else": {distrusted(x509.HostnameError{Certificate: secret, Host: "h.example"}), "the certificate is not valid for h.example"},
		"of a proxy": {&net.OpError{Op: "proxyconnect", Err: distrusted(x509.HostnameError{Certificate: secret, Host: "h.example"})},
			"the certificate is not valid for h.example"},
		"of nobody known": {distrusted(x509.UnknownAuthorityError{Cert: secret}), "the certificate is signed by an unknown authority"},
		"out of date": {distrusted(x509.CertificateInvalidError{Cert: secret, Reason: x509.Expired, Detail: "since yesterday"}),
			"x509: certificate has expired or is not yet valid: since yesterday"},
		"for something else": {distrusted(x509.CertificateInvalidError{Cert: secret, Reason: x509.CANotAuthorizedForThisName, Detail: "s3cret"}),
			"the certificate cannot be verified"},
	} {
		if got := httpx.ConnectionCause(test.err).Error(); got != test.want {
			t.Errorf("%s: %s; want %s", name, got, test.want)
		}
	}
}

type ownError struct{}

func (ownError) Error() string       { return "too much at once" }
func (ownError) FailureKind() string { return "unavailable" }
