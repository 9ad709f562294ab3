package acsauth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// serviceCalls are the operations of a Service for a user.
var serviceCalls = map[string]func(ctx context.Context, s *acsauth.Service, u acsauth.User) error{
	"Identity": func(ctx context.Context, s *acsauth.Service, u acsauth.User) error {
		_, err := s.Identity(ctx, u)
		return err
	},
	"Create": func(ctx context.Context, s *acsauth.Service, u acsauth.User) error {
		_, _, err := s.Create(ctx, u)
		return err
	},
	"Token": func(ctx context.Context, s *acsauth.Service, u acsauth.User) error {
		_, _, err := s.Token(ctx, u)
		return err
	},
	"Revoke": func(ctx context.Context, s *acsauth.Service, u acsauth.User) error { return s.Revoke(ctx, u) },
	"Delete": func(ctx context.Context, s *acsauth.Service, u acsauth.User) error { return s.Delete(ctx, u) },
}

// A throttledStore is a Failure of the store's own.
type throttledStore struct{}

func (throttledStore) Error() string       { return "slow down" }
func (throttledStore) FailureKind() string { return "throttled" }

// Whatever a Service cannot do, it says with an *Error, and its cause can be found
// in it.
func TestServiceErrors(t *testing.T) {
	t.Parallel()
	isError := func(target error) func(error) bool {
		return func(err error) bool { return errors.Is(err, target) }
	}
	isFailure := func(err error) bool { return errors.As(err, new(acsauth.Failure)) }
	isACS := func(err error) bool { return errors.As(err, new(*acsidentity.Error)) }
	disk := errors.New("disk on fire")
	for _, test := range []struct {
		name   string
		store  acsauth.IdentityMapper // nil: one in memory
		mapped bool                   // there is a mapping
		fault  cloud.Fault            // of ACS
		closed bool                   // the service is
		want   map[string]string      // by operation: the name of the error
		cause  func(error) bool       // nil: none
	}{
		{
			name:  "there is no mapping",
			want:  map[string]string{"Identity": "identity_not_mapped", "Token": "identity_not_mapped"},
			cause: isError(acsauth.ErrNotMapped),
		},
		{
			name:  "what is stored is not valid",
			store: failing{fmt.Errorf("read: %w", acsauth.ErrMappingInvalid)},
			want: map[string]string{
				"Identity": "mapping_invalid", "Create": "mapping_invalid", "Token": "mapping_invalid", "Revoke": "mapping_invalid", "Delete": "mapping_invalid",
			},
			cause: isError(acsauth.ErrMappingInvalid),
		},
		{
			name:  "the store fails",
			store: failing{disk},
			want: map[string]string{
				"Identity": "upstream_error", "Create": "upstream_error", "Token": "upstream_error", "Revoke": "upstream_error", "Delete": "upstream_error",
			},
			cause: isError(disk),
		},
		{
			name:  "the store says how it fails",
			store: failing{fmt.Errorf("read: %w", throttledStore{})},
			want: map[string]string{
				"Identity": "rate_limited", "Create": "rate_limited", "Token": "rate_limited", "Revoke": "rate_limited", "Delete": "rate_limited",
			},
			cause: isFailure,
		},
		{
			name:  "ACS is down",
			fault: cloud.Fault{Op: "acs.", Status: 503},
			want:  map[string]string{"Identity": "identity_not_mapped", "Create": "upstream_unavailable", "Token": "identity_not_mapped"},
		},
		{
			name:   "ACS is down, and there is a mapping",
			mapped: true,
			fault:  cloud.Fault{Op: "acs.", Status: 503},
			want:   map[string]string{"Token": "upstream_unavailable", "Revoke": "upstream_unavailable", "Delete": "upstream_unavailable"},
			cause:  isACS,
		},
		{
			name:   "it is closed",
			mapped: true,
			closed: true,
			want:   map[string]string{"Create": "overloaded", "Token": "overloaded", "Revoke": "overloaded", "Delete": "overloaded"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *cloud.Cloud, _ *acsauth.Authenticator) {
				got := map[string]string{}
				for operation, call := range serviceCalls {
					store := test.store
					if store == nil {
						store = new(acsauth.MemoryMapper)
					}
					s := newMemoryService(t, c, store)
					if test.mapped {
						if err := store.Create(t.Context(), ada, c.ACS.AddIdentity()); err != nil {
							t.Fatal(err)
						}
					}
					if test.closed {
						if err := s.Close(t.Context()); err != nil {
							t.Fatal(err)
						}
					}
					restore := func() {}
					if test.fault.Status != 0 {
						restore = c.Inject(test.fault)
					}
					err := call(t.Context(), s, ada)
					restore()
					if err == nil {
						continue
					}
					var said *acsauth.Error
					if !errors.As(err, &said) {
						t.Errorf("%s: %v is a %T, not an *Error", operation, err, err)
						continue
					}
					got[operation] = said.Name
					if test.cause != nil && !test.cause(err) {
						t.Errorf("%s: the cause cannot be found in %v", operation, err)
					}
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("names of the errors (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A user who is nobody in particular is a mistake of the program: all strangers would
// share one identity.
func TestUsersWithoutIDs(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	auth := must(t, acsauth.NewAuthenticator, authConfig(c))
	for name, u := range map[string]acsauth.User{
		"the zero User":        {},
		"without an object id": {TenantID: ada.TenantID},
		"without a tenant id":  {ObjectID: ada.ObjectID},
		"one of two readings":  {TenantID: "contoso/eu", ObjectID: "ada"}, // as is contoso with eu/ada
	} {
		journal := new(memoryJournal)
		s := newMemoryService(t, c, journal, func(cfg *acsauth.ServiceConfig) { cfg.AutoProvision = true })
		for operation, call := range serviceCalls {
			err := call(t.Context(), s, u)
			var said *acsauth.Error
			if !errors.As(err, &said) || said.Name != "internal" || said.Status() != 500 || said.Err == nil {
				t.Errorf("%s, %s: %v, want internal with its cause", name, operation, err)
			}
		}
		// Whoever made this up knows that ACS alone can check the signature of a
		// token with a nonce, and that nobody has no ids either.
		_, err := auth.VerifyTeams(t.Context(), u, c.Entra.TeamsToken(cloud.User{TenantID: u.TenantID, ObjectID: u.ObjectID}, cloud.TokenOptions{}))
		wantRefusal(t, err, "internal", "")
	}
	if n := len(c.ACS.Identities()); n != 0 {
		t.Errorf("%d identities were created", n)
	}
}

// A mapping to another resource's identity that comes first in the race is what it is
// otherwise: a conflict, which repeating does not change.
func TestForeignMappingWinsTheRace(t *testing.T) {
	t.Parallel()
	c := startCloud(t)
	foreign, err := c.ACS.AddResource(cloud.ResourceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	s := newMemoryService(t, c, &overtaken{acsID: foreign.AddIdentity()})
	for range 2 {
		_, _, err := s.Create(t.Context(), ada)
		wantRefusal(t, err, "mapping_invalid", "another ACS resource")
	}
	if live := c.ACS.Identities(); len(live) != 1 || live[0].Live {
		t.Errorf("identities %+v; want one, which was deleted", live)
	}
}

// An overtaken store takes somebody else's mapping just before each one.
type overtaken struct {
	acsauth.MemoryMapper
	acsID string
}

func (o *overtaken) Create(ctx context.Context, u acsauth.User, acsID string) error {
	if err := o.MemoryMapper.Create(ctx, u, o.acsID); err != nil {
		return err
	}
	return o.MemoryMapper.Create(ctx, u, acsID)
}

// What one caller does to an error is nothing that others see.
func TestErrorsAreTheCallers(t *testing.T) {
	t.Parallel()
	s := newSystem(t, withMemory)
	mapForeign(s)
	want := s.want(409, "GET", "/api/user").field("message")
	_, err := s.service.Identity(t.Context(), s.acsUser())
	var said *acsauth.Error
	if !errors.As(err, &said) {
		t.Fatal(err)
	}
	said.Message = "in the program's own words"
	if got := s.want(409, "GET", "/api/user").field("message"); got != want {
		t.Errorf("another caller is told %q, want %q", got, want)
	}
}
