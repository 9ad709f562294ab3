package cloud

import (
	"slices"
	"time"
)

// Numbers of Entra errors (AADSTS) for [Refusal.Code].
const (
	ConsentRequired  = 65001
	MFARequired      = 50076 // with claims
	MFAEnrollment    = 50079 // with claims
	AccessBlocked    = 53003
	UserNotAssigned  = 50105
	AssertionRefused = 50013
	BadClientSecret  = 7000215
	TransientFailure = 90033
	TooManyRequests  = 90055
	SessionRevoked   = 50173
)

// MFAClaims is a claims challenge as Conditional Access sends it.
const MFAClaims = `{"access_token":{"capolids":{"essential":true,"values":["c15de40f-2bb5-4ffb-8f3f-3cc30ef9e6e8"]}}}`

// A Refusal makes the token endpoint refuse On-Behalf-Of exchanges that would
// otherwise succeed.
type Refusal struct {
	// User is the object id of the user concerned, Tenant the tenant's id.
	// Empty: all.
	User, Tenant string
	// Code is the number of the error: one of the constants, or any other.
	Code int
	// Claims is the challenge to send, a JSON text. It is satisfied by an
	// exchange that carries claims of its own (other than client capabilities),
	// and by a user's token from a stronger sign-in, see [TokenOptions.StepUp].
	Claims string
}

// Refuse makes r hold until allow is called. Of several refusals that apply,
// the oldest is answered.
func (e *Entra) Refuse(r Refusal) (allow func()) {
	rule := &r
	e.mu.Lock()
	defer e.mu.Unlock()
	e.refusals = append(e.refusals, rule)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.refusals = slices.DeleteFunc(e.refusals, func(other *Refusal) bool { return other == rule })
	}
}

// refusal returns what stands against a user's exchange, if anything does.
func (e *Entra) refusal(u User, steppedUp bool) (Refusal, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.refusals {
		if (r.User == "" || r.User == u.ObjectID) && (r.Tenant == "" || r.Tenant == u.TenantID) &&
			(r.Claims == "" || !steppedUp) {
			return *r, true
		}
	}
	return Refusal{}, false
}

// SetGraphPermissions sets the delegated Graph permissions that all users have
// consented to. In the beginning they are User.Read and User.ReadWrite.
func (e *Entra) SetGraphPermissions(names ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.permissions = slices.Clone(names)
}

// SetTokenLifetime sets how long the tokens of the token endpoint live, in whole
// seconds: 75 minutes in the beginning.
func (e *Entra) SetTokenLifetime(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lifetime = d
}
