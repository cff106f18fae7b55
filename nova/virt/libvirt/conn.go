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

// conn is the connection to the libvirt daemon. All calls share it; it is made anew when it is lost.
type conn struct {
	uri     wire.ConnectURI
	sockets []string // the first that exists is used
	timeout time.Duration

	lock chan struct{} // a mutex with a context: full while the fields below are read or changed
	lv   *wire.Libvirt
	raw  net.Conn
}

// newConn checks a connection URI. It does not connect.
func newConn(uri string, timeout time.Duration) (*conn, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Host != "" || u.Scheme != "qemu" && u.Scheme != "qemu+unix" {
		return nil, fault.Invalidf(
			"connection_uri %q is not one of a daemon on this host, like qemu:///system or qemu+unix:///system?socket=/path",
			uri)
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

// get returns the connection and makes it if there is none. Concurrent calls wait for one attempt.
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
		_ = raw.Close() // ends a handshake that does not return
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fault.Unavailablef("libvirt at %s refuses the connection: %v", socket, err)
	}
	c.lv, c.raw = lv, raw
	return lv, nil
}

// dial connects to the first socket that exists, and returns its name also with an error.
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

// close closes the connection. The caller holds the lock.
func (c *conn) close() {
	if c.raw != nil {
		_ = c.raw.Close()
	}
	c.lv, c.raw = nil, nil
}

// drop closes a connection on which the daemon does not answer. Other calls that wait on it fail.
func (c *conn) drop(lv *wire.Libvirt) {
	c.lock <- struct{}{}
	defer func() { <-c.lock }()
	if c.lv == lv {
		c.close()
	}
}

// ping checks that the daemon answers.
func (c *conn) ping(ctx context.Context) error {
	return c.call(ctx, func(lv *wire.Libvirt) error { _, err := lv.ConnectGetLibVersion(); return err })
}

// errSlow means that a call took longer than its timeout.
var errSlow = errors.New("no answer in time")

// call calls f with the connection and returns its error as a fault. It returns when ctx ends or the timeout is over,
// even if f still runs; f then ends with libvirt's answer or the connection, so it must not write to shared variables
// that the caller reads after an error.
func (c *conn) call(ctx context.Context, f func(*wire.Libvirt) error) error {
	return c.callWithin(ctx, c.timeout, f)
}

// callWithin is call with another timeout.
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

// within runs f in a goroutine, because go-libvirt's calls take no context, and waits for it at most d.
func (c *conn) within(ctx context.Context, d time.Duration, f func() error) error {
	done := make(chan error, 1) // capacity 1, so that f can end when the caller has returned
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

// classify returns libvirt's errors as faults. Any other error means that the connection was lost.
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

// dialed is a go-libvirt dialer that returns a connection made earlier.
type dialed struct{ raw net.Conn }

func (d dialed) Dial() (net.Conn, error) { return d.raw, nil }
