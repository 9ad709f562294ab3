package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
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
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: anyCertificate()}
	u := url.URL{Scheme: s.scheme(), Host: dialable(s.listenAddr), Path: healthPath}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
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

// anyCertificate returns a configuration that takes whatever certificate the server
// shows. The check connects to the server's own address on this machine, sends nothing
// secret, and believes nothing but a status, as it does without TLS. Which certificate
// is in use is no part of the server's health: it may be older than the file, when that
// was replaced by something of no use, and starting the server again would make it worse.
func anyCertificate() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
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
