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

// Limits of the time that a client may keep the process waiting.
const (
	bodyIdle   = 30 * time.Second       // until the next part of a body arrives
	bodyRate   = 4 << 10                // average bytes per second of a body, after the first bodyIdle
	writeIdle  = 60 * time.Second       // until the client receives a part of the response
	afterwards = 2 * time.Second        // for the rest of a body that the handler does not read
	logEvery   = 10 * time.Second       // pause between two log lines with the same message
	firstWord  = 100 * time.Millisecond // for the first request of a connection once the listener is ending
)

// Bounds are the connection limits of a process, shared by its listeners. Nil is no limit.
type Bounds struct {
	total, perAddress int
	log               *slog.Logger

	mu        sync.Mutex // guards the fields below
	open      int
	unproven  *list.List                // *Conn of clients that are not authenticated, oldest first
	byAddress map[netip.Addr]*list.List // the same by address, except loopback: all clients of a proxy have its address
	logged    map[string]*logged        // by message
}

// logged is when a message was logged last, and how often it was skipped since.
type logged struct {
	last    time.Time
	skipped int
}

// New makes the limits of a process: at most total connections, and at most perAddress unauthenticated ones from one
// address. 0 is no limit.
func New(total, perAddress int, log *slog.Logger) *Bounds {
	if total > 0 && (perAddress == 0 || perAddress > total/2) {
		perAddress = total / 2
	}
	return &Bounds{total: total, perAddress: perAddress, log: log, unproven: list.New(),
		byAddress: map[netip.Addr]*list.List{}, logged: map[string]*logged{}}
}

// Total returns the number of connections that the process's limit of open files allows, less a reserve for databases,
// files and outgoing calls.
func Total() int {
	var r syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	n := int(min(r.Cur, 1<<20))
	return n - max(min(n/4, 4096), min(128, n/2))
}

// Listen returns a listener that applies the limits to the connections of l.
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
	ending   atomic.Bool
	conns    map[*Conn]bool // guarded by b.mu
}

// Accept returns the next connection. If a limit is exceeded, it closes the oldest unauthenticated connection that
// keeps the process waiting, or the new one if there is none.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				l.b.logSeldom(slog.LevelError, "cannot accept connections", "address", l.Addr().String(), "err", err)
				l.b.makeRoom()
			}
			return nil, err
		}
		c := &Conn{Conn: raw, b: l.b, l: l}
		if l.b.admit(c) {
			return c, nil
		}
		_ = raw.Close() // it is rejected
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
		b.logLocked(slog.LevelWarn, "closing connection: client has too many unauthenticated connections", "client",
			c.address.String(), "connections", l.Len(),
			"cure", "if many users share this address, raise [listen] connections_per_address")
	} else if b.total > 0 && b.open >= b.total {
		gone = oldest(b.unproven)
		ok = gone != nil
		b.logLocked(slog.LevelError, "closing connection: process has reached its limit of connections", "connections",
			b.open,
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
		_ = gone.Conn.Close() // its handler gets an error
	}
	return ok
}

// oldest returns the oldest connection that keeps the process waiting. It skips those whose requests are being handled.
func oldest(l *list.List) *Conn {
	for e, n := l.Front(), 0; e != nil && n < 64; e, n = e.Next(), n+1 {
		if c := e.Value.(*Conn); !c.served.Load() || c.reading.Load() {
			return c
		}
	}
	return nil
}

// makeRoom closes a connection that keeps the process waiting, if there is one.
func (b *Bounds) makeRoom() {
	b.mu.Lock()
	gone := oldest(b.unproven)
	if gone != nil {
		b.dropLocked(gone)
	}
	b.mu.Unlock()
	if gone != nil {
		_ = gone.Conn.Close() // its handler gets an error
	}
}

// dropLocked removes a connection from the lists. The caller holds the mutex.
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

func (b *Bounds) logSeldom(level slog.Level, message string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logLocked(level, message, args...)
}

// logLocked logs a message at most once in logEvery, with the number of skipped ones. The caller holds the mutex.
func (b *Bounds) logLocked(level slog.Level, message string, args ...any) {
	t := b.logged[message]
	if t == nil {
		t = &logged{}
		b.logged[message] = t
	}
	now := time.Now()
	if now.Sub(t.last) < logEvery {
		t.skipped++
		return
	}
	if t.skipped > 0 {
		args = append(args, "times_more", t.skipped)
	}
	t.last, t.skipped = now, 0
	if level >= slog.LevelError {
		b.log.Error(message, args...)
		return
	}
	b.log.Warn(message, args...)
}

