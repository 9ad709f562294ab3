package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// checkHealth asks the server with the settings s for /healthz, and returns the
// exit status. It is the health check of a container that has no curl.
func checkHealth(ctx context.Context, s *settings, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := askHealth(ctx, s)
	if err != nil {
		fmt.Fprintf(stderr, "acs-auth-server: not healthy: %v\n", err)
		return exitFailure
	}
	return exitOK
}

func askHealth(ctx context.Context, s *settings) error {
	// No proxy: the server is on this machine.
	transport := &http.Transport{DisableKeepAlives: true}
	if s.tlsCertFile != "" {
		trust, err := trustOnly(s.tlsCertFile)
		if err != nil {
			return fmt.Errorf("TLS_CERT_FILE names a file that is of no use: %w", err)
		}
		transport.TLSClientConfig = trust
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.scheme()+"://"+dialable(s.listenAddr)+healthPath, nil)
	if err != nil {
		return err
	}
	answer, err := httpx.Harden(&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return err
	}
	defer httpx.Drain(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer of %s has the status %d", healthPath, answer.StatusCode)
	}
	return nil
}

// trustOnly returns a configuration that trusts the certificate in a file and no
// other, whoever vouches for it. The server is reached by its address, which the
// certificate need not name. That it has expired is for its callers to say: nothing
// is mended by starting the server again.
func trustOnly(path string) (*tls.Config, error) {
	file, err := reload.Open(reload.Config[chain]{Path: path, Parse: parseChain})
	if err != nil {
		return nil, err
	}
	leaf := file.Current().leaf
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	name := ""
	switch {
	case len(leaf.DNSNames) > 0:
		name = strings.Replace(leaf.DNSNames[0], "*", "any", 1)
	case len(leaf.IPAddresses) > 0:
		name = leaf.IPAddresses[0].String()
	default:
		return nil, errors.New("its certificate names no host")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    trusted,
		ServerName: name,
		Time:       func() time.Time { return leaf.NotBefore },
	}, nil
}

// dialable turns an address to listen on into one to connect to.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	ip := net.ParseIP(host)
	switch {
	case host == "" || ip != nil && ip.IsUnspecified() && ip.To4() != nil:
		host = "127.0.0.1"
	case ip != nil && ip.IsUnspecified():
		host = "::1"
	}
	return net.JoinHostPort(host, port)
}
