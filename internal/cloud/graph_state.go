package cloud

import (
	"encoding/json"
	"slices"
	"time"
)

// extensions is what Graph stores of one user, and what it stored before: reads
// may go to a replica that lags behind.
type extensions struct {
	list    []extension // now
	past    []version   // states before, oldest first
	freezes []*Freeze
}

// A version is the state that held until a moment.
type version struct {
	list  []extension
	until time.Time
}

// maxPast bounds the history of one user.
const maxPast = 32

func (u *extensions) change(now time.Time, list []extension) {
	if len(u.past) == maxPast {
		u.past = slices.Delete(u.past, 0, 1)
	}
	u.past = append(u.past, version{u.list, now})
	u.list = list
}

// A Freeze makes reads see an earlier state: Graph promises no more than
// eventual consistency. Without Reads and For it holds until it is thawed.
type Freeze struct {
	// Reads is how many reads (and creations, see below) are affected.
	Reads int
	// For is how long.
	For time.Duration
	// Lag makes reads see the state as it was that long ago. 0: as it was when
	// the freeze began.
	Lag time.Duration
	// Creates makes creations go by the earlier state as well: they answer a
	// conflict with what has been deleted since, and replace what has been
	// created since. Other writes are never affected.
	Creates bool

	began  time.Time
	list   []extension
	thawed bool
}

// FreezeReads lets f govern reads of u from now on. Of several, the oldest
// does. Calling thaw ends it.
func (g *Graph) FreezeReads(u User, f Freeze) (thaw func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := g.of(u.key())
	f.began = g.cloud.now()
	f.list = state.list
	freeze := &f
	state.freezes = append(state.freezes, freeze)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		freeze.thawed = true
	}
}

// read returns what a read of u's extensions sees.
func (g *Graph) read(u User) ([]extension, GraphOptions) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.of(u.key()).seenAt(g.cloud.now(), false), g.options
}

// seenAt returns the state that a read or a creation goes by.
func (u *extensions) seenAt(now time.Time, creating bool) []extension {
	u.freezes = slices.DeleteFunc(u.freezes, func(f *Freeze) bool {
		return f.thawed || f.For > 0 && !now.Before(f.began.Add(f.For))
	})
	if len(u.freezes) == 0 || creating && !u.freezes[0].Creates {
		return u.list
	}
	f := u.freezes[0]
	if f.Reads == 1 {
		f.thawed = true
	}
	f.Reads--
	if f.Lag == 0 {
		return f.list
	}
	for _, v := range u.past {
		if v.until.After(now.Add(-f.Lag)) {
			return v.list
		}
	}
	return u.list
}

// of returns the state of a user. The caller holds g.mu.
func (g *Graph) of(userKey string) *extensions {
	state := g.users[userKey]
	if state == nil {
		state = new(extensions)
		g.users[userKey] = state
	}
	return state
}

func (g *Graph) forget(userKey string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.users, userKey)
}

// Extension returns the properties that u's extension of that name has now,
// extensionName included.
func (g *Graph) Extension(u User, name string) (properties map[string]any, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.of(u.key()).list
	i := find(list, name)
	if i < 0 {
		return nil, false
	}
	return cloneJSON(list[i].data), true
}

// SetExtension writes u's extension as the user can do with Graph Explorer: it
// is created or replaced as a whole. ExtensionName is added unless properties
// hold one.
func (g *Graph) SetExtension(u User, name string, properties map[string]any) {
	data := cloneJSON(properties)
	if _, ok := data["extensionName"]; !ok {
		data["extensionName"] = name
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	state := g.of(u.key())
	e := extension{name: name, app: graphExplorer, data: data}
	list := slices.Clone(state.list)
	if i := find(list, name); i >= 0 {
		e.app = list[i].app
		list[i] = e
	} else {
		list = append(list, e)
	}
	state.change(g.cloud.now(), list)
}

// graphExplorer is the app id of Graph Explorer.
const graphExplorer = "de8bc8b5-d9f9-48b1-a8ad-b748da725064"

// DeleteExtension removes u's extension, if there is one.
func (g *Graph) DeleteExtension(u User, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	state := g.of(u.key())
	if i := find(state.list, name); i >= 0 {
		state.change(g.cloud.now(), slices.Delete(slices.Clone(state.list), i, i+1))
	}
}

// cloneJSON is a deep copy, by way of JSON. It panics on what is no JSON.
func cloneJSON(m map[string]any) map[string]any {
	b, err := json.Marshal(m)
	if err != nil {
		panic("cloud: the properties of an extension are no JSON: " + err.Error())
	}
	var clone map[string]any
	_ = json.Unmarshal(b, &clone) // it has just been marshalled
	if clone == nil {
		clone = make(map[string]any)
	}
	return clone
}
