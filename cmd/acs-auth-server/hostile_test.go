package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/Azure-Samples/communication-services-authentication-hero-go/internal/cloud"
)

// dialRaw opens a connection on which a test can send what no client would.
func dialRaw(t *testing.T, r *running) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// othersAreServed calls the server as people do, whatever else is going on.
func othersAreServed(t *testing.T, r *running, c *cloud.Cloud) {
	t.Helper()
	token := c.Entra.UserToken(c.Entra.AddUser(cloud.User{}), cloud.TokenOptions{})
	for _, want := range []struct {
		method, path string
		ok           int
	}{{"POST", "/api/user", 201}, {"GET", "/api/user", 200}, {"GET", "/api/token", 201}, {"DELETE", "/api/user", 204}, {"GET", healthPath, 200}} {
		if got := call(t, want.method, r.url+want.path, bearer(token)); got.status != want.ok {
			t.Errorf("%s %s of others: status %d: %s", want.method, want.path, got.status, got.body)
		}
	}
}

// statuses reads answers until the server closes the connection.
func statuses(t *testing.T, c net.Conn) (list []int) {
	t.Helper()
	for reader := bufio.NewReader(c); ; {
		answer, err := http.ReadResponse(reader, nil)
		if err == nil {
			list = append(list, answer.StatusCode)
			_, err = io.Copy(io.Discard, answer.Body)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %v the server waits for more", list)
		}
		if err != nil {
			return list
		}
	}
}

