package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/stores"
)

// databaseAddresses returns the values of MAPPING_STORE for the engines at hand. In
// a database that tests share, each of them has its own ACS resource.
func databaseAddresses(t *testing.T) map[string]string {
	t.Helper()
	addresses := map[string]string{"SQLite": "sqlite:" + filepath.Join(t.TempDir(), "mappings.db")}
	if dsn := os.Getenv("ACSAUTH_TEST_POSTGRES"); dsn != "" {
		addresses["PostgreSQL"] = dsn
	} else {
		t.Log("PostgreSQL is left out: set ACSAUTH_TEST_POSTGRES to a DSN")
	}
	if connectionString := os.Getenv("ACSAUTH_TEST_AZURITE"); connectionString != "" {
		addresses["Azurite"] = "tables:" + connectionString
	} else {
		t.Log("Azurite is left out: set ACSAUTH_TEST_AZURITE to a connection string")
	}
	return addresses
}

// startOver starts a server process against c, with the database as its store, and
// waits until it is ready.
func startOver(t *testing.T, c *cloud.Cloud, caFile, address string) *process {
	t.Helper()
	p := startProcess(t, []string{
		"SSL_CERT_FILE=" + caFile, "LISTEN_ADDR=127.0.0.1:0", "SHUTDOWN_DELAY=0s", "MAPPING_STORE=" + address,
		"AZURE_TENANT_ID=" + c.TenantID, "AZURE_CLIENT_ID=" + c.ClientID, "AZURE_AUTHORITY_HOST=" + c.Entra.URL,
		"ACS_CONNECTION_STRING=" + c.ACS.ConnectionString(), "TMPDIR=" + os.TempDir(),
	})
	for deadline := time.Now().Add(patience); ; {
		if a, err := try(t.Context(), http.MethodGet, p.url+readyPath); err == nil && a.status == http.StatusOK {
			return p
		} else if time.Now().After(deadline) {
			t.Fatalf("the server does not become ready: %v\n%s", err, p.stderr)
		}
	}
}

func writeCA(t *testing.T, c *cloud.Cloud) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, c.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// With a database as the store the whole API works, and neither Graph nor the
// exchange for its token is used: the app needs no permission for Graph.
func TestDatabaseNeedsNoGraph(t *testing.T) {
	t.Parallel()
	for name, address := range databaseAddresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			p := startOver(t, c, writeCA(t, c), address)
			for _, step := range []struct {
				method, path string
				status       int
			}{
				{"GET", "/api/user", 404}, {"POST", "/api/user", 201}, {"POST", "/api/user", 200}, {"GET", "/api/user", 200},
				{"GET", "/api/token", 201}, {"POST", "/api/token/revoke", 204}, {"DELETE", "/api/user", 204}, {"GET", "/api/token", 404},
			} {
				if a := call(t, step.method, p.url+step.path, bearer(token)); a.status != step.status {
					t.Errorf("%s %s: %d %s; want %d", step.method, step.path, a.status, a.body, step.status)
				}
			}
			for _, made := range c.Calls() {
				if strings.HasPrefix(made.Op, "graph.") || made.Op == cloud.OpEntraToken {
					t.Errorf("the server called %s", made.Op)
				}
			}
		})
	}
}

// Sixteen first sign-ins of one user, on two processes at once, end in one identity.
func TestConcurrentFirstSignInsOnTwoProcesses(t *testing.T) {
	t.Parallel()
	for name, address := range databaseAddresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, token := startCloud(t)
			ca := writeCA(t, c)
			processes := []*process{startOver(t, c, ca, address), startOver(t, c, ca, address)}
			answers := make([]answered, 16)
			begin := make(chan struct{})
			var all sync.WaitGroup
			for i := range answers {
				all.Go(func() {
					<-begin
					var err error
					if answers[i], err = try(t.Context(), http.MethodPost, processes[i%2].url+"/api/user", bearer(token)); err != nil {
						t.Error(err)
					}
				})
			}
			close(begin)
			all.Wait()
			created, bodies := 0, map[string]int{}
			for _, a := range answers {
				bodies[a.body]++
				if a.status == http.StatusCreated {
					created++
				} else if a.status != http.StatusOK {
					t.Errorf("%d %s", a.status, a.body)
				}
			}
			if created != 1 || len(bodies) != 1 {
				t.Errorf("%d times 201, different answers: %v; want one of each", created, bodies)
			}
			left := survey(t, c, address)
			if left.live != 1 || left.mapped != 1 || left.open != 0 {
				t.Errorf("%+v; want one live identity, mapped, and no open entry", left)
			}
		})
	}
}

