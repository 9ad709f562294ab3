package acsauth_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// What a proxy in front of ACS answers says nothing about an identity, whatever its
// status. The mapping stays, and with it the identity: once the proxy is out of the
// way, all is as it was.
func TestProxyInFrontOfACS(t *testing.T) {
	t.Parallel()
	html := http.Header{"Content-Type": {"text/html"}}
	for _, proxy := range []struct {
		name   string
		fault  cloud.Fault
		status int
		error  string
	}{
		{"a page that says 404", cloud.Fault{Status: 404, Header: html, Body: "<html>no such route</html>"}, 502, "upstream_error"},
		{"a gateway's 404", cloud.Fault{Status: 404, Body: `{"statusCode":404,"message":"Resource not found"}`}, 502, "upstream_error"},
		{"a gateway's 404 with a code", cloud.Fault{Status: 404, Body: `{"code":"RouteNotFound","message":"m"}`}, 502, "upstream_error"},
		{"a page that says 410", cloud.Fault{Status: 410, Header: html, Body: "<html>gone</html>"}, 502, "upstream_error"},
		{"a page that says 401", cloud.Fault{Status: 401, Header: html, Body: "<html>who are you?</html>"}, 500, "server_misconfigured"},
		{"a page that says 403", cloud.Fault{Status: 403, Header: html, Body: "<html>forbidden</html>"}, 500, "server_misconfigured"},
		{"a page that says 200", cloud.Fault{Status: 200, Header: html, Body: "<html>welcome</html>"}, 502, "upstream_error"},
		{"a page that says 201", cloud.Fault{Status: 201, Header: html, Body: "<html>welcome</html>"}, 502, "upstream_error"},
		{"a redirect", cloud.Fault{Status: 302, Header: http.Header{"Location": {"https://portal.example/sign-in"}}}, 502, "upstream_error"},
		{"a redirect that keeps the method", cloud.Fault{Status: 307, Header: http.Header{"Location": {"https://portal.example/"}}}, 502, "upstream_error"},
	} {
		for _, remembered := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/remembered=%v", proxy.name, remembered), func(t *testing.T) {
				t.Parallel()
				s := newSystem(t, func(set *setup) {
					if !remembered {
						set.service.MappingTTL = -1
					}
				})
				s.want(201, "POST", "/api/user")
				id := s.mapped()
				proxy.fault.Op = "acs."
				remove := s.Inject(proxy.fault)
				for _, call := range [][2]string{{"GET", "/api/token"}, {"POST", "/api/token/revoke"}, {"DELETE", "/api/user"}, {"GET", "/api/token"}} {
					a := s.call(call[0], call[1])
					if a.status != proxy.status || a.field("error") != proxy.error {
						t.Errorf("%s %s: %d %s; want %d %s", call[0], call[1], a.status, a.body, proxy.status, proxy.error)
					}
					if s.mapped() != id {
						t.Fatalf("%s %s: mapped to %q, was %q", call[0], call[1], s.mapped(), id)
					}
				}
				remove()
				s.want(201, "GET", "/api/token")
				s.wantConsistent(1)
				s.want(204, "DELETE", "/api/user")
				s.wantConsistent(0)
			})
		}
	}
}

// The same for an identity that is to be created: nothing is mapped, and what may
// exist all the same is reported.
func TestProxyInFrontOfCreation(t *testing.T) {
	t.Parallel()
	for _, proxy := range []struct {
		status int // of the proxy's page
		want   int
		open   bool // the report
	}{
		{404, 502, false},
		{403, 500, false},
		{200, 502, true},
		{201, 502, true},
		{204, 502, true},
		{302, 502, true},
	} {
		t.Run(fmt.Sprint(proxy.status), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			remove := s.Inject(cloud.Fault{Op: cloud.OpACSCreate, Status: proxy.status, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>"})
			s.want(proxy.want, "POST", "/api/user")
			if open := len(s.log.lines("identity report left open")) > 0; open != proxy.open {
				t.Errorf("report left open: %v, want %v", open, proxy.open)
			}
			remove()
			s.wantConsistent(0)
			s.want(201, "POST", "/api/user")
			s.wantConsistent(1)
		})
	}
}
