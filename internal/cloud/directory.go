package cloud

import (
	"strings"

	"github.com/google/uuid"
)

// A User is a person in a tenant.
type User struct {
	// ObjectID is the user's oid in the tenant, a GUID in lower case. Default: a
	// random one.
	ObjectID string
	// TenantID is the tenant. Default: the home tenant. Naming another makes
	// that tenant known.
	TenantID string
	// Name is the display name. Default: "Test User".
	Name string
	// UPN is the sign-in name. Default: made of Name.
	UPN string
}

// key tells users apart: neither id is enough.
func (u User) key() string { return userKey(u.TenantID, u.ObjectID) }

func userKey(tenantID, objectID string) string {
	return strings.ToLower(tenantID) + "/" + strings.ToLower(objectID)
}

// AddUser adds u to the directory, or replaces the user with the same tenant
// and object id, and returns u with the defaults filled in.
func (e *Entra) AddUser(u User) User {
	u.ObjectID = orDefault(u.ObjectID, uuid.NewString())
	u.TenantID = orDefault(u.TenantID, e.cloud.TenantID)
	u.Name = orDefault(u.Name, "Test User")
	if u.UPN == "" {
		u.UPN = strings.ToLower(strings.ReplaceAll(u.Name, " ", ".")) + "@" + TenantDomain
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.users[u.key()] = u
	e.tenants[strings.ToLower(u.TenantID)] = true
	return u
}

// RemoveUser removes u from the directory, and with them what Graph stores
// about them. Tokens minted for them stay as they are.
func (e *Entra) RemoveUser(u User) {
	e.mu.Lock()
	delete(e.users, u.key())
	e.mu.Unlock()
	e.cloud.Graph.forget(u.key())
}

func (e *Entra) user(tenantID, objectID string) (User, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u, ok := e.users[userKey(tenantID, objectID)]
	return u, ok
}

// tenant resolves the tenant in a URL's path to its id. Of the names for many
// tenants, common and organizations, it returns "".
func (e *Entra) tenant(name string) (id string, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name = strings.ToLower(name)
	switch {
	case name == "common" || name == "organizations":
		return "", true
	case name == TenantDomain:
		return e.cloud.TenantID, true
	default:
		return name, e.tenants[name]
	}
}
