package cloud

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// A network makes services reachable: by address through TLS listeners, or by a
// made-up host name in process.
type network struct {
	cloud     *Cloud
	inProcess bool
	client    *http.Client
	caPEM     []byte
	tls       *tls.Config // nil before the first listener

	mu      sync.Mutex
	hosts   map[string]service // by the value of the Host header
	servers []*http.Server
	serving sync.WaitGroup
}

func (n *network) init(c *Cloud, inProcess bool) {
	n.cloud = c
	n.inProcess = inProcess
	n.hosts = make(map[string]service)
	n.client = &http.Client{
		Transport:     c.Transport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// open makes s reachable, after announce has been told its base address. The
// name is used in process only; otherwise s gets a listener of its own.
func (n *network) open(name string, s service, announce func(baseURL string)) error {
	if n.inProcess {
		announce("https://" + name)
		n.alias(name, s)
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.prepareTLS(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("cloud: %w", err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.cloud.serve(s, w, r) }),
		TLSConfig:         n.tls.Clone(),
		ReadHeaderTimeout: 5 * time.Second,
		// A hung handler's context ends with these, so they are well above the
		// time-outs of any client.
		ReadTimeout:  2 * time.Minute,
		WriteTimeout: 2 * time.Minute,
		IdleTimeout:  2 * time.Minute,
		// Clients that cut connections or distrust the authority are what tests
		// are about, not news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	n.servers = append(n.servers, server)
	host := listener.Addr().String()
	announce("https://" + host)
	n.hosts[host] = s
	n.serving.Go(func() { _ = server.ServeTLS(listener, "", "") }) // ends with Close
	return nil
}

// alias lets [Cloud.Transport] find s under one more host name.
func (n *network) alias(host string, s service) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = s
}

func (n *network) service(host string) service {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts[host]
}

// prepareTLS makes the authority and the certificate of all listeners, once.
func (n *network) prepareTLS() error {
	if n.tls != nil {
		return nil
	}
	caPEM, leaf, err := newAuthority()
	if err != nil {
		return fmt.Errorf("cloud: making certificates: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(caPEM)
	n.caPEM = caPEM
	n.tls = &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS12}
	n.client.Transport = &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 64,
		IdleConnTimeout:     time.Minute,
	}
	return nil
}

func (n *network) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for _, server := range n.servers {
		errs = append(errs, server.Close())
	}
	n.serving.Wait()
	n.client.CloseIdleConnections()
	return errors.Join(errs...)
}
