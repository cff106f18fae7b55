package fair

import (
	"container/list"
	"net"
	"sync"
)

// Conns are the open connections of many sources. A source may have only so many; where all together have too many, the
// oldest of the source that has most makes room for a source that has fewer. They are safe for concurrent use.
type Conns struct {
	each, all int
	refused   func()

	mu   sync.Mutex            // guards what follows
	open int                   // all
	by   map[string]*list.List // of *conn, the oldest first
}

// NewConns makes a table; refused is called for each connection that is closed because of a bound.
func NewConns(each, all int, refused func()) *Conns {
	return &Conns{each: each, all: all, refused: refused, by: map[string]*list.List{}}
}

// Open is how many connections are open.
func (c *Conns) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open
}

// Listener is l with the bounds: source names who is at the other end. A connection too many is reset, and Accept waits
// for the next.
func (c *Conns) Listener(l net.Listener, source func(net.Addr) string) net.Listener {
	return &listener{Listener: l, conns: c, source: source}
}

type listener struct {
	net.Listener
	conns  *Conns
	source func(net.Addr) string
}

// Accept is a listener's.
func (l *listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.conns.add(raw, l.source(raw.RemoteAddr())); c != nil {
			return c, nil
		}
		l.conns.refused()
		reset(raw)
	}
}

type conn struct {
	net.Conn
	conns  *Conns
	source string
	at     *list.Element // guarded by conns.mu; nil: not counted any more
}

// Close is a connection's.
func (c *conn) Close() error {
	c.conns.remove(c)
	return c.Conn.Close()
}

// add counts a connection, nil where it may not be.
func (c *Conns) add(raw net.Conn, source string) *conn {
	n, victim := c.place(raw, source)
	if victim != nil {
		c.refused()
		reset(victim.Conn)
	}
	return n
}

func (c *Conns) place(raw net.Conn, source string) (n, victim *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := c.by[source]
	has := 0
	if mine != nil {
		has = mine.Len()
	}
	if has >= c.each {
		return nil, nil
	}
	if c.open >= c.all {
		most := c.largest()
		if most == nil || most.Len() <= has+1 {
			return nil, nil
		}
		victim, _ = most.Front().Value.(*conn)
		c.drop(victim)
	}
	if mine == nil {
		mine = list.New()
		c.by[source] = mine
	}
	n = &conn{Conn: raw, conns: c, source: source}
	n.at = mine.PushBack(n)
	c.open++
	return n, victim
}

// largest is the list of the source that has most. It is asked for only where the table is full.
func (c *Conns) largest() *list.List {
	var most *list.List
	for _, l := range c.by {
		if most == nil || l.Len() > most.Len() {
			most = l
		}
	}
	return most
}

func (c *Conns) remove(n *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(n)
}

func (c *Conns) drop(n *conn) {
	if n.at == nil {
		return
	}
	l := c.by[n.source]
	l.Remove(n.at)
	if l.Len() == 0 {
		delete(c.by, n.source)
	}
	n.at = nil
	c.open--
}

// reset ends a connection without waiting for the other end to take it.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // it is closed next, with or without
	}
	_ = c.Close() // there is nobody to tell
}
