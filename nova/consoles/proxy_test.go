package consoles_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hypernova/nova"
	"hypernova/nova/consoles"
	"hypernova/oslo/fault"
)

const token = "4b1d1ac5-1b3e-4f2e-9c3f-6a0c8d5e7f10"

// guest is a console that echoes. It counts its clients.
func guest(t *testing.T, serve func(net.Conn)) nova.ConsoleAddress {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); serve(c) })
		}
	})
	at := l.Addr().(*net.TCPAddr)
	return nova.ConsoleAddress{Host: at.IP.String(), Port: at.Port}
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// world is a proxy with one token.
type world struct {
	url   string // ws://…
	mu    sync.Mutex
	grant nova.ConsoleGrant
	fails error
}

func newWorld(t *testing.T, c consoles.Config, at nova.ConsoleAddress) *world {
	t.Helper()
	w := &world{}
	c.Type = nova.ConsoleNoVNC
	if c.Sessions == 0 {
		c.Sessions, c.PerServer = 100, 100
	}
	sum := sha256.Sum256([]byte(token))
	c.Check = func(_ context.Context, hash string) (nova.ConsoleGrant, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if hash != hex.EncodeToString(sum[:]) {
			return nova.ConsoleGrant{}, fault.NotFoundf("no such token")
		}
		return w.grant, w.fails
	}
	s := httptest.NewServer(consoles.New(c))
	t.Cleanup(s.Close)
	w.url = "ws" + strings.TrimPrefix(s.URL, "http")
	w.grant = nova.ConsoleGrant{Server: "s", Type: nova.ConsoleNoVNC, ConsoleAddress: at, URL: s.URL + "/vnc_auto.html",
		Expires: time.Now().Add(time.Hour)}
	return w
}

func (w *world) dial(t *testing.T, query string, header http.Header) (*websocket.Conn, int) {
	t.Helper()
	c, r, err := websocket.Dial(t.Context(), w.url+query, &websocket.DialOptions{HTTPHeader: header,
		Subprotocols: []string{"binary"}})
	if err != nil {
		if r == nil {
			t.Fatal(err)
		}
		return nil, r.StatusCode
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c, r.StatusCode
}

func TestAConsoleCarriesBytesBothWays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, consoles.Config{}, guest(t, echo))
	for _, x := range []struct {
		query  string
		header http.Header
	}{{"/?token=" + token, nil}, {"/websockify", http.Header{"Cookie": {"a=b; token=" + token}}}} {
		c, status := w.dial(t, x.query, x.header)
		if c == nil {
			t.Fatalf("%s: status %d", x.query, status)
		}
		if c.Subprotocol() != "binary" {
			t.Errorf("subprotocol %q, want binary", c.Subprotocol())
		}
		sent := bytes.Repeat([]byte("hypernova"), 30_000)
		go func() { _ = c.Write(t.Context(), websocket.MessageBinary, sent) }()
		conn := websocket.NetConn(t.Context(), c, websocket.MessageBinary)
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: the echo of %d bytes differs, %v", x.query, len(sent), err)
		}
	}
	c, _ := w.dial(t, "/?token="+token, nil)
	if err := c.Write(t.Context(), websocket.MessageText, []byte("text")); err != nil {
		t.Fatal(err)
	}
	if kind, b, err := c.Read(t.Context()); err != nil || kind != websocket.MessageBinary || string(b) != "text" {
		t.Errorf("the echo of a text message: %v %q %v", kind, b, err)
	}
}

