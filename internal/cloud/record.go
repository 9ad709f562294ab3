package cloud

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// maxCalls bounds the record, since a -dev server may run for weeks.
const maxCalls = 4096

// A Call is the record of one request.
type Call struct {
	// Op is one of the operations, see [OpEntraMetadata] and its siblings.
	Op string
	// Method and URI are the request line's.
	Method, URI string
	// RequestID is the caller's: x-ms-client-request-id or client-request-id.
	RequestID string
	// User is whose call it is, if that could be told: the object id of a user
	// (Entra, Graph), or the ACS identity.
	User string
	// At is when the request arrived.
	At time.Time
	// Status is the answer's. 0: there was none, or it is still under way.
	Status int
}

// A recorder remembers calls from their arrival on.
type recorder struct {
	mu     sync.Mutex
	calls  []*Call
	counts map[string]int
}

func (rec *recorder) add(x *exchange, at time.Time) *Call {
	call := &Call{
		Op:        x.op,
		Method:    x.Method,
		URI:       x.RequestURI,
		RequestID: requestID(x.Header),
		At:        at,
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.calls) == maxCalls {
		rec.calls = slices.Delete(rec.calls, 0, maxCalls/2)
	}
	rec.calls = append(rec.calls, call)
	if rec.counts == nil {
		rec.counts = make(map[string]int)
	}
	rec.counts[call.Op]++
	return call
}

func (rec *recorder) update(change func()) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	change()
}

func requestID(h http.Header) string {
	return orDefault(h.Get("x-ms-client-request-id"), h.Get("client-request-id"))
}

// Calls returns the requests since the start or the last [Cloud.ResetCalls], in
// the order of their arrival; of very many only the latest.
func (c *Cloud) Calls() []Call {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	calls := make([]Call, len(c.calls.calls))
	for i, call := range c.calls.calls {
		calls[i] = *call
	}
	return calls
}

// CallCount returns how many requests for any of ops arrived since the start or
// the last [Cloud.ResetCalls]; without ops, how many requests at all. An op is
// named as in [Fault.Op].
func (c *Cloud) CallCount(ops ...string) int {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	total := 0
	for op, n := range c.calls.counts {
		if len(ops) == 0 || slices.ContainsFunc(ops, func(pattern string) bool { return isOp(pattern, op) }) {
			total += n
		}
	}
	return total
}

// ResetCalls forgets the record.
func (c *Cloud) ResetCalls() {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	c.calls.calls, c.calls.counts = nil, nil
}
