// Package conns limits connections from unauthenticated clients: their number in total and per address, and how long a
// slow client may take.
package conns

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// How long a client may keep the process waiting.
const (
	bodyIdle   = 30 * time.Second // for the next part of a body
	bodyRate   = 4 << 10          // bytes a second that a body must have on average, after bodyIdle
	writeIdle  = 60 * time.Second // until a part of an answer is taken
	afterwards = 2 * time.Second  // for the rest of a body that nobody wants
	complain   = 10 * time.Second // between two log lines of one kind
)

// Bounds are those of a process, shared by its listeners. Nil bounds nothing.
type Bounds struct {
	total, perAddress int
	log               *slog.Logger

	mu        sync.Mutex // guards what follows
	open      int
	unproven  *list.List                // *Conn by age, whose clients have not proved who they are
	byAddress map[netip.Addr]*list.List // the same by address; loopback is not in it: a proxy's clients have one address
	told      map[string]*told
}

// told is when a kind of line was logged, and how often it was not since.
type told struct {
	at      time.Time
	skipped int
}

// New makes the bounds of a process: at most total connections, and at most perAddress from one address that have not proved who they are;
// 0 is no bound.
func New(total, perAddress int, log *slog.Logger) *Bounds {
	if total > 0 && (perAddress == 0 || perAddress > total/2) {
		perAddress = total / 2
	}
	return &Bounds{total: total, perAddress: perAddress, log: log, unproven: list.New(), byAddress: map[netip.Addr]*list.List{}, told: map[string]*told{}}
}

// Total is how many connections a process may have whose limit of open files is what it is: some are left for
// databases, disks and calls of its own.
func Total() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	n := int(min(r.Cur, 1<<20))
	return n - max(min(n/4, 4096), min(128, n/2))
}

// Listen puts the bounds before a listener.
func (b *Bounds) Listen(l net.Listener) net.Listener {
	if b == nil {
		b = New(0, 0, slog.New(slog.DiscardHandler))
	}
	return &listener{Listener: l, b: b, conns: map[*Conn]bool{}}
}

type listener struct {
	net.Listener
	b        *Bounds
	draining atomic.Bool
	conns    map[*Conn]bool // guarded by b.mu
}

// Accept answers the next connection within the bounds. Beyond them the oldest one that keeps the process waiting
// without having proved who it is makes room; where there is none, the new one is closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.b.tell(slog.LevelError, "no connection can be accepted", "address", l.Addr().String(), "error", err.Error())
				l.b.makeRoom()
			}
			return nil, err
		}
		c := &Conn{Conn: raw, b: l.b, l: l}
		if l.b.admit(c) {
			return c, nil
		}
		_ = raw.Close() // it is refused
	}
}

func (b *Bounds) admit(c *Conn) bool {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		if at := a.AddrPort().Addr().Unmap(); !at.IsLoopback() {
			c.address = at
		}
	}
	b.mu.Lock()
	var gone *Conn
	ok := true
	if l := b.byAddress[c.address]; l != nil && b.perAddress > 0 && l.Len() >= b.perAddress {
		gone = oldest(l)
		ok = gone != nil
		b.tellLocked(slog.LevelWarn, "a client has too many connections without having proved who it is", "client", c.address.String(), "connections", l.Len(),
			"cure", "if many users share this address, raise [listen] connections_per_address")
	} else if b.total > 0 && b.open >= b.total {
		gone = oldest(b.unproven)
		ok = gone != nil
		b.tellLocked(slog.LevelError, "there are as many connections as this process may have", "connections", b.open,
			"cure", "raise the limit of open files (LimitNOFILE=) or [listen] max_connections, or find out who opens so many")
	}
	if gone != nil {
		b.dropLocked(gone)
	}
	if ok {
		b.open++
		c.l.conns[c] = true
		c.inAll = b.unproven.PushBack(c)
		if c.address.IsValid() {
			if b.byAddress[c.address] == nil {
				b.byAddress[c.address] = list.New()
			}
			c.inAddress = b.byAddress[c.address].PushBack(c)
		}
	}
	b.mu.Unlock()
	if gone != nil {
		_ = gone.Conn.Close() // whoever serves it learns by an error
	}
	return ok
}

// oldest is the oldest connection that keeps the process waiting; the few before it are being served.
func oldest(l *list.List) *Conn {
	for e, n := l.Front(), 0; e != nil && n < 64; e, n = e.Next(), n+1 {
		if c := e.Value.(*Conn); !c.served.Load() || c.reading.Load() {
			return c
		}
	}
	return nil
}

// makeRoom closes a connection that keeps the process waiting.
func (b *Bounds) makeRoom() {
	b.mu.Lock()
	gone := oldest(b.unproven)
	if gone != nil {
		b.dropLocked(gone)
	}
	b.mu.Unlock()
	if gone != nil {
		_ = gone.Conn.Close() // whoever serves it learns by an error
	}
}

// dropLocked takes a connection out of the books.
func (b *Bounds) dropLocked(c *Conn) {
	b.provenLocked(c)
	if !c.gone {
		c.gone = true
		b.open--
		delete(c.l.conns, c)
	}
}

func (b *Bounds) provenLocked(c *Conn) {
	if c.inAll != nil {
		b.unproven.Remove(c.inAll)
		c.inAll = nil
	}
	if c.inAddress != nil {
		l := b.byAddress[c.address]
		l.Remove(c.inAddress)
		c.inAddress = nil
		if l.Len() == 0 {
			delete(b.byAddress, c.address)
		}
	}
}