func TestWhoMayNotOpenAConsole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, consoles.Config{Origins: []string{"dashboard.example"}}, guest(t, echo))
	good := "/?token=" + token
	for _, x := range []struct {
		name, query string
		header      http.Header
		want        int
	}{
		{"no token", "/", nil, 403},
		{"a wrong token", "/?token=x", nil, 403},
		{"a very long token", "/?token=" + strings.Repeat("x", 10_000), nil, 403},
		{"another site", good, http.Header{"Origin": {"http://evil.example"}}, 403},
		{"no site", good, http.Header{"Origin": {"null"}}, 403},
		{"an empty origin", good, http.Header{"Origin": {""}}, 403},
		{"another scheme", good, http.Header{"Origin": {"https://127.0.0.1"}}, 403},
		{"a scheme by a balancer", good, http.Header{"Origin": {"https://127.0.0.1"}, "X-Forwarded-Proto": {"http"}}, 101},
		{"an allowed site", good, http.Header{"Origin": {"http://dashboard.example:8080"}}, 101},
		{"the proxy's own page", good, http.Header{"Origin": {"http://127.0.0.1:6080"}}, 101},
		{"no browser", good, nil, 101},
	} {
		if _, got := w.dial(t, x.query, x.header); got != x.want {
			t.Errorf("%s: status %d, want %d", x.name, got, x.want)
		}
	}
	w.mu.Lock()
	w.grant.Type = nova.ConsoleSerial
	w.mu.Unlock()
	if _, got := w.dial(t, good, nil); got != 403 {
		t.Errorf("a token of a serial console: status %d, want 403", got)
	}
	w.mu.Lock()
	w.fails = fault.Unavailablef("no conductor")
	w.mu.Unlock()
	if _, got := w.dial(t, good, nil); got != 503 {
		t.Errorf("nobody knows the token: status %d, want 503", got)
	}
}

func TestSessionsAreBoundedAndEndWithTheGuest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, consoles.Config{Sessions: 3, PerServer: 2}, guest(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1)) // it ends at the first key
	}))
	first, _ := w.dial(t, "/?token="+token, nil)
	if _, got := w.dial(t, "/?token="+token, nil); got != 101 {
		t.Errorf("the second session: status %d", got)
	}
	if _, got := w.dial(t, "/?token="+token, nil); got != 503 {
		t.Errorf("the third session: status %d, want 503", got)
	}
	if err := first.Write(t.Context(), websocket.MessageBinary, []byte("k")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := first.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("the guest ended: got %v, want a normal closure", err)
	}
}

func TestASessionEndsWhenItsTokenExpiresIfAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, consoles.Config{Enforce: true}, guest(t, echo))
	w.grant.Expires = time.Now().Add(50 * time.Millisecond)
	c, _ := w.dial(t, "/?token="+token, nil)
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("got %v, want a normal closure", err)
	}
}

func TestAClientThatDoesNotAnswerIsLetGo(t *testing.T) {
	t.Parallel()
	gone := make(chan bool)
	w := newWorld(t, consoles.Config{Ping: 50 * time.Millisecond}, guest(t, func(c net.Conn) {
		echo(c)
		close(gone)
	}))
	w.dial(t, "/?token="+token, nil) // nothing reads, so no ping is answered
	select {
	case <-gone:
	case <-t.Context().Done():
		t.Error("the guest's console is still held")
	}
}

func TestAGuestThatIsNotThereIsSaidSo(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().(*net.TCPAddr)
	_ = l.Close()
	w := newWorld(t, consoles.Config{}, nova.ConsoleAddress{Host: "127.0.0.1", Port: at.Port})
	if _, got := w.dial(t, "/?token="+token, nil); got != 503 {
		t.Errorf("status %d, want 503", got)
	}
}

func TestThePagesOfNoVNC(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "vnc_auto.html"), []byte("<html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	get := func(p *consoles.Proxy, method, path string) *httptest.ResponseRecorder {
		r := httptest.NewRecorder()
		p.ServeHTTP(r, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		return r
	}
	p := consoles.New(consoles.Config{Web: dir})
	r := get(p, "GET", "/vnc_auto.html?path=%3Ftoken%3D"+token)
	if r.Code != 200 || r.Body.String() != "<html>" || r.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %d %q %v", r.Code, r.Body, r.Header())
	}
	if r := get(p, "GET", "/../../etc/passwd"); r.Code == 200 {
		t.Errorf("a file outside the folder: %d", r.Code)
	}
	if r := get(p, "POST", "/vnc_auto.html"); r.Code != 405 {
		t.Errorf("POST: %d, want 405", r.Code)
	}
	p = consoles.New(consoles.Config{Web: filepath.Join(dir, "absent"), Package: "novnc"})
	if r := get(p, "GET", "/vnc_auto.html"); r.Code != 404 || !strings.Contains(r.Body.String(), "package novnc") {
		t.Errorf("without the files: got %d %q", r.Code, r.Body)
	}
}
