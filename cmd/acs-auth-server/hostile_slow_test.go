package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// Slow clients of every kind keep nobody from being served, and the server closes
// their connections by itself. They all attack at once, since it takes the server ten
// seconds more than REQUEST_TIMEOUT to lose its patience, which is short here, but
// enough for those who are to be served, on a machine as busy as any.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	r := startAgainst(t, c, nil, "REQUEST_TIMEOUT=15s")
	var attacks sync.WaitGroup
	sendSlowHeaders(t, r, &attacks)
	sendSlowBodies(t, r, token, &attacks)
	readNothing(t, r, &attacks)
	othersAreServed(t, r, c)
	attacks.Wait()
	othersAreServed(t, r, c)
}

// sendSlowHeaders begins requests that do not go on, or hardly.
func sendSlowHeaders(t *testing.T, r *running, attacks *sync.WaitGroup) {
	const silent, trickling = 180, 20
	for i := range silent + trickling {
		connection := dialRaw(t, r)
		if _, err := io.WriteString(connection, "GET /api/us"); err != nil {
			t.Fatal(err)
		}
		if i < trickling {
			attacks.Go(func() { trickle(t, connection) })
		}
		attacks.Go(func() {
			for _, status := range statuses(t, connection) {
				if status != http.StatusBadRequest { // half a request is none
					t.Errorf("half a header: status %d", status)
				}
			}
		})
	}
}

// trickle goes on with a request, byte by byte, until it is not taken any more.
func trickle(t *testing.T, connection net.Conn) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for _, b := range []byte("er HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20)) {
		<-ticker.C
		if _, err := connection.Write([]byte{b}); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a header byte by byte: %v", err)
			}
			return
		}
	}
}

// sendSlowBodies sends requests whose bodies never come. Each keeps its own
// connection busy, and only for a time.
func sendSlowBodies(t *testing.T, r *running, token string, attacks *sync.WaitGroup) {
	for _, header := range []string{"Content-Length: 10\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\na\r\nx", "Transfer-Encoding: chunked\r\n\r\n1"} {
		connection := dialRaw(t, r)
		if _, err := io.WriteString(connection, "POST /api/user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n"+header); err != nil {
			t.Fatal(err)
		}
		attacks.Go(func() { statuses(t, connection) })
	}
}

// readNothing asks and asks, and reads no answer. It is cut off when an answer
// cannot be written for too long.
func readNothing(t *testing.T, r *running, attacks *sync.WaitGroup) {
	requests := []byte(strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 1000))
	for range 10 {
		connection := dialRaw(t, r)
		if err := connection.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		attacks.Go(func() {
			// Once the answers fill all buffers between the two, the requests do.
			for {
				if _, err := connection.Write(requests); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("answers that nobody reads: the server goes on waiting")
					}
					return
				}
			}
		})
	}
}
