package acsauth_test

import (
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A user starts over on one server: DELETE, then POST. The other server's look at
// Graph shows the former mapping for a moment, and it must not take the new one with
// it.
func TestStaleReadsOnAnotherReplica(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		remembers    bool // the other server has issued a token
		knows        bool // which resource is ours
		method, path string
		status, live int
	}{
		{"token", false, true, "GET", "/api/token", 201, 1},
		{"token of a remembered mapping", true, false, "GET", "/api/token", 201, 1},
		{"create", false, true, "POST", "/api/user", 200, 1},
		{"delete", false, false, "DELETE", "/api/user", 204, 0},
		{"delete, knowing the resource", false, true, "DELETE", "/api/user", 204, 0},
		{"delete a remembered mapping", true, false, "DELETE", "/api/user", 204, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, func(set *setup) {
				set.graph.ReadLag = 2 * time.Second
				if test.knows {
					knowsResource(set)
				}
			})
			other := s.replica()
			former := s.want(201, "POST", "/api/user").field("acsUserIdentity")
			if test.remembers {
				other.want(201, "GET", "/api/token")
			}
			s.Graph.FreezeReads(s.user, cloud.Freeze{For: time.Second})
			s.want(204, "DELETE", "/api/user")
			if s.want(201, "POST", "/api/user").field("acsUserIdentity") == former {
				t.Fatal("the identity is the former one")
			}
			if test.method == "POST" {
				other.want(201, "GET", "/api/token") // POST asks ACS nothing, and would show the former
			}
			other.want(test.status, test.method, test.path)
			s.wantConsistent(test.live)
		})
	}
}
