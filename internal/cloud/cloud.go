package cloud

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Defaults of [Config], which no real directory uses.
const (
	DefaultTenantID    = "11111111-aaaa-4111-8111-1111bbbb1111"
	DefaultClientID    = "22222222-cccc-4222-8222-2222dddd2222"
	DefaultSPAClientID = "33333333-eeee-4333-8333-3333ffff3333"
	// TenantDomain is the verified domain of the home tenant. Entra's metadata
	// is served under it as under the tenant's id.
	TenantDomain = "contoso.onmicrosoft.example"
)

// Config says what [Start] starts. The zero value is complete.
type Config struct {
	// TenantID is the home tenant, a GUID. Default: [DefaultTenantID].
	TenantID string
	// ClientID is the API's app registration, a GUID: the audience of users'
	// tokens and the client of On-Behalf-Of exchanges. Default: [DefaultClientID].
	ClientID string
	// ClientSecret is its secret. Default: a random one, see [Cloud.ClientSecret].
	ClientSecret string
	// SPAClientID is the app that users sign in with, a GUID. Default:
	// [DefaultSPAClientID].
	SPAClientID string
	// Now is the clock of all three services. Default: time.Now.
	Now func() time.Time
	// InProcess opens no sockets and starts no goroutine but those of requests
	// under way: the services are reached through [Cloud.Transport] only. Inside
	// a bubble of testing/synctest, Start, use and Close the cloud there.
	InProcess bool
}

// A Cloud is the three running services. Its methods, and those of its
// services, are safe for concurrent use.
type Cloud struct {
	// The identifiers and the secret in use, see [Config].
	TenantID, ClientID, ClientSecret, SPAClientID string

	Entra *Entra
	Graph *Graph
	ACS   *ACS
	// Machine is where the program under test could be running.
	Machine *Machine

	now    func() time.Time
	net    network
	faults faults
	calls  recorder

	ctx    context.Context // ends with Close
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	late   map[*time.Timer]struct{}
	active int            // requests under way, and late effects due or under way
	busy   sync.WaitGroup // the same
}

// Start starts the three services. The caller must Close the cloud.
func Start(cfg Config) (*Cloud, error) {
	c := &Cloud{
		TenantID:     orDefault(cfg.TenantID, DefaultTenantID),
		ClientID:     orDefault(cfg.ClientID, DefaultClientID),
		ClientSecret: orDefault(cfg.ClientSecret, randomSecret()),
		SPAClientID:  orDefault(cfg.SPAClientID, DefaultSPAClientID),
		now:          cfg.Now,
		late:         make(map[*time.Timer]struct{}),
	}
	if c.now == nil {
		c.now = time.Now
	}
	var errs []error
	for _, id := range []struct{ field, value string }{{"TenantID", c.TenantID}, {"ClientID", c.ClientID}, {"SPAClientID", c.SPAClientID}} {
		if !isGUID(id.value) {
			errs = append(errs, fmt.Errorf("cloud: Config.%s must be a GUID in lower case such as %s", id.field, DefaultTenantID))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.net.init(c, cfg.InProcess)
	if err := c.startServices(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cloud) startServices() (err error) {
	c.Entra = newEntra(c)
	c.Graph = newGraph(c)
	c.ACS = newACS(c)
	c.Machine = newMachine(c)
	if err = c.net.open("login.entra.test", c.Entra, func(url string) { c.Entra.URL = url }); err != nil {
		return err
	}
	if err = c.net.open("graph.test", c.Graph, func(url string) { c.Graph.URL = url + "/v1.0" }); err != nil {
		return err
	}
	if err = c.net.open("machine.test", c.Machine, func(url string) { c.Machine.URL = url }); err != nil {
		return err
	}
	c.ACS.Resource, err = c.ACS.AddResource(ResourceConfig{})
	return err
}

// Close stops the services. It cuts requests under way, drops effects that are
// still due (see [Fault.Late]), and returns when none is left running.
func (c *Cloud) Close() error {
	c.mu.Lock()
	c.closed = true
	for timer := range c.late {
		if timer.Stop() {
			c.active--
			c.busy.Done()
		}
		delete(c.late, timer)
	}
	c.mu.Unlock()
	c.cancel()
	err := c.net.close()
	c.busy.Wait()
	return err
}

// CAPEM returns the certificate of the authority that vouches for the listeners,
// as PEM. It is nil if the cloud runs in process.
func (c *Cloud) CAPEM() []byte { return c.net.caPEM }

// HTTPClient returns a client that reaches the services: over TLS, trusting
// their authority, or in process if the cloud runs so. It does not follow
// redirects. All calls return the same client.
func (c *Cloud) HTTPClient() *http.Client { return c.net.client }

// Busy returns how many requests are under way, and how many effects are still
// due (see [Fault.Late]). Once it is zero and nobody calls any more, nothing changes.
func (c *Cloud) Busy() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.active
}

// begin reports whether the cloud is still open, and if so keeps Close waiting
// until end is called.
func (c *Cloud) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.active++
	c.busy.Add(1)
	return true
}

func (c *Cloud) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active--
	c.busy.Done()
}

// later runs effect after d, unless the cloud is closed before.
func (c *Cloud) later(d time.Duration, effect func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.active++
	c.busy.Add(1)
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		defer c.end()
		c.mu.Lock() // also orders this after the assignment of timer
		delete(c.late, timer)
		c.mu.Unlock()
		effect()
	})
	c.late[timer] = struct{}{}
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// isGUID accepts only the form that Entra and ACS use: lower case, with hyphens.
func isGUID(s string) bool {
	id, err := uuid.Parse(s)
	return err == nil && id.String() == s
}

func randomSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
