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

// Connections on which a request begins and does not go on, or hardly, keep nobody
// from being served, and the server closes them by itself.
func TestSlowHeaders(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil)
	const silent, trickling = 180, 20
	var attack sync.WaitGroup
	for i := range silent + trickling {
		connection := dialRaw(t, r)
		if _, err := io.WriteString(connection, "GET /api/us"); err != nil {
			t.Fatal(err)
		}
		if i < trickling {
			attack.Go(func() { trickle(t, connection) })
		}
		attack.Go(func() {
			for _, status := range statuses(t, connection) {
				if status != http.StatusBadRequest { // half a request is none
					t.Errorf("status %d", status)
				}
			}
		})
	}
	othersAreServed(t, r, c)
	attack.Wait()
	othersAreServed(t, r, c)
}

// trickle goes on with a request, byte by byte, until it is not taken any more.
func trickle(t *testing.T, connection net.Conn) {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for _, b := range []byte("er HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 1<<20)) {
		<-ticker.C
		if _, err := connection.Write([]byte{b}); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
			return
		}
	}
}

// A body that never comes keeps its own connection busy, and only for a time.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	c, token := startCloud(t)
	r := startAgainst(t, c, nil, "REQUEST_TIMEOUT=1s")
	var attack sync.WaitGroup
	for _, header := range []string{"Content-Length: 10\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\na\r\nx", "Transfer-Encoding: chunked\r\n\r\n1"} {
		connection := dialRaw(t, r)
		if _, err := io.WriteString(connection, "POST /api/user HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+token+"\r\n"+header); err != nil {
			t.Fatal(err)
		}
		attack.Go(func() { statuses(t, connection) })
	}
	othersAreServed(t, r, c)
	attack.Wait()
	othersAreServed(t, r, c)
}

// Whoever asks and asks, and reads no answer, is cut off when an answer cannot be
// written for too long.
func TestAnswersThatNobodyReads(t *testing.T) {
	t.Parallel()
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil, "REQUEST_TIMEOUT=1s")
	requests := []byte(strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n", 1000))
	var attack sync.WaitGroup
	for range 10 {
		connection := dialRaw(t, r)
		if err := connection.SetReadBuffer(4 << 10); err != nil {
			t.Fatal(err)
		}
		attack.Go(func() {
			// Once the answers fill all buffers between the two, the requests do.
			for {
				if _, err := connection.Write(requests); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the server goes on waiting")
					}
					return
				}
			}
		})
	}
	othersAreServed(t, r, c)
	attack.Wait()
	othersAreServed(t, r, c)
}
