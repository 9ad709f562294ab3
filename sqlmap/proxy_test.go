package sqlmap_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A fate is what happens to a statement on its way to PostgreSQL and back.
type fate int32

const (
	passed      fate = iota
	requestLost      // it does not arrive, and the connection breaks
	answerLost       // it is done, and the connection breaks before any of the answer
	answerCut        // it is done, and the connection breaks before the end of the answer
	answerHeld       // it is done, and the answer never comes
)

// A proxy stands between a client and PostgreSQL, and reads along.
type proxy struct {
	listener net.Listener
	network  string
	address  string
	next     atomic.Int32 // the fate of the next statement
}

// newProxy starts a proxy, and returns how to connect through it.
func newProxy(t *testing.T, config *pgx.ConnConfig) (*proxy, *pgx.ConnConfig) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener}
	p.network, p.address = pgconn.NetworkAddress(config.Host, config.Port)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		connections.Wait()
	})

	through := config.Copy()
	through.Host, through.Port = "127.0.0.1", uint16(listener.Addr().(*net.TCPAddr).Port)
	through.TLSConfig, through.Fallbacks = nil, nil // what is encrypted cannot be read along
	return p, through
}

// serve passes messages on in both directions until the connection ends, or breaks.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial(p.network, p.address)
	if err != nil {
		return
	}
	defer server.Close()

	var doom atomic.Int32 // the fate of the statement that is under way
	var requests sync.WaitGroup
	requests.Go(func() {
		defer client.Close()
		defer server.Close()
		for first := true; ; first = false { // the first message has no type
			message, err := readMessage(client, !first)
			if err != nil {
				return
			}
			if !first && message[0] == 'E' { // Execute
				doom.Store(p.next.Swap(int32(passed)))
				if fate(doom.Load()) == requestLost {
					return
				}
			}
			if _, err := server.Write(message); err != nil {
				return
			}
		}
	})
	p.answer(client, server, &doom)
	client.Close()
	requests.Wait()
}

func (p *proxy) answer(client, server net.Conn, doom *atomic.Int32) {
	for {
		message, err := readMessage(server, true)
		if err != nil {
			return
		}
		complete, ready := message[0] == 'C', message[0] == 'Z' // CommandComplete, ReadyForQuery
		switch fate(doom.Load()) {
		case answerHeld:
			continue
		case answerLost:
			if ready {
				return
			}
			continue
		case answerCut:
			if ready {
				return
			}
			if complete {
				continue
			}
		}
		if _, err := client.Write(message); err != nil {
			return
		}
	}
}

// readMessage reads one message: a byte for its type, if it has one, four for the
// length of the rest, these included, and the rest.
func readMessage(r io.Reader, typed bool) ([]byte, error) {
	var message bytes.Buffer
	header := int64(4)
	if typed {
		header++
	}
	if _, err := io.CopyN(&message, r, header); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(message.Bytes()[header-4:])
	if length < 4 {
		return nil, errors.New("no message has that length")
	}
	_, err := io.CopyN(&message, r, int64(length)-4)
	return message.Bytes(), err
}
