package service_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"hypernova/oslo/metric"
	"hypernova/oslo/service"
)

// What no honest client sends is refused before a handler sees it, or seen as the failure that it is.
func TestRequestsThatLieOrHaveNoEnd(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bodies := make(chan error, 10)
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		bodies <- err
	})
	ctx, cancel := context.WithCancel(metric.With(quiet(t.Context()), metric.New()))
	ready, ended := make(chan bool), make(chan error, 1)
	go func() { ended <- service.HTTP("api", l, h, service.HTTPOptions{}).Run(ctx, func() { close(ready) }) }()
	<-ready
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	const end = "Host: a\r\n\r\n"
	for _, c := range []struct {
		name, text string
		status     int
		body       bool // the handler sees that the body is not whole
	}{
		{"an honest one", "POST / HTTP/1.1\r\nContent-Length: 3\r\n" + end + "abc", 200, false},
		{"a long header", "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", 100<<10) + "\r\n" + end, 431, false},
		{"a long address", "GET /" + strings.Repeat("x", 100<<10) + " HTTP/1.1\r\n" + end, 431, false},
		{"many headers", "GET / HTTP/1.1\r\n" + strings.Repeat("X: x\r\n", 30<<10) + end, 431, false},
		{"two lengths", "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 5\r\n" + end + "abcde", 400, false},
		{"a negative length", "POST / HTTP/1.1\r\nContent-Length: -3\r\n" + end, 400, false},
		{"a length beyond all numbers", "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" + end, 400, false},
		{"a line folded", "GET / HTTP/1.1\r\nX : y\r\n" + end, 400, false},
		{"two hosts", "GET / HTTP/1.1\r\nHost: b\r\n" + end, 400, false},
		{"less than announced", "POST / HTTP/1.1\r\nContent-Length: 300\r\n" + end + "abc", 200, true},
		{"a chunk that is none", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + end + "zz\r\nabc\r\n", 200, true},
		{"a chunk without end", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + end + "ffffffffffffffffff\r\nabc", 200,
			true},
	} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { // the server may refuse before it has read all of it
			_, _ = io.WriteString(conn, c.text)
			_ = conn.(*net.TCPConn).CloseWrite()
		}()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != c.status {
			t.Errorf("%s: got %v, %v, want %d", c.name, resp, err, c.status)
		}
		if c.status == 200 {
			if err := <-bodies; (err != nil) != c.body {
				t.Errorf("%s: the body ended with %v", c.name, err)
			}
		}
		conn.Close()
	}
}
