package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

// checkHealth asks the server that listens at addr for /healthz, and returns the
// exit status. It is the health check of a container that has no curl.
func checkHealth(ctx context.Context, addr string, stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := askHealth(ctx, addr)
	if err != nil {
		fmt.Fprintf(stderr, "acs-auth-server: not healthy: %v\n", err)
		return exitFailure
	}
	return exitOK
}

func askHealth(ctx context.Context, addr string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+dialable(addr)+healthPath, nil)
	if err != nil {
		return err
	}
	// No proxy: the server is on this machine.
	client := httpx.Harden(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}})
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer httpx.Drain(answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer of %s has the status %d", healthPath, answer.StatusCode)
	}
	return nil
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
