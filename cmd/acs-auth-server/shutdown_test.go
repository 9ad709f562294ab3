package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/openapitest"
)

// A pipeListener is a port within the process, so that a server can be observed in
// virtual time.
type pipeListener struct {
	name   string
	dialed chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener(name string) *pipeListener {
	return &pipeListener{name: name, dialed: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Network() string { return "pipe" }
func (l *pipeListener) String() string  { return l.name }
func (l *pipeListener) Addr() net.Addr  { return l }

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.dialed:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.dialed <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A replica is a server that listens at such a port.
type replica struct {
	*pipeListener
	end   context.CancelFunc // as a signal does
	ended chan error
}

func startReplica(t *testing.T, c *cloud.Cloud, name string, environ ...string) *replica {
	t.Helper()
	p := new(problems)
	s := load(cloudLayers(c, environ...), true, p)
	logger, audit := newLoggers(io.Discard, s)
	made := compose(s, surroundings{client: &http.Client{Transport: c.Transport()}, logger: logger, audit: audit}, p)
	if p.any() {
		t.Fatal(p.list)
	}
	ctx, end := context.WithCancel(context.Background())
	r := &replica{newPipeListener(name), end, make(chan error, 1)}
	go func() { r.ended <- (&server{settings: s, parts: made, logger: logger, ending: ctx}).serve(r) }()
	return r
}

// A visitor is a client of some replicas, with connections that it keeps.
type visitor struct {
	t        *testing.T
	token    string
	replicas []*replica
	client   *http.Client
}

func newVisitor(t *testing.T, c *cloud.Cloud, replicas ...*replica) *visitor {
	v := &visitor{t: t, token: c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{}), replicas: replicas}
	v.client = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
		for _, r := range replicas {
			if addr == r.name+":80" {
				return r.dial(ctx)
			}
		}
		return nil, errors.New("no such host")
	}}}
	return v
}

func (v *visitor) leave() { v.client.CloseIdleConnections() }

// send sends one request, and tells whether it went over a connection that was kept.
func (v *visitor) send(to *replica, method, path string) (answer *http.Response, kept bool, err error) {
	return v.sendUntil(context.Background(), to, method, path)
}

// sendUntil hangs up when ctx ends.
func (v *visitor) sendUntil(ctx context.Context, to *replica, method, path string) (answer *http.Response, kept bool, err error) {
	trace := &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { kept = got.Reused }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), method, "http://"+to.name+path, nil)
	if err != nil {
		return nil, false, err
	}
	r.Header.Set("Authorization", "Bearer "+v.token)
	if answer, err = v.client.Do(r); err != nil {
		return nil, kept, err
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err == nil {
		err = openapitest.Check(answer, body)
	}
	return answer, kept, err
}

// ready returns the first replica that says that it is. One that says the contrary
// says too that its connection is of no further use.
func (v *visitor) ready() *replica {
	for _, r := range v.replicas {
		answer, _, err := v.send(r, "GET", "/readyz")
		switch {
		case err != nil: // it has gone
		case answer.StatusCode == http.StatusOK:
			return r
		case !answer.Close:
			v.t.Errorf("%s is to end, and keeps connections", r.name)
		}
	}
	v.t.Error("no replica is ready")
	return v.replicas[0]
}

