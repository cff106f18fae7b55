package conns_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"hypernova/oslo/conns"
)

// record is a log that tests can read while it is written.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// elsewhere gives loopback connections the address of another host.
type elsewhere struct{ net.Listener }

func (e elsewhere) Accept() (net.Conn, error) {
	c, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return remote{c}, nil
}

type remote struct{ net.Conn }

func (remote) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

func serve(t *testing.T, b *conns.Bounds, l net.Listener, h http.HandlerFunc) string {
	t.Helper()
	s := &http.Server{ConnContext: conns.Context, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, done := conns.Begin(r)
		defer done()
		h(w, r)
	})}
	bounded := b.Listen(l)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(bounded) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dial(t *testing.T, at string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// asks sends a request on a connection and returns the response's body, empty if the connection is closed.
func asks(c net.Conn) string {
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// Connections whose bodies do not arrive are closed for new ones, the oldest first. Authenticated ones are kept.
func TestOldestWaitingConnectionIsClosed(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"in all", "per address"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			said := &record{}
			logger := slog.New(slog.NewTextHandler(said, nil))
			l := listen(t)
			b := conns.New(8, 0, logger)
			if where == "per address" {
				b, l = conns.New(0, 8, logger), elsewhere{l}
			}
			reading := make(chan bool, 20)
			at := serve(t, b, l, func(w http.ResponseWriter, r *http.Request) {
				if r.ContentLength > 0 {
					reading <- true
					_, _ = io.ReadAll(r.Body)
					return
				}
				conns.Proven(r.Context())
				io.WriteString(w, "yes")
			})
			known := dial(t, at)
			if got := asks(known); got != "yes" {
				t.Fatalf("the first: %q", got)
			}
			var stuck []net.Conn
			for range 20 {
				c := dial(t, at)
				fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
				<-reading
				stuck = append(stuck, c)
			}
			if got := asks(dial(t, at)); got != "yes" {
				t.Errorf("one more: %q", got)
			}
			if got := asks(known); got != "yes" {
				t.Errorf("who is known: %q", got)
			}
			if _, err := io.ReadAll(stuck[0]); err != nil && !strings.Contains(err.Error(), syscall.ECONNRESET.Error()) {
				t.Errorf("the oldest: %v", err)
			}
			if n := strings.Count(said.String(), "level="); n != 1 {
				t.Errorf("%d log lines:\n%s", n, said)
			}
		})
	}
}

// Loopback has no limit per address, because a proxy there has many clients.
func TestLoopbackHasNoLimitPerAddress(t *testing.T) {
	t.Parallel()
	at := serve(t, conns.New(0, 2, slog.New(slog.DiscardHandler)), listen(t),
		func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "yes") })
	var all []net.Conn
	for range 10 {
		c := dial(t, at)
		if got := asks(c); got != "yes" {
			t.Fatal(got)
		}
		all = append(all, c)
	}
	for i, c := range all {
		if got := asks(c); got != "yes" {
			t.Errorf("connection %d: %q", i, got)
		}
	}
}

// failing is a listener whose Accept fails with too many open files, and then with net.ErrClosed.
type failing struct {
	net.Listener
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left < 0 {
		return nil, net.ErrClosed
	}
	return nil, syscall.EMFILE
}

func TestErrorsOfAcceptAreLoggedSeldom(t *testing.T) {
	t.Parallel()
	said := &record{}
	l := listen(t)
	defer l.Close()
	bounded := conns.New(0, 0, slog.New(slog.NewTextHandler(said, nil))).Listen(&failing{l, 100})
	for range 101 {
		_, _ = bounded.Accept()
	}
	if n := strings.Count(said.String(), "level=ERROR"); n != 1 ||
		!strings.Contains(said.String(), "too many open files") {
		t.Errorf("%d lines:\n%s", n, said)
	}
}

func TestTotalLeavesSomeFiles(t *testing.T) {
	t.Parallel()
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	if n := conns.Total(); n <= 0 || uint64(n) >= uint64(r.Cur) {
		t.Errorf("%d of %d", n, r.Cur)
	}
}

func TestContextsWithoutAConnection(t *testing.T) {
	t.Parallel()
	conns.Proven(context.Background())
	r, done := conns.Begin(&http.Request{Body: http.NoBody})
	done()
	if r.Body != http.NoBody {
		t.Error("the body is another one")
	}
}

// Clients open connections ahead of their requests. Those must not keep a service that ends.
func TestEndUnusedConnections(t *testing.T) {
	t.Parallel()
	raw, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := conns.New(0, 0, slog.New(slog.DiscardHandler)).Listen(raw)
	defer l.Close()
	open := func() (client, server net.Conn) {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
		if server, err = l.Accept(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { server.Close() })
		return client, server
	}
	_, waits := open()
	_, later := open()
	client, used := open()
	send := func() (byte, error) {
		if _, err := client.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		var b [1]byte
		_, err := used.Read(b[:])
		return b[0], err
	}
	if got, err := send(); got != 'x' || err != nil {
		t.Fatal(got, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := waits.Read(make([]byte, 1))
		ended <- err
	}()
	conns.Drain(l, false)
	fresh, answers := open()
	if _, err := fresh.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := answers.Read(make([]byte, 1)); err != nil {
		t.Errorf("a request that arrives while the listener drains is lost: %v", err)
	}
	conns.EndUnused(l)
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) { // to which net/http answers nothing
		t.Errorf("a connection that waits for its first request: %v", err)
	}
	if _, err := later.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a connection that was not read yet: %v", err)
	}
	if got, err := send(); got != 'x' || err != nil {
		t.Errorf("a connection in use: got %q, %v", got, err)
	}
}
