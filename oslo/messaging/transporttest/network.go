package transporttest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

// proxy forwards connections of a process to the broker.
type proxy struct {
	l      net.Listener
	target string

	mu    sync.Mutex // guards the fields below
	conns []*pipe
}

// pipe is one connection through a proxy. A frozen one accepts bytes and forwards none, as a broken network does.
type pipe struct {
	in, out net.Conn
	frozen  atomic.Bool
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{l: l, target: target}
	var ended sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.in.Close()
			c.out.Close()
		}
		p.mu.Unlock()
		ended.Wait()
	})
	ended.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", target)
			if err != nil {
				in.Close()
				continue
			}
			c := &pipe{in: in, out: out}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			ended.Go(func() { c.forward(c.in, c.out) })
			ended.Go(func() { c.forward(c.out, c.in) })
		}
	})
	return p
}

func (c *pipe) forward(from, to net.Conn) {
	_, err := io.Copy(thaw{c, to}, from)
	if !c.frozen.Load() || !errors.Is(err, net.ErrClosed) {
		to.Close()
	}
}

// thaw is the writing end of a pipe. It waits while the pipe is frozen.
type thaw struct {
	c  *pipe
	to net.Conn
}

func (w thaw) Write(b []byte) (int, error) {
	if w.c.frozen.Load() {
		return len(b), nil
	}
	return w.to.Write(b)
}

func (p *proxy) address() string { return p.l.Addr().String() }

// freeze makes the existing connections half-open. Later ones work.
func (p *proxy) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.frozen.Store(true)
	}
}

func halfOpen(t *testing.T, br Broker) {
	if br.ConnectAt == nil {
		t.Skip("this transport has no network to lose")
	}
	w := newWorld(br)
	client, _ := w.bus(t)
	p := newProxy(t, br.Address)
	w.broker.Connect = func() messaging.Transport { return br.ConnectAt(p.address()) }
	server, _ := w.bus(t)
	w.serve(t, server, "h", handlers{echo: same})
	if _, err := w.echo.Do(t.Context(), client, "h", "before"); err != nil {
		t.Fatal(err)
	}
	p.freeze()
	begin := time.Now()
	if _, err := w.echo.Do(t.Context(), client, "h", "meanwhile"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("into a half-open connection: got %v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %v: waited for the deadline", took)
	}
	await(t, "the receiver notices and comes back", func() bool {
		got, err := w.echo.Do(t.Context(), client, "h", "after")
		return got == "after" && err == nil
	})
}

func secure(t *testing.T, br Broker) {
	if br.Secure == nil {
		t.Skip("this transport has no network to protect")
	}
	w := newWorld(br)
	w.broker.Connect = br.Secure
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	w.serve(t, server, "h", handlers{echo: same})
	if got, err := w.echo.Do(t.Context(), client, "h", "whispered"); got != "whispered" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func reconnect(t *testing.T, br Broker) {
	if br.Restart == nil {
		t.Skip("this transport has no broker to lose")
	}
	w := newWorld(br)
	client, _ := w.bus(t)
	server, _ := w.bus(t)
	started, release := make(chan bool, 10), make(chan bool)
	heard := make(chan string, 1000)
	w.serve(t, server, "h", handlers{echo: same,
		work: func(context.Context, string) error {
			started <- true
			<-release
			return nil
		},
		shout: func(_ context.Context, s string) error {
			heard <- s
			return nil
		}})
	if _, err := w.echo.Do(t.Context(), client, "h", "before"); err != nil {
		t.Fatal(err)
	}
	if err := w.work.Do(t.Context(), client, "h", "long"); err != nil {
		t.Fatal(err)
	}
	wait(t, started, "the work that outlives the broker")
	br.Restart()
	await(t, "calls work again", func() bool {
		got, err := w.echo.Do(t.Context(), client, "h", "after")
		return got == "after" && err == nil
	})
	await(t, "fanouts work again", func() bool {
		if err := w.shout.Do(t.Context(), client, "after"); err != nil {
			return false
		}
		select {
		case <-heard:
			return true
		case <-time.After(w.beat):
			return false
		}
	})
	close(release)
	await(t, "the cast from before is finished", func() bool { return client.Waiting() == 0 })
	if n := len(started); n != 0 {
		t.Errorf("the cast from before was handled %d times more", n)
	}
	if err := w.work.Do(t.Context(), client, "h", "next"); err != nil {
		t.Errorf("cast: %v", err)
	}
}