func (b *Bounds) tell(level slog.Level, what string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tellLocked(level, what, args...)
}

// tellLocked logs at most one line of a kind in a while, and how many there would have been.
func (b *Bounds) tellLocked(level slog.Level, what string, args ...any) {
	t := b.told[what]
	if t == nil {
		t = &told{}
		b.told[what] = t
	}
	now := time.Now()
	if now.Sub(t.at) < complain {
		t.skipped++
		return
	}
	if t.skipped > 0 {
		args = append(args, "times_more", t.skipped)
	}
	t.at, t.skipped = now, 0
	if level >= slog.LevelError {
		b.log.Error(what, args...)
		return
	}
	b.log.Warn(what, args...)
}

// Conn is a connection within the bounds.
type Conn struct {
	net.Conn
	b       *Bounds
	l       *listener
	address netip.Addr // not valid for loopback

	served  atomic.Bool // a request was read and is not answered yet
	reading atomic.Bool // its body is waited for
	writing atomic.Bool // its answer is being taken
	proven  atomic.Bool

	inAll, inAddress *list.Element // guarded by b.mu; nil once proven
	gone             bool          // guarded by b.mu
}

// Write ends the connection of a client that does not take what it asked for.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeIdle)); err != nil {
		return 0, err
	}
	c.writing.Store(true)
	defer c.writing.Store(false)
	return c.Conn.Write(p)
}

// Close gives the place free.
func (c *Conn) Close() error {
	c.b.mu.Lock()
	c.b.dropLocked(c)
	c.b.mu.Unlock()
	return c.Conn.Close()
}

type connKey struct{}

// Context is http.Server's ConnContext: the requests of a connection know it.
func Context(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// Proven says that the client of the request whose context this is has proved who it is.
func Proven(ctx context.Context) {
	c, ok := ctx.Value(connKey{}).(*Conn)
	if !ok || c.proven.Swap(true) {
		return
	}
	c.b.mu.Lock()
	c.b.provenLocked(c)
	c.b.mu.Unlock()
}

// Whole gives the client until then for the whole rest of its request's body; the next Read of the body by way of Begin
// honours it.
func Whole(r *http.Request, within time.Duration) {
	if b, ok := r.Body.(*body); ok {
		b.until = time.Now().Add(within)
	}
}

// Begin watches over the body of a request; done ends that. Both cost nothing where there is no body.
func Begin(r *http.Request) (watched *http.Request, done func()) {
	c, ok := r.Context().Value(connKey{}).(*Conn)
	if !ok {
		return r, func() {}
	}
	c.served.Store(true)
	if r.Body == nil || r.Body == http.NoBody {
		return r, func() { c.served.Store(false) }
	}
	b := &body{rest: r.Body, c: c}
	watched = new(http.Request)
	*watched = *r
	watched.Body = b
	return watched, func() {
		c.served.Store(false)
		if !b.ended { // net/http reads some of the rest before it answers or closes
			_ = c.Conn.SetReadDeadline(time.Now().Add(afterwards)) // a closed connection has no use for it
		}
	}
}

// body is a request's body whose client must keep sending.
type body struct {
	rest   io.ReadCloser
	c      *Conn
	n      int64
	waited time.Duration
	until  time.Time // zero: none
	ended  bool
}

// ErrSlow is the cause of a body's end that the client kept the process waiting for.
var ErrSlow = errors.New("the client sends its request too slowly")

// Read waits for the next part at most bodyIdle, and in all as long as the body's average rate is bodyRate after a
// first bodyIdle.
func (b *body) Read(p []byte) (int, error) {
	if b.ended {
		return b.rest.Read(p)
	}
	start := time.Now()
	idle := bodyIdle
	if b.c.l.draining.Load() {
		idle = afterwards
	}
	end := start.Add(min(idle, bodyIdle+time.Duration(b.n)*time.Second/bodyRate-b.waited))
	if !b.until.IsZero() && b.until.Before(end) {
		end = b.until
	}
	if err := b.c.Conn.SetReadDeadline(end); err != nil {
		return 0, err
	}
	b.c.reading.Store(true)
	n, err := b.rest.Read(p)
	b.c.reading.Store(false)
	b.n += int64(n)
	b.waited += time.Since(start)
	if err != nil {
		b.ended = errors.Is(err, io.EOF)
		if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
			return n, errors.Join(ErrSlow, err)
		}
		// The next request's deadlines are net/http's, and while this one is worked on nothing is to be read.
		_ = b.c.Conn.SetReadDeadline(time.Time{}) // a closed connection has no use for it
	}
	return n, err
}

func (b *body) Close() error { return b.rest.Close() }

// Drain hurries the clients of a listener made by Listen that keep a process which ends waiting: bodies that do not
// come at once, and with all also bodies that do, and answers that are not taken. It answers how many these are.
func Drain(l net.Listener, all bool) (waiting int) {
	x, ok := l.(*listener)
	if !ok {
		return 0
	}
	x.draining.Store(true)
	now := time.Now()
	x.b.mu.Lock()
	defer x.b.mu.Unlock()
	for c := range x.conns {
		switch {
		case c.reading.Load() && all:
			_ = c.Conn.SetReadDeadline(now) // a closed connection has no use for it
		case c.reading.Load():
			_ = c.Conn.SetReadDeadline(now.Add(afterwards)) // the same
		case c.writing.Load() && all:
			_ = c.Conn.SetWriteDeadline(now) // the same
		default:
			continue
		}
		waiting++
	}
	return waiting
}
