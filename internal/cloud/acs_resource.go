package cloud

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// A Resource is one ACS resource with its identities.
type Resource struct {
	// URL is its endpoint, without a trailing slash.
	URL string

	acs *ACS
	id  string

	mu         sync.Mutex
	keys       [2]accessKey // primary, secondary
	generation int
	identities map[string]*identity
	order      []string        // their ids, oldest first
	roles      map[string]bool // by the client id of the app or managed identity
}

type accessKey struct {
	secret     []byte
	generation int // distinct for every key that there ever was
}

// ResourceConfig says how [ACS.AddResource] makes a resource. The zero value is
// complete.
type ResourceConfig struct {
	// ID is its immutable id, a GUID in lower case. Default: a random one.
	ID string
	// Host is the name (and port, if not 443) by which requests find it: through
	// [Cloud.Transport], or at the address of any other resource with this Host
	// header. Default: an address of its own.
	Host string
	// AccessKey is the primary key, in standard base64. Default: a random one.
	AccessKey string
}

// AddResource makes another resource. An identity of one is foreign to the
// others.
func (a *ACS) AddResource(cfg ResourceConfig) (*Resource, error) {
	r := &Resource{acs: a, id: orDefault(cfg.ID, uuid.NewString()), identities: make(map[string]*identity),
		roles: map[string]bool{a.cloud.ClientID: true}}
	var errs []error
	if !isGUID(r.id) {
		errs = append(errs, errors.New("cloud: ResourceConfig.ID must be a GUID in lower case"))
	}
	for i := range r.keys {
		r.newKey(i)
	}
	if cfg.AccessKey != "" {
		secret, err := base64.StdEncoding.DecodeString(cfg.AccessKey)
		if err != nil || len(secret) == 0 {
			errs = append(errs, errors.New("cloud: ResourceConfig.AccessKey must be standard base64"))
		}
		r.keys[0].secret = secret
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	announce := func(url string) {
		r.URL = url
		a.mu.Lock()
		defer a.mu.Unlock()
		a.resources[strings.TrimPrefix(url, "https://")] = r
	}
	if host := strings.ToLower(cfg.Host); host != "" {
		announce("https://" + host)
		a.cloud.net.alias(host, a)
		return r, nil
	}
	a.mu.Lock()
	name := fmt.Sprintf("resource%d.communication.test", len(a.resources)+1)
	a.mu.Unlock()
	if err := a.cloud.net.open(name, a, announce); err != nil {
		return nil, err
	}
	return r, nil
}

// newKey replaces a key. The caller holds r.mu, or nobody else has r.
func (r *Resource) newKey(i int) {
	r.generation++
	r.keys[i] = accessKey{secret: []byte(randomSecret() + randomSecret()), generation: r.generation}
}

// ResourceID returns the immutable id, which is the first part of the raw ids
// of its identities.
func (r *Resource) ResourceID() string { return r.id }

// ConnectionString returns the connection string with the primary access key.
func (r *Resource) ConnectionString() string { return r.connectionString(0) }

// SecondaryConnectionString returns the one with the secondary access key.
func (r *Resource) SecondaryConnectionString() string { return r.connectionString(1) }

func (r *Resource) connectionString(i int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "endpoint=" + r.URL + "/;accesskey=" + base64.StdEncoding.EncodeToString(r.keys[i].secret)
}

// RegeneratePrimaryKey replaces the primary access key. The former one is
// refused from now on, and the tokens that were issued with it are revoked.
func (r *Resource) RegeneratePrimaryKey() { r.regenerate(0) }

// RegenerateSecondaryKey does so with the secondary one.
func (r *Resource) RegenerateSecondaryKey() { r.regenerate(1) }

func (r *Resource) regenerate(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	former := r.keys[i].generation
	r.newKey(i)
	for _, id := range r.identities {
		id.tokens = slices.DeleteFunc(id.tokens, func(t *accessToken) bool { return t.signedBy == former })
	}
}

// AssignRole lets the app or managed identity with a client id sign in to the
// resource. (Really a role goes to the principal.) Our API's app has a role from
// the beginning.
func (r *Resource) AssignRole(clientID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roles[clientID] = true
}

// RemoveRole takes the role away again.
func (r *Resource) RemoveRole(clientID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.roles, clientID)
}

// An Identity is a snapshot of one identity of a resource.
type Identity struct {
	ID        string
	Live      bool // not deleted
	CreatedAt time.Time
	DeletedAt time.Time // zero if live
	Issued    int       // tokens ever issued to it
}

// An identity is guarded by Resource.mu.
type identity struct {
	Identity
	tokens []*accessToken // neither revoked nor known to be expired
}

// Identities returns all identities that the resource ever had, oldest first.
func (r *Resource) Identities() []Identity {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Identity, len(r.order))
	for i, id := range r.order {
		list[i] = r.identities[id].Identity
	}
	return list
}

// AddIdentity makes an identity without a call, and returns its raw id.
func (r *Resource) AddIdentity() (id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.register(r.newID()).ID
}

func (r *Resource) newID() string { return "8:acs:" + r.id + "_" + uuid.NewString() }

// register adds a live identity. The caller holds r.mu.
func (r *Resource) register(id string) *identity {
	created := &identity{Identity: Identity{ID: id, Live: true, CreatedAt: r.acs.cloud.now()}}
	r.identities[id] = created
	r.order = append(r.order, id)
	return created
}

// DeleteIdentity deletes an identity without a call, as another tool might. One
// that does not exist is left alone.
func (r *Resource) DeleteIdentity(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found := r.identities[id]; found != nil && found.Live {
		r.bury(found)
	}
}

// bury deletes a live identity. The caller holds r.mu.
func (r *Resource) bury(id *identity) {
	id.Live = false
	id.DeletedAt = r.acs.cloud.now()
	id.tokens = nil
}