// A server is killed at random moments in the middle of creations and deletions.
// What the journal names is cleared away; what nobody can know has an entry.
func TestKilled(t *testing.T) {
	t.Parallel()
	const kills = 50
	for name, address := range databaseAddresses(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := startCloud(t)
			ca := writeCA(t, c)
			tokens := make([]string, 4)
			for i := range tokens {
				tokens[i] = c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{Lifetime: 23 * time.Hour})
			}
			seed := uint64(time.Now().UnixNano())
			random := rand.New(rand.NewPCG(seed, 0))
			for range kills {
				killInTheMiddle(t, c, startOver(t, c, ca, address), tokens, 1+random.IntN(20))
			}

			service, store := openService(t, c, address)
			defer func() { _ = store.Close() }()
			before := survey(t, c, address)
			outcomes, err := service.Reconcile(t.Context(), acsauth.ReconcileOptions{MinAge: time.Nanosecond})
			if err != nil {
				t.Error(err)
			}
			after := survey(t, c, address)
			t.Logf("seed %d: after %d kills %+v; reconciled %v; left %+v", seed, kills, before, outcomes, after)
			if after.named != 0 {
				t.Errorf("%d open entries name an identity", after.named)
			}
			if after.dead != 0 {
				t.Errorf("%d mapped identities are dead", after.dead)
			}
			if stray := after.live - after.mapped; stray > after.open {
				t.Errorf("%d identities are live and unmapped, but only %d entries are open", stray, after.open)
			}
			if before.open == 0 {
				t.Error("no kill left anything open: the test shows nothing")
			}
		})
	}
}

// killInTheMiddle lets all users create and delete their identities, over and over
// again, and kills the server when ACS has been called so many times.
func killInTheMiddle(t *testing.T, c *cloud.Cloud, p *process, tokens []string, calls int) {
	t.Helper()
	var left atomic.Int64
	left.Store(int64(calls))
	killed := make(chan struct{})
	strike := func() {
		if left.Add(-1) == 0 {
			close(killed)
			_ = p.process.Kill()
		}
	}
	// Half of the time ACS has already done what it was asked to.
	for i, op := range []string{cloud.OpACSCreate, cloud.OpACSDelete} {
		when := cloud.BeforeEffect
		if (calls+i)%2 == 0 {
			when = cloud.AfterEffect
		}
		defer c.Inject(cloud.Fault{Op: op, When: when, Do: strike})()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var all sync.WaitGroup
	for i, token := range tokens {
		all.Go(func() {
			for n := i; ; n++ {
				method := []string{http.MethodPost, http.MethodDelete}[n%2]
				if _, err := try(ctx, method, p.url+"/api/user", bearer(token)); err != nil {
					select {
					case <-killed:
					default:
						t.Errorf("%s: %v", method, err)
					}
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case <-killed:
	default:
		t.Fatalf("the server was not killed:\n%s", p.stderr)
	}
}

// openService opens the store as the operator's tool does.
func openService(t *testing.T, c *cloud.Cloud, address string) (*acsauth.Service, *stores.Store) {
	t.Helper()
	identities, err := acsidentity.New(acsidentity.Config{ConnectionString: c.ACS.ConnectionString(), HTTPClient: c.HTTPClient()})
	if err != nil {
		t.Fatal(err)
	}
	store, err := stores.Open(address, stores.Options{Resource: identities.Host()})
	if err != nil {
		t.Fatal(err)
	}
	service, err := acsauth.NewService(acsauth.ServiceConfig{Identities: identities, Mapper: store.Mapper, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return service, store
}

// A remainder is what there is at the end.
type remainder struct {
	live   int // identities in ACS
	mapped int // of these
	dead   int // mapped identities that are not in ACS any more
	open   int // journal entries
	named  int // of these, entries that name an identity
}

func survey(t *testing.T, c *cloud.Cloud, address string) (r remainder) {
	t.Helper()
	_, store := openService(t, c, address)
	defer func() { _ = store.Close() }()
	live := map[string]bool{}
	for _, identity := range c.ACS.Identities() {
		if identity.Live {
			live[identity.ID] = true
		}
	}
	r.live = len(live)
	for m, err := range store.Mappings(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if live[m.ACSID] {
			r.mapped++
		} else {
			r.dead++
		}
	}
	for e, err := range store.OpenEntries(t.Context(), acsauth.User{}, time.Now().Add(time.Hour)) {
		if err != nil {
			t.Fatal(err)
		}
		r.open++
		if e.ACSID != "" {
			r.named++
		}
	}
	return r
}
