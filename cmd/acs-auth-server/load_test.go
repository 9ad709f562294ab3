package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/httpx"
)

var (
	loadDuration = flag.Duration("load.duration", 2*time.Second, "how long TestLoad sends requests")
	loadCallers  = flag.Int("load.callers", 64, "how many requests TestLoad has under way at once")
	loadUsers    = flag.Int("load.users", 60, "how many people sign in to TestLoad, at least 10")
	loadSeed     = flag.Uint64("load.seed", 1, "seed of what TestLoad asks for and disturbs; the server speaks HTTP/1.1 to the others if it is odd, HTTP/2 if it is even")
)

const (
	// loadLeast requests are sent even if the machine is so slow that the time
	// is up before, and loadMost are enough for any machine.
	loadLeast, loadMost = 300, 1_000_000
	// loadAttempt is the UPSTREAM_TIMEOUT. What hangs, hangs for longer.
	loadAttempt = time.Second
)

// TestLoad sends everything that clients send, from many users at once, while
// Entra ID, Graph and ACS fail in every way that they can. Only behaviour is
// judged: every answer is one that the contract has for what went wrong, users end
// well once the others work again, and nothing is left behind. What it took is
// printed with -v.
//
//	go test ./cmd/acs-auth-server -run 'TestLoad$' -v -load.duration=30s
//
// It is not parallel, since it counts goroutines.
func TestLoad(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("traffic", func(t *testing.T) {
		newLoadTest(t, loadPlan{duration: *loadDuration, rate: "off", perUpstream: max(256, 4**loadCallers)}).run()
	})
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
	if runtime.NumGoroutine() > before {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		t.Log(stacks.String())
	}
	t.Logf("goroutines at the beginning %d, at the end %d", before, runtime.NumGoroutine())
}

// TestLoadOnLimits is a short TestLoad of a server with tight limits, whom one user
// asks in a loop. It is that user alone who is told to call less often.
func TestLoadOnLimits(t *testing.T) {
	tr := newLoadTest(t, loadPlan{rate: "6/m,burst=30", perUpstream: 8, impatient: true})
	answers := tr.run()
	if answers["429 rate_limited, impatient"] == 0 {
		t.Errorf("the impatient user was never refused: %v", answers)
	}
}

// A loadPlan is what differs between load tests.
type loadPlan struct {
	duration    time.Duration // 0: loadLeast requests, however long they take
	rate        string        // RATE_LIMIT_PER_USER
	perUpstream int           // MAX_CONCURRENT_PER_UPSTREAM
	impatient   bool          // every third request is of one and the same user
}

// eventually waits for something that nobody announces.
func eventually(t *testing.T, what string, happens func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !happens(); <-ticker.C {
		if time.Now().After(deadline) {
			t.Errorf("in vain: %s", what)
			return
		}
	}
}

// A loadTest is a server, the cloud that it depends on, and everybody who calls it.
type loadTest struct {
	*testing.T
	plan              loadPlan
	cloud             *cloud.Cloud
	server            *running
	weather           *weather
	inbound, outbound *wires
	client            *http.Client
	users             []*loadUser
	impatient         *loadUser
	requests          atomic.Int64 // sent so far
	shapes            sync.Map     // of the answers that have been checked
	meter             *meter
}

// A loadUser is a person with tokens.
type loadUser struct {
	cloud.User
	token, teamsToken string
}

func newLoadTest(t *testing.T, plan loadPlan) *loadTest {
	c, _ := startCloud(t)
	tr := &loadTest{T: t, plan: plan, cloud: c, inbound: newWires(), outbound: newWires()}
	for i := range *loadUsers {
		tr.users = append(tr.users, tr.newUser(fmt.Sprintf("User %d", i)))
	}
	tr.impatient = tr.newUser("Impatient")
	tr.client = &http.Client{Transport: &http.Transport{DialContext: tr.inbound.dial, MaxIdleConnsPerHost: *loadCallers}, Timeout: patience}
	t.Cleanup(tr.client.CloseIdleConnections)
	out := tr.upstreamClient(*loadSeed%2 == 0)
	t.Cleanup(out.CloseIdleConnections)
	c.ResetCalls()
	tr.server = start(t, func(ctx context.Context, _, stderr io.Writer) int {
		p := new(problems)
		s := load(cloudLayers(c, "LOG_LEVEL=info", "DEBUG_ERRORS=false", "MAPPING_CACHE_TTL=500ms", "REQUEST_TIMEOUT=8s",
			"UPSTREAM_TIMEOUT="+loadAttempt.String(), "RATE_LIMIT_PER_USER="+plan.rate,
			"MAX_CONCURRENT_PER_UPSTREAM="+strconv.Itoa(plan.perUpstream)), false, p)
		return serve(ctx, s, out, stderr, p, announceNothing)
	})
	tr.server.stderr.line(t, "signing keys loaded")
	tr.weather = newWeather(c, *loadSeed, tr.outbound.cut)
	return tr
}

