package cloud

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// maxBody bounds what is read of a request's body.
const maxBody = 1 << 20

// A service is one of the three.
type service interface {
	// route names the operation that r asks for, and what carries it out.
	route(r *http.Request) (op string, handle func(*exchange) answer)
	// failure is an error answer in the service's own shape, for a [Fault]
	// that gives a status only.
	failure(x *exchange, status int) answer
}

// An exchange is one request on its way through a service.
type exchange struct {
	*http.Request        // its Body is used up
	raw           []byte // the body as received
	op            string
	calls         *recorder
	call          *Call // guarded by calls
}

// setUser notes in the record of the call whose call it is.
func (x *exchange) setUser(id string) { x.calls.update(func() { x.call.User = id }) }

// An answer is a complete response, or none: a cut connection. A truncated one is
// both.
type answer struct {
	cut       bool
	truncated bool
	status    int
	header    http.Header
	body      []byte
}

var cut = answer{cut: true}

// jsonAnswer is an answer with value as its JSON body, which nil leaves empty.
func jsonAnswer(status int, value any) answer {
	a := answer{status: status, header: make(http.Header)}
	if value == nil {
		return a
	}
	body, err := json.Marshal(value)
	if err != nil {
		panic("cloud: " + err.Error()) // a mistake in this package
	}
	a.body = body
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	return a
}

func (a answer) with(name, value string) answer {
	a.header.Set(name, value)
	return a
}

func (a answer) write(w http.ResponseWriter) {
	if a.cut {
		panic(http.ErrAbortHandler)
	}
	for name, values := range a.header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.status == http.StatusNoContent {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(a.status)
	if a.truncated {
		_, _ = w.Write(a.body[:len(a.body)/2])
		_ = http.NewResponseController(w).Flush() // in process it cannot
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(a.body) // the caller may have gone
}

// isJSON reports whether the body is declared to be JSON.
func isJSON(r *http.Request) bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == "application/json"
}

// serve is the way of every request: read, recorded, hampered by the injected
// faults, answered.
func (c *Cloud) serve(s service, w http.ResponseWriter, r *http.Request) {
	if !c.begin() {
		panic(http.ErrAbortHandler)
	}
	defer c.end()
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		panic(http.ErrAbortHandler)
	}
	op, handle := s.route(r)
	x := &exchange{Request: r, raw: raw, op: op, calls: &c.calls}
	x.call = c.calls.add(x, c.now())
	a := c.hamper(s, x, handle)
	x.calls.update(func() { x.call.Status = a.status })
	a.write(w)
}
