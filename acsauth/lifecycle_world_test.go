package acsauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsauth"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/acsidentity"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/graphmap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/movemap"
	"github.com/Azure-Samples/communication-services-authentication-hero-go/obo"
)

// A world is the embedded cloud, some people, and some processes that serve them
// over an unreliable network. All that happens in it follows from the seed.
type world struct {
	*testing.T
	seed   uint64
	cloud  *cloud.Cloud
	base   http.RoundTripper
	people []*person
	store  acsauth.JournalingMapper // unless it is Graph
	old    *acsauth.MemoryMapper    // the store that mappings move from, if they do
	plan   plan

	realTime bool // waiting takes time

	late sync.WaitGroup // calls that take effect after their callers gave up
	calm atomic.Bool    // the network has become reliable

	mu      sync.Mutex
	counts  map[string]int       // how often a process called an operation for a person
	made    map[string]*person   // identity -> for whom it was created
	reads   map[string]time.Time // process and person -> when it last read the mapping to remove
	held    []holding            // what the store held, and when
	excused map[string]string    // identity -> why it may be live and unmapped without a report
	granted []grant              // tokens that were issued
	deaths  map[string]death     // identity -> how it was deleted
	ahead   map[string]fate      // of the next call of an operation by a process for a person
}

// A plan is what a seed decides before anything happens.
type plan struct {
	gone          cloud.Gone
	inMemory      bool
	store         acsauth.JournalingMapper // a real one in place of that in memory
	journals      bool                     // the store in memory keeps a journal
	moves         bool                     // from another store in memory to that one
	autoProvision bool
	knowsResource bool
	faults        float64       // the part of calls that go wrong
	spent         float64       // the part of deletions in ACS that are spent, besides
	span          time.Duration // in which the operations begin
	scale         time.Duration // of latencies
}

type person struct {
	cloud.User
	user acsauth.User
}

// A holding is a mapping in the store. An open one has no end.
type holding struct {
	person   *person
	acsID    string
	from, to time.Time
}

// A grant is a token that a process handed out.
type grant struct {
	person     *person
	acsID      string
	begin, end time.Time
}

// A death is the first deletion of an identity that took effect.
type death struct {
	by       *process
	sent, at time.Time
	reported bool // there was an open entry of the deletion
}

// A process is one replica of the server. When it dies, nothing that it has begun
// reaches anybody any more, and it writes no more logs.
type process struct {
	name    string
	service *acsauth.Service
	dead    atomic.Bool
	log     logBuffer
}

type personKey struct{}

func newWorld(t *testing.T, seed uint64, p plan, cfg cloud.Config) *world {
	t.Helper()
	c, err := cloud.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		T: t, seed: seed, cloud: c, plan: p, base: c.HTTPClient().Transport, realTime: !cfg.InProcess || p.store != nil,
		counts: map[string]int{}, made: map[string]*person{}, reads: map[string]time.Time{}, excused: map[string]string{},
		deaths: map[string]death{}, ahead: map[string]fate{},
	}
	if cfg.InProcess {
		w.base = c.Transport()
	}
	c.ACS.SetGone(p.gone)
	if p.inMemory {
		w.store, w.old = new(memoryJournal), new(acsauth.MemoryMapper)
		if p.store != nil {
			w.store = p.store
		}
	}
	return w
}

func (w *world) addPerson() {
	u := w.cloud.Entra.AddUser(cloud.User{ObjectID: fmt.Sprintf("00000000-0000-4000-8000-%012d", len(w.people))})
	token := w.cloud.Entra.UserToken(u, cloud.TokenOptions{Lifetime: 24 * time.Hour})
	p := &person{User: u, user: acsauth.User{TenantID: u.TenantID, ObjectID: u.ObjectID, Assertion: acsauth.NewSecret(token)}}
	w.people = append(w.people, p)
	if w.plan.moves {
		id := w.cloud.ACS.AddIdentity()
		w.made[id] = p
		w.watch(p, func() { _ = w.old.Create(context.Background(), p.user, id) })
	}
}

// start starts a process.
func (w *world) start(name string, autoProvision, knowsResource bool) *process {
	w.Helper()
	p := &process{name: name}
	logger := slog.New(slog.NewJSONHandler(mortal{p}, nil))
	client := &http.Client{Transport: &network{w, p}}
	attempt := w.attemptTimeout()
	var mapper acsauth.IdentityMapper
	switch {
	case w.plan.moves:
		mapper = must(w.T, movemap.New, movemap.Config{
			From: &remoteStore{w, p, "old", w.old}, To: &remoteJournal{remoteStore{w, p, "store", w.store}},
		})
	case w.plan.journals:
		mapper = &remoteJournal{remoteStore{w, p, "store", w.store}}
	case w.plan.inMemory:
		mapper = &remoteStore{w, p, "store", w.store}
	default:
		mapper = must(w.T, graphmap.New, graphmap.Config{
			Tokens: must(w.T, obo.New, obo.Config{
				ClientID: w.cloud.ClientID, Credential: obo.ClientSecret(w.cloud.ClientSecret), AuthorityHost: w.cloud.Entra.URL,
				HTTPClient: client, Timeout: 2 * attempt, Logger: logger,
			}),
			BaseURL: w.cloud.Graph.URL, Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}, HTTPClient: client, AttemptTimeout: attempt, Logger: logger,
		})
	}
	cfg := acsauth.ServiceConfig{
		Identities: must(w.T, acsidentity.New, acsidentity.Config{
			ConnectionString: w.cloud.ACS.ConnectionString(), HTTPClient: client, AttemptTimeout: attempt, Logger: logger,
		}),
		Mapper: mapper, AutoProvision: autoProvision, Logger: logger,
	}
	if knowsResource {
		cfg.ResourceID = w.cloud.ACS.ResourceID()
	}
	p.service = must(w.T, acsauth.NewService, cfg)
	return p
}