func (tr *loadTest) newUser(name string) *loadUser {
	u := tr.cloud.Entra.AddUser(cloud.User{Name: name})
	return &loadUser{u, tr.cloud.Entra.UserToken(u, cloud.TokenOptions{}), tr.cloud.Entra.TeamsToken(u, cloud.TokenOptions{})}
}

// upstreamClient is the server's own client, with connections that can be cut.
func (tr *loadTest) upstreamClient(http2 bool) *http.Client {
	client := httpx.NewClient()
	transport := client.Transport.(*http.Transport)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(tr.cloud.CAPEM())
	transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	transport.DialContext = tr.outbound.dial
	transport.ForceAttemptHTTP2 = http2
	return client
}

// run returns how often there was which answer, as the report has it.
func (tr *loadTest) run() map[string]int {
	tr.meter = startMeter()
	crowd := tr.callAll()
	tr.weather.clear()
	figures := tr.meter.stop()

	// What the callers did not wait for may still have effects.
	eventually(tr.T, "all calls and effects end", func() bool { return tr.cloud.Busy() == 0 })
	tr.everybodyEndsWell()

	open, _ := tr.inbound.counts()
	tr.client.CloseIdleConnections()
	tr.server.end()
	if status := tr.server.wait(tr.T); status != exitOK {
		tr.Errorf("exit status %d", status)
	}
	for line := range strings.Lines(tr.server.stderr.String()) {
		if strings.Contains(line, "has panicked") || strings.Contains(line, "http: panic") {
			tr.Errorf("in the log: %s", line)
		}
	}
	figures.openConnections = open
	return tr.report(crowd, figures)
}

// callAll lets all callers call until the time is up.
func (tr *loadTest) callAll() (crowd []*caller) {
	ctx, cancel := context.WithTimeout(tr.Context(), tr.plan.duration)
	defer cancel()
	var callers sync.WaitGroup
	for i := range *loadCallers {
		who := &caller{loadTest: tr, random: rand.New(rand.NewPCG(*loadSeed, uint64(i))), took: map[string][]time.Duration{}, answers: map[string]int{}}
		crowd = append(crowd, who)
		callers.Go(func() {
			operations := operations(tr.cloud)
			for n := tr.requests.Add(1); n <= loadMost && (n <= loadLeast || ctx.Err() == nil) && !tr.Failed(); n = tr.requests.Add(1) {
				switch {
				case n <= int64(len(tr.users)):
					who.call(tr.users[n-1], createUser) // the first sign-in
				case tr.plan.impatient && n%3 == 0:
					who.call(tr.impatient, inALoop)
				default:
					who.call(who.user(), who.operation(operations))
				}
			}
		})
	}
	callers.Wait()
	return crowd
}

// everybodyEndsWell repeats what may have failed, and counts what is left of it.
func (tr *loadTest) everybodyEndsWell() {
	tr.forAll(func(who *caller, u *loadUser) {
		who.repeat(u, createUser)
		if who.repeat(u, issueToken) == http.StatusNotFound {
			// A deletion took effect whose answer was lost: the identity was
			// gone, and this was the request that found out.
			who.repeat(u, createUser)
			if status := who.repeat(u, issueToken); status != http.StatusCreated {
				tr.Errorf("GET /api/token after POST /api/user: status %d", status)
			}
		}
	})
	if mapped := tr.checkIdentities(); mapped != *loadUsers {
		tr.Errorf("%d users are mapped, and not all %d", mapped, *loadUsers)
	}
	tr.forAll(func(who *caller, u *loadUser) { who.repeat(u, deleteUser) })
	if mapped := tr.checkIdentities(); mapped != 0 {
		tr.Errorf("%d users are still mapped", mapped)
	}
}

func (tr *loadTest) forAll(do func(*caller, *loadUser)) {
	users := make(chan *loadUser)
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			who := &caller{loadTest: tr, took: map[string][]time.Duration{}, answers: map[string]int{}}
			for u := range users {
				do(who, u)
			}
		})
	}
	for _, u := range tr.users {
		users <- u
	}
	close(users)
	callers.Wait()
}
