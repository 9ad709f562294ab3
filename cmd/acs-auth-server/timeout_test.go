package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/source"
)

// alone runs a test in virtual time against one replica of the server.
func alone(t *testing.T, environ []string, test func(t *testing.T, c *cloud.Cloud, r *replica)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		r := startReplica(t, c, "alone", append(environ, "GRAPH_MAPPING_KEYS="+key1)...)
		synctest.Wait() // the signing keys are loaded
		test(t, c, r)
		r.end()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
	})
}

// connect opens a connection and sends something on it.
func (r *replica) connect(t *testing.T, sent string) net.Conn {
	t.Helper()
	connection, err := r.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, sent); err != nil {
		t.Fatal(err)
	}
	return connection
}

const (
	getHealth  = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	getOpenAPI = "GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n"
	postUser   = "POST /api/user HTTP/1.1\r\nHost: x\r\n"
)

// How long the server keeps a connection on which nothing more comes, and what it
// answers before.
func TestConnectionTimeouts(t *testing.T) {
	for _, test := range []struct {
		name, sent string
		statuses   []int
		closed     time.Duration
	}{
		{"no request", "", nil, 10 * time.Second},
		{"half a header", "GET /healthz HTTP/1.1\r\nHost: x\r\n", nil, 10 * time.Second},
		{"idle after a request", getHealth, []int{200}, 2 * time.Minute},
		{"idle after two", getHealth + getHealth, []int{200, 200}, 2 * time.Minute},
		{"idle after a body that nobody needs", postUser + "Content-Length: 2\r\n\r\n{}", []int{401}, 2 * time.Minute},
		{"the rest of a body", postUser + "Content-Length: 10\r\n\r\nx", []int{401}, 2 * time.Second},
		{"the rest of a chunk", postUser + "Transfer-Encoding: chunked\r\n\r\na\r\nx", []int{401}, 2 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			alone(t, nil, func(t *testing.T, _ *cloud.Cloud, r *replica) {
				began := time.Now()
				got := statuses(t, r.connect(t, test.sent))
				if took := time.Since(began); took != test.closed || !slices.Equal(got, test.statuses) {
					t.Errorf("answered %v, closed after %v; want %v, %v", got, took, test.statuses, test.closed)
				}
			})
		})
	}
}

// An answer has to be taken in within ten seconds.
func TestAnswerTimeout(t *testing.T) {
	for after, whole := range map[time.Duration]bool{9 * time.Second: true, 11 * time.Second: false} {
		t.Run(after.String(), func(t *testing.T) {
			alone(t, nil, func(t *testing.T, _ *cloud.Cloud, r *replica) {
				connection := r.connect(t, getOpenAPI)
				defer connection.Close()
				time.Sleep(after)
				answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
				if err == nil {
					_, err = io.Copy(io.Discard, answer.Body)
				}
				if (err == nil) != whole {
					t.Errorf("read with the error %v", err)
				}
			})
		})
	}
}

// An answer in pieces has no more time than one in one piece.
func TestAnswerInPieces(t *testing.T) {
	t.Parallel()
	deadlines := &deadlineCounter{ResponseWriter: httptest.NewRecorder()}
	w := &answerWriter{ResponseWriter: deadlines, request: httptest.NewRequest("GET", "/metrics", nil), ending: t.Context()}
	for range 3 {
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if deadlines.n != 1 {
		t.Errorf("the time was set %d times, want once", deadlines.n)
	}
}

// A deadlineCounter counts how often the time for an answer is set.
type deadlineCounter struct {
	http.ResponseWriter
	n int
}

func (d *deadlineCounter) SetWriteDeadline(time.Time) error {
	d.n++
	return nil
}

// An upstream that does not answer is given up after UPSTREAM_TIMEOUT, tried again,
// and all of it ends with REQUEST_TIMEOUT.
func TestUpstreamTimeouts(t *testing.T) {
	for _, test := range []struct {
		name, hangs, environ string
		atLeast, atMost      time.Duration
	}{
		{"Entra ID", cloud.OpEntraToken, "UPSTREAM_TIMEOUT=1s", time.Second, 10 * time.Second},
		{"Graph", "graph.", "UPSTREAM_TIMEOUT=1s", time.Second, 10 * time.Second},
		{"ACS", "acs.", "UPSTREAM_TIMEOUT=1s", time.Second, 10 * time.Second},
		{"the whole request", "graph.", "UPSTREAM_TIMEOUT=11s", 12 * time.Second, 12 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			alone(t, []string{"REQUEST_TIMEOUT=12s", test.environ, "MAPPING_CACHE_TTL=0", "SHUTDOWN_TIMEOUT=60s"}, func(t *testing.T, c *cloud.Cloud, r *replica) {
				v := newVisitor(t, c, r)
				defer v.leave()
				if test.hangs == "acs." {
					if answer, _, err := v.send(r, "POST", "/api/user"); err != nil || answer.StatusCode != http.StatusCreated {
						t.Fatalf("%v, %v", answer, err)
					}
				}
				defer c.Inject(cloud.Fault{Op: test.hangs, Hang: true})()
				began := time.Now()
				answer, _, err := v.send(r, "GET", "/api/token")
				took := time.Since(began)
				if err != nil || answer.StatusCode != http.StatusGatewayTimeout || took < test.atLeast || took > test.atMost {
					t.Errorf("after %v: %v, %v; want 504 after %v to %v", took, answer, err, test.atLeast, test.atMost)
				}
			})
		})
	}
}

// UPSTREAM_TIMEOUT holds for a store behind HTTP as it does for the others.
func TestStoreTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := new(problems)
		s := load([]source.Layer{source.Environment(with(enough, "UPSTREAM_TIMEOUT=1s",
			"MAPPING_STORE=tables:AccountName=contoso;AccountKey=a2V5"))}, false, p)
		logger := slog.New(slog.DiscardHandler)
		made := compose(s, surroundings{client: &http.Client{Transport: silent{}}, logger: logger, audit: logger}, p)
		if p.any() {
			t.Fatal(p.list)
		}
		began := time.Now()
		_, err := made.service.Identity(t.Context(), acsauth.User{TenantID: "tenant", ObjectID: "object"})
		if took := time.Since(began); err == nil || took < time.Second || took > 6*time.Second {
			t.Errorf("after %s: %v; want three attempts of a second each, and pauses", took, err)
		}
	})
}

// A silent upstream never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
