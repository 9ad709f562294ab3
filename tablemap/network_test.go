package tablemap_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
)

// A network is what lies between a Mapper and the service, and what goes wrong
// there. It is put into Config.HTTPClient, so that it works with every engine.
type network struct {
	next http.RoundTripper

	mu     sync.Mutex
	seen   []string // methods of the requests
	hosts  []string // where they went
	faults []*fault
}

// A fault is what happens to requests instead of an answer of the service.
type fault struct {
	method string // "": any
	times  int    // 0: always
	skip   int    // so many requests are spared first

	// What happens: nothing but then, or one of these.
	lost   bool // the request takes effect, and its answer gets lost
	cut    bool // the connection breaks before the request gets there
	hang   bool // there is no answer until the caller gives up
	status int  // the answer is another one
	header http.Header
	body   string

	then func() // is called first, such as for another process to step in
}

func (n *network) fault(f fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, &f)
}

func (n *network) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults, n.seen = nil, nil
}

// requests returns the methods of the requests so far, such as "POST GET".
func (n *network) requests() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.seen, " ")
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	f := n.meet(r)
	if f == nil {
		return n.next.RoundTrip(r)
	}
	if f.then != nil {
		f.then()
	}
	switch {
	case f.lost:
		resp, err := n.next.RoundTrip(r)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return nil, io.ErrUnexpectedEOF
	case f.cut:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case f.hang:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case f.status != 0:
		header := f.header.Clone()
		if header == nil {
			header = http.Header{"Content-Type": {"application/json"}}
		}
		return &http.Response{StatusCode: f.status, Header: header, Body: io.NopCloser(strings.NewReader(f.body)), Request: r}, nil
	}
	return n.next.RoundTrip(r)
}

// meet returns the fault that a request meets, nil if there is none.
func (n *network) meet(r *http.Request) *fault {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen = append(n.seen, r.Method)
	n.hosts = append(n.hosts, r.URL.Host)
	for i, f := range n.faults {
		if f.method != "" && f.method != r.Method {
			continue
		}
		if f.skip > 0 {
			f.skip--
			continue
		}
		if f.times == 1 {
			n.faults = append(n.faults[:i:i], n.faults[i+1:]...)
		} else if f.times > 1 {
			f.times--
		}
		return f
	}
	return nil
}
