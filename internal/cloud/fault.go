package cloud

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The operations, for [Fault.Op] and [Call.Op]. A request that is none of them
// is recorded as unknown, for example as "graph.unknown".
const (
	OpEntraMetadata = "entra.metadata"
	OpEntraKeys     = "entra.keys"
	OpEntraToken    = "entra.token"

	OpGraphLookup = "graph.lookup" // the user, with or without their extensions
	OpGraphList   = "graph.list"
	OpGraphGet    = "graph.get"
	OpGraphCreate = "graph.create"
	OpGraphUpdate = "graph.update"
	OpGraphDelete = "graph.delete"

	OpACSCreate = "acs.create"
	OpACSIssue  = "acs.issue"
	OpACSRevoke = "acs.revoke"
	OpACSDelete = "acs.delete"
	OpACSTeams  = "acs.teams"

	OpIdentityToken = "identity.token" // of a managed identity
)

// When is the moment of an operation at which a [Fault] strikes.
type When int

const (
	// BeforeEffect: the operation has not been carried out, and never is if the
	// fault answers, cuts the connection, or hangs until the caller has gone.
	BeforeEffect When = iota
	// AfterEffect: it has been carried out, but its answer may not arrive.
	AfterEffect
)

// A Fault disturbs operations. At its moment it calls Do, then hangs, then cuts
// the connection or answers, each if it is asked to; if nothing is left to do,
// the operation goes on as if undisturbed. In the end it truncates the answer.
type Fault struct {
	// Op is the operation: one of the constants, a service ("graph." with the
	// dot), or any ("").
	Op string
	// Match narrows it down to some requests. It may read the body. Nil: all.
	Match func(*http.Request) bool
	// Times is how many matching operations are disturbed. 0: all, until the
	// fault is removed.
	Times int
	// When is the moment.
	When When

	// Do is called at the moment, if not nil. It may call the cloud.
	Do func()
	// Hang waits until the caller has gone or the fault is removed.
	Hang bool
	// Drop cuts the connection without an answer. Beware that net/http sends a
	// GET again that was lost on a reused HTTP/1.1 connection.
	Drop bool
	// Truncate lets the answer begin, and cuts the connection in the middle of
	// its body. In process there is no answer then.
	Truncate bool
	// Status, Header and Body are the answer, if Status is not 0. If Body is
	// empty and Header has no Content-Type, it is an error as the service words it.
	Status int
	Header http.Header
	Body   string

	// Late, if not 0, carries the operation out that much later, whatever has
	// become of its caller by then. When does not matter then, and the fault
	// must hang, cut or answer.
	Late time.Duration
}

type faults struct {
	mu   sync.Mutex
	list []*injected
}

type injected struct {
	Fault
	left     int           // of Times; negative: unlimited
	released chan struct{} // closed by remove
}

// Inject makes f disturb operations from now on, until it has done so f.Times
// times or is removed. Of several faults that match, the oldest strikes.
// Calling remove again does nothing. Inject panics if f.Late is set and f does
// not say what the caller gets.
func (c *Cloud) Inject(f Fault) (remove func()) {
	if f.Late > 0 && !f.Hang && !f.Drop && f.Status == 0 {
		panic("cloud: a Fault with Late must also have Hang, Drop or Status")
	}
	in := &injected{Fault: f, left: f.Times, released: make(chan struct{})}
	if f.Times == 0 {
		in.left = -1
	}
	c.faults.mu.Lock()
	defer c.faults.mu.Unlock()
	c.faults.list = append(c.faults.list, in)
	return sync.OnceFunc(func() {
		c.faults.mu.Lock()
		defer c.faults.mu.Unlock()
		c.faults.list = slices.DeleteFunc(c.faults.list, func(other *injected) bool { return other == in })
		close(in.released)
	})
}

// take returns the fault that strikes x, or nil, and counts it.
func (fs *faults) take(x *exchange) *injected {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.list {
		if !f.matches(x) {
			continue
		}
		if f.left--; f.left == 0 {
			fs.list = slices.Delete(fs.list, i, i+1)
		}
		return f
	}
	return nil
}

// isOp reports whether op is the operation, or one of the service, that pattern
// names. An empty pattern names all.
func isOp(pattern, op string) bool {
	return pattern == "" || pattern == op || strings.HasSuffix(pattern, ".") && strings.HasPrefix(op, pattern)
}

func (f *injected) matches(x *exchange) bool {
	if !isOp(f.Op, x.op) {
		return false
	}
	if f.Match == nil {
		return true
	}
	r := x.Request.WithContext(x.Context())
	r.Body = io.NopCloser(bytes.NewReader(x.raw))
	return f.Match(r)
}

// hamper carries an operation out under the fault that strikes it, if any does.
func (c *Cloud) hamper(s service, x *exchange, handle func(*exchange) answer) answer {
	f := c.faults.take(x)
	if f == nil {
		return handle(x)
	}
	a := c.disturb(f, s, x, handle)
	a.truncated = f.Truncate
	return a
}

func (c *Cloud) disturb(f *injected, s service, x *exchange, handle func(*exchange) answer) answer {
	switch {
	case f.Late > 0:
		c.later(f.Late, func() { handle(x) })
		return c.strike(f, s, x, func() answer { return cut })
	case f.When == AfterEffect:
		a := handle(x)
		return c.strike(f, s, x, func() answer { return a })
	default:
		return c.strike(f, s, x, func() answer { return handle(x) })
	}
}

// strike is the moment of f; goOn is what remains of the operation.
func (c *Cloud) strike(f *injected, s service, x *exchange, goOn func() answer) answer {
	if f.Do != nil {
		f.Do()
	}
	if f.Hang {
		select {
		case <-f.released:
		case <-x.Context().Done():
			return cut
		case <-c.ctx.Done():
			return cut
		}
	}
	switch {
	case f.Drop:
		return cut
	case f.Status == 0:
		return goOn()
	case f.Body == "" && f.Header.Get("Content-Type") == "":
		a := s.failure(x, f.Status)
		for name, values := range f.Header {
			a.header[http.CanonicalHeaderKey(name)] = values
		}
		return a
	default:
		return answer{status: f.Status, header: f.Header, body: []byte(f.Body)}
	}
}
