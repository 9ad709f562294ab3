package acsauth_test

import (
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// knowsResource configures the resource whose identities are mapped.
func knowsResource(set *setup) { set.service.ResourceID = set.cloud.ACS.ResourceID() }

// Another resource refuses all of our identities. That its connection string is used
// by mistake must not look as if they were gone.
func TestConnectionStringOfAnotherResource(t *testing.T) {
	t.Parallel()
	for _, replace := range []bool{false, true} {
		for _, call := range [][2]string{{"GET", "/api/token"}, {"POST", "/api/token/revoke"}, {"DELETE", "/api/user"}} {
			t.Run(call[0], func(t *testing.T) {
				t.Parallel()
				s := newSystem(t, knowsResource)
				acsID := s.want(201, "POST", "/api/user").field("acsUserIdentity")
				another, err := s.ACS.AddResource(cloud.ResourceConfig{})
				if err != nil {
					t.Fatal(err)
				}
				s.configure = append(s.configure, func(set *setup) {
					set.acs.ConnectionString = another.ConnectionString()
					set.service.ReplaceForeign = replace
				})
				wrong := s.replica()
				for range 3 {
					if got := wrong.want(500, call[0], call[1]).field("error"); got != "server_misconfigured" {
						t.Errorf("error %s, want server_misconfigured", got)
					}
				}
				if n := s.CallCount(cloud.OpACSCreate); n != 2 {
					t.Errorf("%d creations, want that of the identity and one to find out", n)
				}
				wrong.want(200, "POST", "/api/user") // it asks ACS nothing
				if s.mapped() != acsID {
					t.Errorf("mapped to %q, want %q", s.mapped(), acsID)
				}
				s.wantConsistent(1)
				for _, identity := range another.Identities() {
					if identity.Live {
						t.Errorf("the other resource has the identity %s", identity.ID)
					}
				}
			})
		}
	}
}

// A configured id that is not that of the resource is found with the first identity,
// which does not stay.
func TestResourceIDOfAnotherResource(t *testing.T) {
	t.Parallel()
	for _, replace := range []bool{false, true} {
		s := newSystem(t, func(set *setup) {
			set.service.ResourceID = "11111111-2222-4333-8444-555555555555"
			set.service.ReplaceForeign, set.service.AutoProvision = replace, replace
		})
		for range 2 {
			if got := s.want(500, "POST", "/api/user").field("error"); got != "server_misconfigured" {
				t.Errorf("error %s, want server_misconfigured", got)
			}
		}
		s.wantConsistent(0)
	}
}

// Whether ACS speaks for the configured resource is found out once, if what it accepts
// does not show it.
func TestResourceIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t, knowsResource)
	s.ACS.SetGone(cloud.GoneNotOwned)
	s.want(201, "POST", "/api/user")
	s.ACS.DeleteIdentity(s.mapped())
	restarted := s.replica()
	restarted.want(404, "GET", "/api/token")
	s.wantConsistent(0)
	if n := s.CallCount(cloud.OpACSCreate); n != 2 {
		t.Errorf("%d creations, want that of the identity and one to find out", n)
	}
	restarted.want(201, "POST", "/api/user")
	s.ACS.DeleteIdentity(s.mapped())
	restarted.want(404, "GET", "/api/token")
	if n := s.CallCount(cloud.OpACSCreate); n != 3 {
		t.Errorf("%d creations, want those of two identities and one to find out", n)
	}
}