// attemptTimeout is what calls are given up after. In the end nothing hangs any
// more, and only a busy machine could be slow.
func (w *world) attemptTimeout() time.Duration {
	if w.calm.Load() {
		return 30 * time.Second
	}
	return 200 * w.plan.scale
}

// mortal is the log of a process, which ends with it.
type mortal struct{ *process }

func (m mortal) Write(b []byte) (int, error) {
	if m.dead.Load() {
		return len(b), nil
	}
	return m.log.Write(b)
}

// mapped returns what the store holds for p; "" if nothing.
func (w *world) mapped(p *person) string {
	if w.store != nil {
		for _, store := range []acsauth.IdentityMapper{w.store, w.old} {
			if id, err := store.Lookup(context.Background(), p.user); err == nil {
				return id
			}
		}
		return ""
	}
	properties, _ := w.cloud.Graph.Extension(p.User, extensionName)
	id, _ := properties["acsUserIdentity"].(string)
	return id
}

// watch lets change run, alone, and writes down what it did to p's mapping.
func (w *world) watch(p *person, change func()) (before, after string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before = w.mapped(p)
	change()
	after = w.mapped(p)
	if before == after {
		return before, after
	}
	now := time.Now()
	for i := range w.held {
		if w.held[i].person == p && w.held[i].to.IsZero() {
			w.held[i].to = now
		}
	}
	if after != "" {
		w.held = append(w.held, holding{person: p, acsID: after, from: now})
	}
	return before, after
}

// mappedSince returns when p was mapped to an identity that the store held last.
func (w *world) mappedSince(p *person, acsID string) (from time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range w.held {
		if h.person == p && h.acsID == acsID {
			from = h.from
		}
	}
	return from
}

// erase removes p's mapping behind everybody's back, as the user can.
func (w *world) erase(p *person) {
	before, _ := w.watch(p, func() {
		if w.store != nil {
			id := w.mapped(p)
			_ = w.old.Delete(context.Background(), p.user, id)
			_ = w.store.Delete(context.Background(), p.user, id)
		} else {
			w.cloud.Graph.DeleteExtension(p.User, extensionName)
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.excused[before] = "its mapping was removed behind the service's back"
}

// random returns the random numbers that belong to the next call of an operation
// by a process for a person. They depend on nothing else, so that a seed can be
// replayed whatever the scheduler does.
func (w *world) random(who *process, p *person, op string) *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := fmt.Sprint(who.name, "/", p.ObjectID, "/", op)
	w.counts[key]++
	h := fnv.New64a()
	fmt.Fprint(h, key, "/", w.counts[key])
	return rand.New(rand.NewPCG(w.seed, h.Sum64()))
}

// foresee decides what becomes of the next call of an operation by a process for a
// person, and foreseen returns that, once.
func (w *world) foresee(who *process, p *person, op string, f fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ahead[who.name+"/"+p.ObjectID+"/"+op] = f
}

func (w *world) foreseen(who *process, p *person, op string) (fate, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := who.name + "/" + p.ObjectID + "/" + op
	f, ok := w.ahead[key]
	delete(w.ahead, key)
	return f, ok
}

// bury writes down that an identity of p's was deleted.
func (w *world) bury(acsID string, p *person, by *process, sent time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, dead := w.deaths[acsID]; !dead {
		w.deaths[acsID] = death{by, sent, time.Now(), w.deletionReported(p, acsID)}
	}
}

// deletionReported reports whether there is an open entry of the deletion of an
// identity of p's.
func (w *world) deletionReported(p *person, acsID string) bool {
	if !w.plan.journals {
		return false
	}
	for e := range w.store.OpenEntries(context.Background(), p.user, time.Now().Add(time.Hour)) {
		if e.Kind == acsauth.EntryDelete && e.ACSID == acsID {
			return true
		}
	}
	return false
}

// live returns p's identities that have not been deleted.
func (w *world) live(p *person) (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, identity := range w.cloud.ACS.Identities() {
		if identity.Live && w.made[identity.ID] == p {
			ids = append(ids, identity.ID)
		}
	}
	return ids
}

// reports returns how many reports about p are open, and how many of them name no
// identity, so that nobody can do anything about it.
func (w *world) reports(p *person, processes []*process) (open, unknown int) {
	if w.plan.journals {
		for e := range w.store.OpenEntries(context.Background(), p.user, time.Now()) {
			open++
			if e.ACSID == "" {
				unknown++
			}
		}
		return open, unknown
	}
	for _, each := range processes {
		open += each.openReports(p)
	}
	return open, open
}

// openReports counts the reports about a person that a process left open in its log.
func (p *process) openReports(of *person) int {
	open := map[any]bool{}
	for line := range strings.Lines(p.log.String()) {
		var record map[string]any
		if json.Unmarshal([]byte(line), &record) != nil || record["user"] != of.user.Pseudonym() {
			continue
		}
		switch message, _ := record["msg"].(string); {
		case strings.HasPrefix(message, "identity report opened"):
			open[record["report"]] = true
		case strings.HasPrefix(message, "identity report closed"):
			delete(open, record["report"])
		}
	}
	return len(open)
}
