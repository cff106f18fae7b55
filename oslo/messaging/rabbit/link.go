package rabbit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

const (
	// dialWait bounds connecting to one host, including handshakes.
	dialWait = 5 * time.Second
	// longestPause bounds the pause between attempts to connect.
	longestPause = 5 * time.Second
)

// reconnect is the pauses between attempts to connect.
func reconnect() backoff.Policy {
	return backoff.Policy{First: 100 * time.Millisecond, Most: longestPause}
}

// keep replaces the connection whenever it is lost.
func (c *conn) keep(ctx context.Context, l *link) {
	for {
		gone := l.nc.NotifyClose(make(chan *amqp.Error, 1))
		var why error = errors.New("closed")
		select {
		case <-c.quit:
			return
		case e := <-gone:
			if e != nil {
				why = e
			}
		}
		c.set(nil)
		if c.isClosed() {
			return
		}
		c.log.Warn("reconnecting: connection to the message broker lost", "broker", l.at, log.Err, why.Error())
		if l = c.again(ctx); l == nil {
			return
		}
		c.set(l)
		c.log.Info("message broker reconnected", "broker", l.at)
	}
}

// again connects to the next host that answers. It returns nil if the bus was closed meanwhile.
func (c *conn) again(ctx context.Context) *link {
	for try := 0; ; try++ {
		l, at, err := c.dial(ctx)
		if err == nil {
			return l
		}
		c.log.Warn("retrying: message broker not reachable", "broker", at, log.Err, diagnose(at, err).Error(),
			"attempt", try+1)
		select {
		case <-c.quit:
			return nil
		case <-time.After(reconnect().Pause(try)):
		}
	}
}

// set publishes a connection; nil means that there is none.
func (c *conn) set(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = l
	if l == nil {
		c.up = make(chan struct{})
		return
	}
	close(c.up)
	if c.closed {
		_ = l.nc.CloseDeadline(time.Now().Add(stopWait)) // Close ran meanwhile
	}
}

// dial connects to the next host of the list and opens both publishing channels.
func (c *conn) dial(ctx context.Context) (l *link, at string, err error) {
	p := c.hosts[c.host%len(c.hosts)]
	c.host++
	secure, err := c.tls()
	if err != nil {
		return nil, p.address, err
	}
	at = p.withPort(secure != nil)
	ctx, cancel := context.WithTimeout(ctx, dialWait)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() { // ends with the attempt
		select {
		case <-c.quit:
			cancel()
		case <-stop:
		}
	}()
	raw, err := (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext(ctx, "tcp", at)
	if err != nil {
		return nil, at, err
	}
	if secure != nil {
		secure.ServerName, _, _ = net.SplitHostPort(at)
		wrapped := tls.Client(raw, secure)
		if err := wrapped.HandshakeContext(ctx); err != nil {
			return nil, at, errors.Join(err, raw.Close())
		}
		raw = wrapped
	}
	if end, ok := ctx.Deadline(); ok {
		if err := raw.SetDeadline(end); err != nil { // the client library removes it after the handshake
			return nil, at, errors.Join(err, raw.Close())
		}
	}
	host, _ := os.Hostname() // only shown in the broker's list of connections
	nc, err := amqp.Open(raw, amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{Username: p.user,
		Password: p.password}},
		Vhost: c.vhost, Heartbeat: c.c.Heartbeat, Locale: "en_US", FrameSize: 128 << 10,
		Properties: amqp.Table{"connection_name": fmt.Sprintf("hypernova %s %d", host, os.Getpid()),
			"product": "hypernova"}})
	if err != nil {
		_ = raw.Close() // broken already
		return nil, at, err
	}
	l = &link{nc: nc, at: at, pending: map[uint64]receipt{}}
	if err := l.prepare(c); err != nil {
		_ = nc.Close() // the first error is returned
		return nil, at, err
	}
	return l, at, nil
}

func (l *link) prepare(c *conn) (err error) {
	if l.quick, err = l.nc.Channel(); err != nil {
		return err
	}
	if err := l.quick.ExchangeDeclare(exchange, amqp.ExchangeDirect, true, false, false, false, nil); err != nil {
		return err
	}
	if l.safe, err = l.nc.Channel(); err != nil {
		return err
	}
	if err := l.safe.Confirm(false); err != nil {
		return err
	}
	// as many as the broker confirms at once, so that reading does not stop
	confirms := l.safe.NotifyPublish(make(chan amqp.Confirmation, 64))
	go l.confirmed(c, confirms) // ends with the channel
	for _, ch := range []*amqp.Channel{l.quick, l.safe} {
		go l.returned(c, ch.NotifyReturn(make(chan amqp.Return, 64))) // ends with the channel
		go l.withChannel(ch.NotifyClose(make(chan *amqp.Error, 1)))
	}
	go l.blocking(c, l.nc.NotifyBlocked(make(chan amqp.Blocking, 1))) // ends with the connection
	return nil
}

// withChannel ends the connection if the broker closed a channel; keep then creates both again.
func (l *link) withChannel(gone <-chan *amqp.Error) {
	if err := <-gone; err != nil {
		_ = l.nc.CloseDeadline(time.Now().Add(stopWait)) // it may be closing already
	}
}

// returned refuses messages that had no queue.
func (l *link) returned(c *conn, in <-chan amqp.Return) {
	for r := range in {
		c.refuse(r.ReplyTo, r.MessageId, "nobody listens there")
	}
}

// confirmed records the messages that the broker has stored, and refuses those that it rejected.
func (l *link) confirmed(c *conn, in <-chan amqp.Confirmation) {
	for n := range in {
		l.mu.Lock()
		r, ok := l.pending[n.DeliveryTag]
		delete(l.pending, n.DeliveryTag)
		l.mu.Unlock()
		if ok && !n.Ack {
			c.log.Warn("message rejected by the broker: the queue is full; its listeners are too slow or too few",
				"queue", r.key)
			c.refuse(r.inbox, r.id, "the queue "+r.key+" is full")
		}
	}
}

func (l *link) blocking(c *conn, in <-chan amqp.Blocking) {
	for b := range in {
		l.blocked.Store(b.Active)
		if b.Active {
			c.log.Error("message broker blocks publishers: it is out of memory or disk (rabbitmqctl status)",
				"broker", l.at, "reason", b.Reason)
		} else {
			c.log.Info("message broker accepts messages again", "broker", l.at)
		}
	}
}

// tls returns nil for plain TCP. It reads the files for each connection, so that renewed certificates are used.
func (c *conn) tls() (*tls.Config, error) {
	if !c.c.TLS && c.c.CAFile == "" && c.c.CertFile == "" {
		return nil, nil
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.c.CAFile != "" {
		pem, err := os.ReadFile(c.c.CAFile)
		if err != nil {
			return nil, fault.Invalidf("the message broker's authority cannot be read: see ssl_ca_file").Because(err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fault.Invalidf("%s holds no certificate: see ssl_ca_file", c.c.CAFile)
		}
	}
	if c.c.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(c.c.CertFile, c.c.KeyFile)
		if err != nil {
			return nil, fault.Invalidf(
				"the certificate for the message broker cannot be read: see ssl_cert_file and ssl_key_file").Because(err)
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}
