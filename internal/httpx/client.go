package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// modulePath is the module whose version [UserAgent] names.
const modulePath = "github.com/Azure-Samples/communication-services-authentication-hero-go"

// DefaultAttemptTimeout bounds one outbound attempt, connection included.
const DefaultAttemptTimeout = 10 * time.Second

// NewClient returns a client for credentials-bearing calls. It never follows a
// redirect, which would repeat a secret to another address, and keeps enough
// idle connections to one host for many concurrent callers. It trusts whom
// [http.DefaultTransport] trusts. It has no overall time-out: callers bound every
// attempt by its context.
func NewClient() *http.Client {
	return Harden(&http.Client{Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{RootCAs: usualRoots(), MinVersion: tls.VersionTLS12},
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           512,
		MaxIdleConnsPerHost:    256,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    5 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}})
}

// usualRoots returns the certificate authorities that the program has given
// [http.DefaultTransport]. nil: the system's.
func usualRoots() *x509.CertPool {
	usual, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil
	}
	if config := usual.Clone().TLSClientConfig; config != nil { // the clone's: net/http may be about to fill in that of the original
		return config.RootCAs
	}
	return nil
}

// Harden returns a copy of c that does not follow redirects. A nil c stands
// for a client of [NewClient].
func Harden(c *http.Client) *http.Client {
	if c == nil {
		return NewClient()
	}
	hardened := *c
	hardened.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &hardened
}

// Version is the version of this module in the running program, as the go command
// stamped it, or else "devel".
var Version = sync.OnceValue(func() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == modulePath && m.Version != "" && m.Version != "(devel)" {
				return m.Version
			}
		}
	}
	return "devel"
})

// UserAgent names this module and its version, for the User-Agent header.
func UserAgent() string { return userAgent() }

var userAgent = sync.OnceValue(func() string { return "acs-authentication-hero-go/" + Version() })
