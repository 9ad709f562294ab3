package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// 10,000 connections that have asked once and now do nothing keep nobody from being
// served. The server is a process of its own, since each connection takes a file
// descriptor on either side. Programs in Go raise their limit of descriptors to the
// hard limit by themselves; if that is too low, this fails and says so.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	const connections = 10_000
	c, _ := startCloud(t)
	environ := []string{"SSL_CERT_FILE=" + writeFile(t, string(c.CAPEM())), "LISTEN_ADDR=127.0.0.1:0"}
	for name, v := range devSettings(c).Values {
		environ = append(environ, name+"="+v.Text)
	}
	server := startProcess(t, environ)
	server.stderr.line(t, "signing keys loaded")
	othersAreServed(t, server.running, c)
	memory := func() uint64 { return residentMemory(strconv.Itoa(server.process.Pid)) }
	before := memory()

	var opening sync.WaitGroup
	var opened atomic.Int64
	for range 16 {
		opening.Go(func() {
			for n := opened.Add(1); n <= connections && !t.Failed(); n = opened.Add(1) {
				idle(t, server.running)
			}
		})
	}
	opening.Wait()
	if t.Failed() {
		return
	}
	after := memory()
	othersAreServed(t, server.running, c)
	t.Logf("%d idle connections: %d MB of memory instead of %d, %d bytes for each", connections, after>>20, before>>20, (after-min(after, before))/connections)
}

// idle opens a connection, asks once, and leaves it open until the end of the test.
func idle(t *testing.T, r *running) {
	c, err := net.Dial("tcp", r.url[len("http://"):])
	if err != nil {
		t.Errorf("a further connection cannot be opened, perhaps because the hard limit of open files (ulimit -Hn) is below 11,000: %v", err)
		return
	}
	t.Cleanup(func() {
		_ = c.(*net.TCPConn).SetLinger(0) // the port is free again at once
		_ = c.Close()
	})
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Error(err)
		return
	}
	if _, err := io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Error(err)
		return
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(c, 1024), nil)
	if err != nil {
		t.Error(err)
		return
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("status %d", answer.StatusCode)
	}
}
