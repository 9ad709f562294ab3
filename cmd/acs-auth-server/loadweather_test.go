package main

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// A disturbance is one way in which an upstream fails.
type disturbance struct {
	name  string
	fault cloud.Fault
	most  float64  // the part of the calls that it strikes at worst
	names []string // the errors that it may lead to, besides those of a slow machine
}

// disturbances returns all of them. What must not be repeated blindly fails both
// before and after it took effect.
func disturbances(upstream string, cut func()) []disturbance {
	wait, often := "30", 0.7
	if upstream == "entra." { // one such answer holds for the whole tenant
		wait, often = "1", 0.1
	}
	asked := func(name, value string) http.Header { return http.Header{name: {value}} }
	unusable := []string{"upstream_error"}
	throttled := []string{"rate_limited"}
	return []disturbance{
		{"500", cloud.Fault{Status: 500}, 0.7, nil},
		{"500 after the effect", cloud.Fault{Status: 500, When: cloud.AfterEffect}, 0.7, nil},
		{"503", cloud.Fault{Status: 503, Header: asked("Retry-After", "1")}, 0.5, nil},
		{"503 for long", cloud.Fault{Status: 503, Header: asked("Retry-After", "60")}, 0.7, nil},
		{"429", cloud.Fault{Status: 429, Header: asked("Retry-After-Ms", "20")}, 0.9, throttled},
		{"429 for long", cloud.Fault{Status: 429, Header: asked("Retry-After", wait)}, often, throttled},
		{"hangs", cloud.Fault{Hang: true}, 0.2, nil},
		{"hangs after the effect", cloud.Fault{Hang: true, When: cloud.AfterEffect}, 0.2, nil},
		{"takes effect after a cut", cloud.Fault{Drop: true, Late: loadAttempt / 4}, 0.5, nil},
		{"takes effect after the time-out", cloud.Fault{Hang: true, Late: loadAttempt * 5 / 4}, 0.2, nil},
		{"cut", cloud.Fault{Drop: true}, 0.7, nil},
		{"cut after the effect", cloud.Fault{Drop: true, When: cloud.AfterEffect}, 0.7, nil},
		{"cut off", cloud.Fault{Truncate: true}, 0.7, unusable},
		{"nonsense", cloud.Fault{Status: 200, Header: asked("Content-Type", "application/json"), Body: `{"`, When: cloud.AfterEffect}, 0.5, unusable},
		{"all connections reset", cloud.Fault{Do: cut}, 0.05, nil},
	}
}

// A weather disturbs the upstreams, each with one spell after another. A spell
// lasts for a number of calls, not for a time, so that slow machines see the same.
// It disturbs all calls, or only those that change something.
type weather struct {
	removals []func()

	mu     sync.Mutex
	struck map[string]int             // by upstream and disturbance
	begun  map[string]map[string]bool // by upstream: the names of errors that there may be
}

func newWeather(c *cloud.Cloud, seed uint64, cut func()) *weather {
	w := &weather{struck: map[string]int{}, begun: map[string]map[string]bool{}}
	for i, upstream := range upstreams {
		w.begun[upstream] = map[string]bool{}
		w.over(c, upstream, rand.New(rand.NewPCG(seed, 1<<32+uint64(i))), cut)
	}
	return w
}

// over begins to disturb an upstream. The cloud asks for matches one after another.
func (w *weather) over(c *cloud.Cloud, upstream string, random *rand.Rand, cut func()) {
	possible := disturbances(upstream, cut)
	var current *disturbance // of the call that is asked about
	left, spell, strength, writes := 0, (*disturbance)(nil), 0.0, false
	next := func(r *http.Request) bool {
		if left--; left < 0 {
			left, spell = 5+random.IntN(40), nil
			if random.IntN(2) > 0 {
				spell = &possible[random.IntN(len(possible))]
				strength = spell.most * random.Float64()
				writes = random.IntN(2) > 0
			}
		}
		current = nil
		if spell == nil || writes && r.Method == http.MethodGet {
			return false
		}
		// A deletion in Graph that takes effect when the user has a new mapping
		// is the one exception to what the lifecycle promises.
		excepted := upstream == "graph." && r.Method == http.MethodDelete
		if random.Float64() < strength && (spell.fault.Late == 0 || !excepted) {
			current = spell
			w.note(upstream, spell)
		}
		return false
	}
	w.removals = append(w.removals, c.Inject(cloud.Fault{Op: upstream, Match: next}))
	for i := range possible {
		fault := possible[i].fault
		fault.Op, fault.Match = upstream, func(*http.Request) bool { return current == &possible[i] }
		w.removals = append(w.removals, c.Inject(fault))
	}
}

func (w *weather) note(upstream string, d *disturbance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.struck[upstream+" "+d.name]++
	for _, name := range d.names {
		w.begun[upstream][name] = true
	}
}

// causes reports whether something that has been disturbed can be the reason of an
// error.
func (w *weather) causes(upstreams []string, name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(upstreams, func(upstream string) bool { return w.begun[upstream][name] })
}

// clear ends all disturbances. What hangs goes on.
func (w *weather) clear() {
	for _, remove := range w.removals {
		remove()
	}
}

// Wires are the connections that somebody has opened.
type wires struct {
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	opened int
}

func newWires() *wires { return &wires{open: make(map[net.Conn]struct{})} }

func (ws *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.open[c] = struct{}{}
	ws.opened++
	return &wire{c, ws}, nil
}

// cut resets all connections, whatever is under way on them.
func (ws *wires) cut() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for c := range ws.open {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	clear(ws.open)
}

func (ws *wires) counts() (open, opened int) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return len(ws.open), ws.opened
}

type wire struct {
	net.Conn
	of *wires
}

func (w *wire) Close() error {
	w.of.mu.Lock()
	delete(w.of.open, w.Conn)
	w.of.mu.Unlock()
	return w.Conn.Close()
}
