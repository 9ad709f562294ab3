package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/reload"
)

// A keyPair is the certificate with which the server proves itself to its callers,
// and the certificate's key. They are two files, which change one after the other:
// as long as they do not belong together, the pair before stays in use.
type keyPair struct {
	chain  *reload.File[chain]
	key    *reload.File[crypto.Signer]
	logger *slog.Logger
	inUse  atomic.Pointer[tls.Certificate]

	mu         sync.Mutex // of who looks at the files
	warned     time.Time  // when the dates were last looked at
	triedChain *chain     // what was last put together, whether that was of use or not
	triedKey   *crypto.Signer
}

// A chain is a certificate and those that vouch for it.
type chain struct {
	leaf *x509.Certificate
	der  [][]byte
}

const noPair = "does not hold the key of the certificate in TLS_CERT_FILE"

var errNoPair = errors.New("TLS_KEY_FILE " + noPair)

// openKeyPair returns the pair that s names; nil: the server speaks plain HTTP.
func openKeyPair(s *settings, around surroundings, p *problems) *keyPair {
	if s.tlsCertFile == "" || s.tlsKeyFile == "" {
		return nil // as decided, or reported by settings.check
	}
	k := &keyPair{logger: around.logger}
	// That one file has changed is no news before the pair has.
	around.logger = slog.New(withoutChanges{around.logger.Handler()})
	var err error
	if k.chain, err = openFile(s.tlsCertFile, "TLS_CERT_FILE", around, parseChain); err != nil {
		p.addFirst("TLS_CERT_FILE", "%v", err)
	}
	if k.key, err = openFile(s.tlsKeyFile, "TLS_KEY_FILE", around, parseKey); err != nil {
		p.addFirst("TLS_KEY_FILE", "%v", err)
	}
	if p.has("TLS_CERT_FILE") || p.has("TLS_KEY_FILE") {
		return nil
	}
	if err := k.update(); err != nil {
		p.addFirst("TLS_KEY_FILE", noPair)
		return nil
	}
	return k
}

// serve lets web serve listener: with TLS, unless k is nil.
func (k *keyPair) serve(web *http.Server, listener net.Listener) error {
	if k == nil {
		return web.Serve(listener)
	}
	web.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.current}
	return web.ServeTLS(listener, "", "")
}

// current returns the pair to use in a handshake. One handshake at a time looks
// whether there is another one; the others do not wait for that.
func (k *keyPair) current(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if k.mu.TryLock() {
		defer k.mu.Unlock()
		before := k.inUse.Load()
		switch err := k.update(); {
		case err != nil:
			k.logger.Warn("the TLS certificate stays the one before", "error", err)
		case k.inUse.Load() != before:
			k.logger.Info("the TLS certificate has been replaced", "expires", k.inUse.Load().Leaf.NotAfter)
			k.warnOfDates(context.Background())
		case time.Since(k.warned) >= warnEvery:
			k.warnOfDates(context.Background())
		}
	}
	return k.inUse.Load(), nil
}

// warnEvery is how often the dates are looked at while there are handshakes.
const warnEvery = 24 * time.Hour

// warnOfDates logs that the certificate in use is not valid now, or will not be for
// much longer: that the last tenth of its life has begun, before which whoever renews
// certificates does so. The lock is held, or nobody else knows of k yet.
func (k *keyPair) warnOfDates(ctx context.Context) {
	if k == nil {
		return
	}
	leaf, now := k.inUse.Load().Leaf, time.Now()
	k.warned = now
	switch life, left := leaf.NotAfter.Sub(leaf.NotBefore), leaf.NotAfter.Sub(now); {
	case left < 0:
		k.logger.WarnContext(ctx, "the TLS certificate has expired", "expires", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		k.logger.WarnContext(ctx, "the TLS certificate is not valid yet", "from", leaf.NotBefore)
	case left < life/10:
		k.logger.WarnContext(ctx, "the TLS certificate expires soon", "expires", leaf.NotAfter)
	}
}

// update puts a pair together if one of the files has changed. It says once that
// they do not belong together. The lock is held, or nobody else knows of k yet.
func (k *keyPair) update() error {
	certificates, key := k.chain.Current(), k.key.Current()
	if certificates == k.triedChain && key == k.triedKey {
		return nil
	}
	k.triedChain, k.triedKey = certificates, key
	public, ok := certificates.leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal((*key).Public()) {
		return errNoPair
	}
	k.inUse.Store(&tls.Certificate{Certificate: certificates.der, PrivateKey: *key, Leaf: certificates.leaf})
	return nil
}

// parseChain reads the certificates in PEM, the server's own first. Its errors
// repeat nothing of them.
func parseChain(content []byte) (c chain, err error) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			c.der = append(c.der, block.Bytes)
		}
	}
	if len(c.der) == 0 {
		return c, errors.New("it holds no certificate in PEM")
	}
	if c.leaf, err = x509.ParseCertificate(c.der[0]); err != nil {
		return c, errors.New("it holds no certificate that can be read")
	}
	return c, nil
}

// parseKey reads the first private key in PEM.
func parseKey(content []byte) (crypto.Signer, error) {
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		var key any
		var err error
		switch block.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(block.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("its private key is encrypted")
		default:
			continue
		}
		signer, ok := key.(crypto.Signer)
		if err != nil || !ok {
			return nil, errors.New("it holds no private key that can be read")
		}
		return signer, nil
	}
	return nil, errors.New("it holds no private key in PEM")
}

// A withoutChanges lets everything through but that a file has changed.
type withoutChanges struct{ slog.Handler }

func (h withoutChanges) Handle(ctx context.Context, line slog.Record) error {
	if line.Message == "a file has changed, and what it holds is in use" {
		return nil
	}
	return h.Handler.Handle(ctx, line)
}
