package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A request that came while the server was still accepting is answered, however long it
// would take: before the time for ending is up it is given up. That is no failure.
func TestShutdownAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		environ     []string
		accepting   time.Duration
		answeredFor time.Duration
	}{
		{"the defaults", []string{"SHUTDOWN_DELAY=5s", "SHUTDOWN_TIMEOUT=30s"}, 4900 * time.Millisecond, 23100 * time.Millisecond},
		{"as in Kubernetes", []string{"SHUTDOWN_DELAY=10s", "SHUTDOWN_TIMEOUT=40s"}, 9900 * time.Millisecond, 28100 * time.Millisecond},
		{"long requests", []string{"SHUTDOWN_DELAY=5s", "SHUTDOWN_TIMEOUT=30s", "REQUEST_TIMEOUT=2m", "UPSTREAM_TIMEOUT=50s"}, 4900 * time.Millisecond, 23100 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			alone(t, test.environ, func(t *testing.T, c *cloud.Cloud, r *replica) {
				v := newVisitor(t, c, r)
				defer v.leave()
				if answer, _, err := v.send(r, "POST", "/api/user"); err != nil || answer.StatusCode != http.StatusCreated {
					t.Fatal(answer, err)
				}
				defer c.Inject(cloud.Fault{Op: cloud.OpACSIssue, Hang: true})()
				r.end()
				<-time.After(test.accepting)
				began := time.Now()
				answer, _, err := v.send(r, "GET", "/api/token")
				if err != nil || answer.StatusCode != http.StatusGatewayTimeout || time.Since(began) != test.answeredFor {
					t.Errorf("after %v: %v, %v", time.Since(began), answer, err)
				}
				ended := <-r.ended
				if ended != nil {
					t.Errorf("the server ended with %v", ended)
				}
				r.ended <- ended
			})
		})
	}
}