// TestMalformedRequests sends on one connection what a row says, and then a request
// for /healthz that asks to close it. What is malformed is refused, and ends the
// connection; what is merely strange is answered like anything else. Nothing makes
// the server wait, and nothing is its fault: what begins with 5 is net/http's way
// to say that it does not know such a protocol.
func TestMalformedRequests(t *testing.T) {
	t.Parallel()
	const host = "Host: x\r\n"
	get := "GET /healthz HTTP/1.1\r\n" + host
	tests := []struct {
		name, sent string
		want       []int // the last 200 is that of /healthz
	}{
		{"nothing", "", []int{200}},
		{"empty lines first", "\r\n\r\n", []int{400}},
		{"garbage", "\x00\x01\x02\xff\xfe garbage\r\n\r\n", []int{400}},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", []int{400}},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{404}},
		{"garbage after a request", get + "\r\n" + "garbage\r\n\r\n", []int{200, 400}},
		{"three requests at once", get + "\r\n" + get + "\r\n", []int{200, 200, 200}},
		{"HTTP/0.9", "GET /healthz\r\n\r\n", []int{400}},
		{"HTTP/1.0", "GET /healthz HTTP/1.0\r\n\r\n", []int{200}},
		{"HTTP/3.7", "GET /healthz HTTP/3.7\r\n" + host + "\r\n", []int{505}},
		{"absolute form", "GET http://elsewhere.example/healthz HTTP/1.1\r\n" + host + "\r\n", []int{200, 200}},
		{"absolute form of the API", "GET http://elsewhere.example/api/user HTTP/1.1\r\n" + host + "\r\n", []int{401, 200}},
		{"authority form", "GET elsewhere.example:443 HTTP/1.1\r\n" + host + "\r\n", []int{404, 200}},
		{"CONNECT", "CONNECT elsewhere.example:443 HTTP/1.1\r\n" + host + "\r\n", []int{404, 200}},
		{"TRACE", "TRACE /api/user HTTP/1.1\r\n" + host + "\r\n", []int{405, 200}},
		{"an unknown method", "get /api/user HTTP/1.1\r\n" + host + "\r\n", []int{405, 200}},
		{"a method of 10 KB", strings.Repeat("X", 10_000) + " /api/user HTTP/1.1\r\n" + host + "\r\n", []int{405, 200}},
		{"no path", "GET  HTTP/1.1\r\n" + host + "\r\n", []int{400}},
		{"a path of 60 KB", "GET /" + strings.Repeat("x", 60_000) + " HTTP/1.1\r\n" + host + "\r\n", []int{404, 200}},
		{"NUL in the path", "GET /api/\x00user HTTP/1.1\r\n" + host + "\r\n", []int{400}},
		{"NUL in the path, encoded", "GET /api/user%00 HTTP/1.1\r\n" + host + "\r\n", []int{404, 200}},
		{"NUL in a header", get + "X-A: a\x00b\r\n\r\n", []int{400}},
		{"NUL in the token", get + "Authorization: Bearer a\x00b\r\n\r\n", []int{400}},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", []int{400}},
		{"two hosts", get + host + "\r\n", []int{400}},
		{"a host with a slash", "GET /healthz HTTP/1.1\r\nHost: a/b\r\n\r\n", []int{400}},
		{"a space before the colon", get + "X-A : b\r\n\r\n", []int{400}},
		{"a header without a colon", get + "X-A\r\n\r\n", []int{400}},
		{"a folded header", get + "X-A: a\r\n b\r\n\r\n", []int{200, 200}},
		{"lines that end in LF", "GET /healthz HTTP/1.1\nHost: x\n\n", []int{200, 200}},
		{"10,000 headers", get + strings.Repeat("a:b\r\n", 10_000) + "\r\n", []int{200, 200}},
		{"100 tokens", "GET /api/user HTTP/1.1\r\n" + host + strings.Repeat("Authorization: Bearer x\r\n", 100) + "\r\n", []int{400, 200}},
		{"a token of 16 KiB", "GET /api/user HTTP/1.1\r\n" + host + "Authorization: Bearer " + strings.Repeat("x", 16<<10) + "\r\n\r\n", []int{401, 200}},
		{"a token of 60 KiB", "GET /api/user HTTP/1.1\r\n" + host + "Authorization: Bearer " + strings.Repeat("x", 60<<10) + "\r\n\r\n", []int{401, 200}},
		{"a header of 1 MB", get + "X-A: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431}},
		{"headers of 1 MB", get + strings.Repeat("X-A: "+strings.Repeat("x", 1000)+"\r\n", 1000) + "\r\n", []int{431}},

		// Where a proxy in front could see the end of a request elsewhere.
		{"Content-Length and chunks", "POST /api/user HTTP/1.1\r\n" + host + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{401, 200}},
		{"two lengths that differ", "POST /api/user HTTP/1.1\r\n" + host + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", []int{400}},
		{"two lengths alike", "POST /api/user HTTP/1.1\r\n" + host + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", []int{401, 200}},
		{"a length with a sign", "POST /api/user HTTP/1.1\r\n" + host + "Content-Length: +4\r\n\r\nabcd", []int{400}},
		{"a negative length", "POST /api/user HTTP/1.1\r\n" + host + "Content-Length: -4\r\n\r\nabcd", []int{400}},
		{"a length beyond all bounds", "POST /api/user HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999\r\n\r\n", []int{400}},
		{"an encoding that there is not", "POST /api/user HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", []int{501}},
		{"chunks twice", "POST /api/user HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", []int{501}},
		{"chunks in HTTP/1.0", "POST /api/user HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{401}},
		{"a chunk without a size", "POST /api/user HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n", []int{401}},
		{"a chunk with a huge size", "POST /api/user HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n", []int{401}},
		{"a body where none belongs", get + "Content-Length: 5\r\n\r\nhello", []int{200, 200}},
		{"an expectation that there is not", get + "Expect: miracles\r\n\r\n", []int{417}},
	}
	c, _ := startCloud(t)
	r := startAgainst(t, c, nil)
	for _, test := range tests {
		connection := dialRaw(t, r)
		// The server may have closed it before all is sent.
		go func() {
			_, _ = io.WriteString(connection, test.sent+get+"Connection: close\r\n\r\n")
		}()
		got := statuses(t, connection)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	othersAreServed(t, r, c)
	if log := r.stderr.String(); strings.Contains(log, "has panicked") || strings.Contains(log, "http: panic") {
		t.Errorf("a panic:\n%s", log)
	}
}
