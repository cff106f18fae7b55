package libvirt

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	wire "github.com/digitalocean/go-libvirt"

	"hypernova/oslo/fault"
)

const dialTimeout = 5 * time.Second

// conn keeps one connection to the daemon and makes a new one when it is gone. Calls share it.
type conn struct {
	uri     wire.ConnectURI
	sockets []string // the first that is there is taken
	timeout time.Duration

	lock chan struct{} // full: somebody looks at or changes what follows
	lv   *wire.Libvirt
	raw  net.Conn
}

func newConn(uri string, timeout time.Duration) (*conn, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host != "" || u.Scheme != "qemu" && u.Scheme != "qemu+unix" {
		return nil, fault.Invalidf("connection_uri %q is not one of a daemon on this host, like qemu:///system or qemu+unix:///system?socket=/path", uri)
	}
	c := &conn{timeout: timeout, lock: make(chan struct{}, 1)}
	run := "/run/libvirt"
	switch u.Path {
	case "/system":
		c.uri = wire.QEMUSystem
	case "/session":
		c.uri = wire.QEMUSession
		run = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "libvirt")
	default:
		return nil, fault.Invalidf("connection_uri %q is neither of the system nor of a session", uri)
	}
	c.sockets = []string{run + "/libvirt-sock", run + "/virtqemud-sock"}
	if s := u.Query().Get("socket"); s != "" {
		c.sockets = []string{s}
	}
	return c, nil
}

// get is the living connection, made if need be. Others wait meanwhile instead of all dialling.
func (c *conn) get(ctx context.Context) (*wire.Libvirt, error) {
	select {
	case c.lock <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-c.lock }()
	if c.lv != nil && c.lv.IsConnected() {
		return c.lv, nil
	}
	c.close()
	raw, socket, err := c.dial(ctx)
	if err != nil {
		return nil, fault.Unavailablef("libvirt does not answer at %s: is the libvirt daemon running?", socket).Because(err)
	}
	lv := wire.NewWithDialer(dialed{raw})
	err = c.within(ctx, dialTimeout, func() error { return lv.ConnectToURI(c.uri) })
	if err != nil {
		_ = raw.Close() // ends what hangs in the handshake
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.Unavailablef("libvirt at %s refuses the connection: %v", socket, err)
	}
	c.lv, c.raw = lv, raw
	return lv, nil
}

func (c *conn) dial(ctx context.Context) (net.Conn, string, error) {
	socket := c.sockets[0]
	for _, s := range c.sockets {
		if _, err := os.Stat(s); err == nil {
			socket = s
			break
		}
	}
	raw, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "unix", socket)
	return raw, socket, err
}

// close is called with the lock held.
func (c *conn) close() {
	if c.raw != nil {
		_ = c.raw.Close()
	}
	c.lv, c.raw = nil, nil
}

// drop closes a connection on which the daemon has stopped answering; whoever waits on it gets an error.
func (c *conn) drop(lv *wire.Libvirt) {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if c.lv == lv {
		c.close()
	}
}

func (c *conn) ping(ctx context.Context) error {
	return c.call(ctx, func(lv *wire.Libvirt) error { _, err := lv.ConnectGetLibVersion(); return err })
}

// errSlow says that the time for one answer is over.
var errSlow = errors.New("no answer in time")

// call does f with the connection and classifies its error. f is left behind when ctx ends: it ends with libvirt's answer or the connection.
func (c *conn) call(ctx context.Context, f func(*wire.Libvirt) error) error {
	return c.callWithin(ctx, c.timeout, f)
}

// callWithin is call with a deadline of its own.
func (c *conn) callWithin(ctx context.Context, limit time.Duration, f func(*wire.Libvirt) error) error {
	lv, err := c.get(ctx)
	if err != nil {
		return err
	}
	err = c.within(ctx, limit, func() error { return f(lv) })
	if errors.Is(err, errSlow) {
		c.drop(lv)
		return fault.Unavailablef("libvirt did not answer within %v.", limit)
	}
	return classify(ctx, err)
}

// within runs f beside, since go-libvirt's calls know no context.
func (c *conn) within(ctx context.Context, d time.Duration, f func() error) error {
	done := make(chan error, 1) // so that f can end when nobody waits any more
	go func() { done <- f() }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return errSlow
	}
}

// classify turns libvirt's errors into faults. What is not an answer of libvirt means that it went away.
func classify(ctx context.Context, err error) error {
	if err == nil || fault.Of(err) != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, wire.ErrUnsupported) {
		return fault.New(fault.NotImplemented, "This libvirt is too old for that.").Because(err)
	}
	var le wire.Error
	if !errors.As(err, &le) {
		return fault.Unavailablef("The connection to libvirt was lost.").Because(err)
	}
	switch wire.ErrorNumber(le.Code) {
	case wire.ErrNoDomain:
		return fault.New(fault.NotFound, "libvirt: %s", le.Message).Because(err)
	case wire.ErrOperationInvalid:
		return fault.New(fault.Conflict, "libvirt: %s", le.Message).Because(err)
	case wire.ErrConfigUnsupported, wire.ErrXMLError, wire.ErrXMLDetail, wire.ErrXMLInvalidSchema, wire.ErrNoSupport:
		return fault.New(fault.Invalid, "libvirt: %s", le.Message).Because(err)
	case wire.ErrOperationTimeout, wire.ErrRPC, wire.ErrResourceBusy:
		return fault.New(fault.Unavailable, "libvirt: %s", le.Message).Because(err)
	}
	return fault.New(fault.Internal, "libvirt: %s", le.Message).Because(err)
}

// dialed is a connection that is already made, as go-libvirt's dialer.
type dialed struct{ raw net.Conn }

func (d dialed) Dial() (net.Conn, error) { return d.raw, nil }
