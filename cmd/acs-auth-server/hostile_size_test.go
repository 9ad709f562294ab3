package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// The API needs no body. One of 100 MB is answered at once, and not read: what the
// server and the kernel's buffers take of it is little. Memory that a body could
// fill would have to be read from the connection first.
func TestHugeBodies(t *testing.T) {
	t.Parallel()
	const size, most = 100 << 20, 20 << 20
	const expect = "Expect: 100-continue\r\n"
	c, token := startCloud(t)
	r := startAgainst(t, c, nil)
	auth := "Authorization: Bearer " + token + "\r\n"
	length := "Content-Length: 104857600\r\n"
	tests := []struct {
		name, header string
		method       string
		want         int
	}{
		{"with a token", auth + length, "POST", 201},
		{"without", length, "POST", 401},
		{"that has no end", auth + "Transfer-Encoding: chunked\r\n", "POST", 200},
		{"that has no end, without a token", "Transfer-Encoding: chunked\r\n", "POST", 401},
		{"of a GET", auth + length, "GET", 200},
		{"that waits to be asked for", auth + length + expect, "POST", 200},
		{"that waits to be asked for, without a token", length + expect, "POST", 401},
		{"that waits to be asked for, and has no end", auth + "Transfer-Encoding: chunked\r\n" + expect, "POST", 200},
		{"that goes nowhere", length, "PATCH", 405},
		{"of a deletion", auth + length, "DELETE", 204},
	}
	for _, test := range tests {
		connection := dialRaw(t, r)
		if _, err := io.WriteString(connection, test.method+" /api/user HTTP/1.1\r\nHost: x\r\n"+test.header+"\r\n"); err != nil {
			t.Fatal(err)
		}
		sent := make(chan int, 1)
		if !strings.Contains(test.header, expect) {
			go func() { sent <- sendBody(connection, size, strings.Contains(test.header, "chunked")) }()
		} else {
			sent <- 0 // since it is not asked for
		}
		answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if answer.StatusCode != test.want || !answer.Close {
			t.Errorf("%s: status %d, and the connection is to be closed: %t", test.name, answer.StatusCode, answer.Close)
		}
		if n := <-sent; n > most {
			t.Errorf("%s: %d bytes were taken", test.name, n)
		}
		_ = connection.Close()
		othersAreServed(t, r, c)
	}
}

// sendBody sends a body until it is complete or is not taken any more, and returns
// how much was.
func sendBody(w io.Writer, size int, chunked bool) (sent int) {
	block := bytes.Repeat([]byte{'x'}, 64<<10)
	if chunked {
		block = []byte("8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n")
	}
	for sent < size {
		n, err := w.Write(block)
		sent += n
		if err != nil {
			return sent
		}
	}
	return sent
}