// Conn is a connection of a listener made by Listen.
type Conn struct {
	net.Conn
	b       *Bounds
	l       *listener
	address netip.Addr // not valid for loopback

	used    atomic.Bool // the client has sent something
	served  atomic.Bool // a request is being handled
	reading atomic.Bool // the handler waits for the body
	writing atomic.Bool // the response is being written
	proven  atomic.Bool

	inAll, inAddress *list.Element // guarded by b.mu; nil once proven
	gone             bool          // guarded by b.mu
}

// Read times out on a connection on which nothing was sent by the time that EndUnused names.
func (c *Conn) Read(p []byte) (int, error) {
	if c.used.Load() {
		return c.Conn.Read(p)
	}
	if c.l.ending.Load() { // net/http has just set a longer deadline
		_ = c.Conn.SetReadDeadline(time.Now().Add(firstWord)) // an error means that the connection is closed
	}
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.used.Store(true)
	}
	return n, err
}

// Write fails if the client receives nothing for writeIdle.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeIdle)); err != nil {
		return 0, err
	}
	c.writing.Store(true)
	defer c.writing.Store(false)
	return c.Conn.Write(p)
}

// Close closes the connection, which no longer counts.
func (c *Conn) Close() error {
	c.b.mu.Lock()
	c.b.dropLocked(c)
	c.b.mu.Unlock()
	return c.Conn.Close()
}

type connKey struct{}

// Context is for http.Server.ConnContext: it stores the connection in the context of its requests.
func Context(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// Proven records that the client of the request with this context is authenticated. Its connection is then never closed
// to make room.
func Proven(ctx context.Context) {
	c, ok := ctx.Value(connKey{}).(*Conn)
	if !ok || c.proven.Swap(true) {
		return
	}
	c.b.mu.Lock()
	c.b.provenLocked(c)
	c.b.mu.Unlock()
}

// Whole limits the time for the rest of the request's body. It applies from the next Read of a body that Begin
// returned.
func Whole(r *http.Request, within time.Duration) {
	if b, ok := r.Body.(*body); ok {
		b.until = time.Now().Add(within)
	}
}

// Begin returns the request with a body whose Read enforces the limits. Call done when the request is handled.
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
		if !b.ended { // net/http reads a part of the rest before it responds or closes
			_ = c.Conn.SetReadDeadline(time.Now().Add(afterwards)) // an error means that the connection is closed
		}
	}
}

// body is a request's body with limits on the time of each Read.
type body struct {
	rest   io.ReadCloser
	c      *Conn
	n      int64
	waited time.Duration
	until  time.Time // end of the time for the whole body; zero: none
	ended  bool
}

// ErrSlow is the error of reading a body whose client is too slow.
var ErrSlow = errors.New("the client sends its request too slowly")

// Read waits at most bodyIdle for the next part. It fails if the average rate after the first bodyIdle is below
// bodyRate.
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
		// net/http sets the deadlines of the next request; while this one is handled nothing is read.
		_ = b.c.Conn.SetReadDeadline(time.Time{}) // an error means that the connection is closed
	}
	return n, err
}

func (b *body) Close() error { return b.rest.Close() }

// Drain shortens the deadlines of clients that keep an ending process waiting: bodies that do not arrive, and, with
// all, also bodies that arrive slowly and responses that are not received. l was made by Listen. It returns their
// number.
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
			_ = c.Conn.SetReadDeadline(now) // an error means that the connection is closed
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

// EndUnused ends the connections on which the client sends nothing within a tenth of a second: clients open connections
// ahead of their requests, and http.Server.Shutdown would wait five seconds for each. l was made by Listen. Call it
// just before Shutdown.
func EndUnused(l net.Listener) {
	x, ok := l.(*listener)
	if !ok {
		return
	}
	x.ending.Store(true)
	end := time.Now().Add(firstWord)
	x.b.mu.Lock()
	defer x.b.mu.Unlock()
	for c := range x.conns {
		if !c.used.Load() {
			_ = c.Conn.SetReadDeadline(end) // an error means that the connection is closed
		}
	}
}