// Clients of two replicas, one of which is to end, use the one that says that it is
// ready. As long as they look, none of their requests fails.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const clients, rounds, pause = 6, 100, 100 * time.Millisecond
		c, err := cloud.Start(cloud.Config{InProcess: true})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		environ := []string{"SHUTDOWN_DELAY=5s", "SHUTDOWN_TIMEOUT=30s", "GRAPH_MAPPING_KEYS=" + key1}
		leaving, staying := startReplica(t, c, "leaving", environ...), startReplica(t, c, "staying", environ...)
		synctest.Wait()                                                         // the signing keys are loaded
		c.Inject(cloud.Fault{Do: func() { time.Sleep(70 * time.Millisecond) }}) // so that there is something under way

		var all sync.WaitGroup
		var answers, moved atomic.Int64
		begun := make(chan struct{}) // closed after the signal
		signal := sync.OnceFunc(func() { leaving.end(); close(begun) })
		ending := func() bool {
			select {
			case <-begun:
				return true
			default:
				return false
			}
		}
		for range clients {
			all.Go(func() {
				v := newVisitor(t, c, leaving, staying)
				defer v.leave()
				for round := range rounds {
					known := ending()
					chosen := v.ready()
					if known && chosen == leaving {
						t.Errorf("%s says that it is ready, although it is to end", chosen.name)
						return
					}
					answer, _, err := v.send(chosen, []string{"POST", "GET", "DELETE"}[round%3], "/api/user")
					if err != nil || answer.StatusCode >= 400 {
						t.Errorf("%s, round %d: %v, %v", chosen.name, round, answer, err)
						return
					}
					if chosen == staying {
						moved.Add(1)
					}
					if answers.Add(1) == clients*rounds/4 {
						signal()
					}
					time.Sleep(pause)
				}
			})
		}
		// Those who do not look are served as long as it was promised, and told.
		all.Go(func() {
			v := newVisitor(t, c, leaving)
			defer v.leave()
			<-begun
			for since := time.Now(); time.Since(since) < 4*time.Second; {
				if answer, _, err := v.send(leaving, "POST", "/api/user"); err != nil || answer.StatusCode >= 400 || !answer.Close {
					t.Errorf("whoever does not look: %v, %v", answer, err)
					return
				}
			}
		})
		// A connection that nobody uses at the moment is not closed meanwhile, when
		// a request may be on its way.
		all.Go(func() {
			v := newVisitor(t, c, leaving)
			defer v.leave()
			if _, _, err := v.send(leaving, "POST", "/api/user"); err != nil {
				t.Error(err)
			}
			<-begun
			time.Sleep(4 * time.Second)
			if answer, kept, err := v.send(leaving, "GET", "/api/user"); err != nil || answer.StatusCode != 200 || !kept || !answer.Close {
				t.Errorf("an idle connection: kept %v, %v, %v", kept, answer, err)
			}
		})
		all.Wait()
		if err := <-leaving.ended; err != nil { // which makes the exit status 0
			t.Errorf("the replica that was to end: %v", err)
		}
		if answers.Load() != clients*rounds || moved.Load() < clients*rounds/2 {
			t.Errorf("%d answers, %d of which came from the replica that stays", answers.Load(), moved.Load())
		}
		if _, err := leaving.dial(t.Context()); err == nil {
			t.Error("the replica that was to end still listens")
		}
		staying.end()
		if err := <-staying.ended; err != nil {
			t.Errorf("the replica that stayed: %v", err)
		}
	})
}

// An operation is finished even if its caller has gone away, and there is nothing else
// left to wait for.
func TestShutdownFinishesOperations(t *testing.T) {
	alone(t, []string{"SHUTDOWN_DELAY=1s", "SHUTDOWN_TIMEOUT=30s"}, func(t *testing.T, c *cloud.Cloud, r *replica) {
		other := startReplica(t, c, "other", "GRAPH_MAPPING_KEYS="+key1)
		v := newVisitor(t, c, r, other)
		defer v.leave()
		release := c.Inject(cloud.Fault{Op: cloud.OpACSCreate, Hang: true})
		ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		if answer, _, err := v.sendUntil(ctx, r, "POST", "/api/user"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the caller who hung up: %v, %v", answer, err)
		}
		r.end()
		time.Sleep(3 * time.Second)
		if _, err := r.dial(t.Context()); err == nil {
			t.Error("it still listens")
		}
		select {
		case err := <-r.ended:
			t.Fatalf("it has ended before the operation: %v", err)
		default:
		}
		release()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.ended <- nil
		if answer, _, err := v.send(other, "GET", "/api/user"); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("the identity is not mapped: %v, %v", answer, err)
		}
		other.end()
		if err := <-other.ended; err != nil {
			t.Error(err)
		}
	})
}

// A request that was under way at the signal is answered, and its client is told that
// the server is about to go.
func TestShutdownTellsWhoeverIsServed(t *testing.T) {
	alone(t, nil, func(t *testing.T, c *cloud.Cloud, r *replica) {
		v := newVisitor(t, c, r)
		defer v.leave()
		c.Inject(cloud.Fault{Op: cloud.OpGraphLookup, Do: func() { r.end(); time.Sleep(time.Second) }})
		if answer, _, err := v.send(r, "GET", "/api/user"); err != nil || answer.StatusCode != http.StatusNotFound || !answer.Close {
			t.Errorf("%v, %v", answer, err)
		}
	})
}

// No client can keep the server from ending in time, and with success.
func TestShutdownDespiteClients(t *testing.T) {
	for name, sent := range map[string]string{
		"silent":              "",
		"half a header":       "GET /healthz HTTP/1.1\r\n",
		"half a body":         postUser + "Content-Length: 10\r\n\r\nx",
		"half a chunk":        postUser + "Transfer-Encoding: chunked\r\n\r\na\r\nx",
		"reads no answer":     getOpenAPI,
		"reads no answers":    getOpenAPI + getOpenAPI,
		"a connection unused": getHealth,
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, nil, func(t *testing.T, _ *cloud.Cloud, r *replica) {
				connection := r.connect(t, sent)
				defer connection.Close()
				synctest.Wait()
				began := time.Now()
				r.end()
				err := <-r.ended
				if took := time.Since(began); err != nil || took > 20*time.Second {
					t.Errorf("it ended after %v: %v", took, err)
				}
				r.ended <- nil
			})
		})
	}
}
