package fair

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOneSourceCannotTakeAnothersRate(t *testing.T) {
	t.Parallel()
	r := NewRates(10, 5)
	now := time.Unix(1000, 0)
	allowed := func(source string, tries int) (n int) {
		for range tries {
			if r.Allow(source, now) {
				n++
			}
		}
		return n
	}
	if got := []int{allowed("a", 100), allowed("b", 3), allowed("a", 100)}; !slices.Equal(got, []int{5, 3, 0}) {
		t.Errorf("allowed %v, want [5 3 0]", got)
	}
	now = now.Add(200 * time.Millisecond)
	if got := allowed("a", 100); got != 2 {
		t.Errorf("after 200 ms %d, want 2", got)
	}
	now = now.Add(time.Hour)
	allowed("b", 1)
	if len(r.by) != 1 {
		t.Errorf("%d sources are remembered, want the one that asked of late", len(r.by))
	}
}

func TestSeldom(t *testing.T) {
	t.Parallel()
	var s Seldom
	now := time.Unix(1000, 0)
	var got []int
	for i := range 5 {
		if left, ok := s.Now(now.Add(time.Duration(i) * 25 * time.Second)); ok {
			got = append(got, left)
		}
	}
	if !slices.Equal(got, []int{0, 2}) {
		t.Errorf("lines with %v left out before, want [0 2]", got)
	}
}

// wire is a connection that knows whether it was closed.
type wire struct {
	net.Conn
	closed bool
}

func (w *wire) Close() error { w.closed = true; return nil }

func TestConnectionsAreShared(t *testing.T) {
	t.Parallel()
	refusals := 0
	c := NewConns(4, 6, func() { refusals++ })
	var wires []*wire
	add := func(source string) *conn {
		w := &wire{}
		wires = append(wires, w)
		return c.add(w, source)
	}
	for range 4 {
		if add("greedy") == nil {
			t.Fatal("a connection within the source's bound was refused")
		}
	}
	if add("greedy") != nil {
		t.Error("a source has more than its bound")
	}
	one := add("b")
	add("c")
	if c.Open() != 6 {
		t.Fatalf("%d open, want 6", c.Open())
	}
	if add("d") == nil {
		t.Error("a newcomer was refused though another has most of all")
	}
	if !wires[0].closed || wires[1].closed {
		t.Error("not the oldest of whoever has most made room")
	}
	if add("b") == nil || add("b") != nil {
		t.Error("room is made until all have alike, and no longer")
	}
	if refusals != 2 { // the two that made room: the table's users tell of the others
		t.Errorf("%d ended for a bound, want 2", refusals)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil || c.Open() != 5 {
		t.Errorf("%d open after one was closed twice, want 5 (%v)", c.Open(), err)
	}
}

func TestListenerResetsWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused := make(chan struct{}, 1)
	c := NewConns(1, 10, func() { refused <- struct{}{} })
	bound := c.Listener(l, func(a net.Addr) string { host, _, _ := strings.Cut(a.String(), ":"); return host })
	accepted := make(chan net.Conn)
	go func() {
		for {
			n, err := bound.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- n
		}
	}()
	dial := func(from string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		n, err := d.Dial("tcp4", l.Addr().String())
		if err == nil {
			t.Cleanup(func() { n.Close() })
		}
		return n, err
	}
	dial("127.0.0.1")
	first := <-accepted
	second, err := dial("127.0.0.1") // it may be reset before it is known here
	<-refused
	if err == nil {
		if _, err := second.Read(make([]byte, 1)); err == nil {
			t.Error("a connection too many can be read from")
		}
	}
	dial("127.0.0.2")
	<-accepted
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	dial("127.0.0.1")
	<-accepted
}
