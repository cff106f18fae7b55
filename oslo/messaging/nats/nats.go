// Package nats is the message transport over a NATS server, embedded (Serve) or external. It uses plain subjects
// without persistence: the bus redelivers the messages of a dead receiver, and the database has the truth.
package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	client "github.com/nats-io/nats.go"

	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

const (
	// prefix separates the subjects from others on a shared server.
	prefix = "hypernova."
	// patience is how long a message waits for a lost connection to return.
	patience = 5 * time.Second
	// stopWait bounds how long the end of a subscription waits for messages that have arrived.
	stopWait = 5 * time.Second
)

// Config holds settings beside the URL. The zero Config is plain TCP with the URL's credentials.
type Config struct {
	Token    string `conf:"token" secret:"true" help:"What this host shows to the broker instead of user and password."`
	CAFile   string `conf:"ssl_ca_file" help:"The authority of the broker's certificate; with it or a certificate the connection is TLS."`
	CertFile string `conf:"ssl_cert_file" help:"The certificate that this host shows to the broker."`
	KeyFile  string `conf:"ssl_key_file" help:"Its key."`
}

// Scheme opens "nats://user:password@host:port,nats://host2:port" and "nats://token@host:port".
var Scheme = With(Config{})

// With returns the scheme with further settings.
func With(c Config) messaging.Scheme {
	return messaging.Scheme{Name: "nats", Open: func(ctx context.Context, url string) (messaging.Transport, error) {
		return Open(ctx, url, c)
	}}
}

type conn struct {
	nc     *client.Conn
	at     string // the broker's address without secrets
	log    *slog.Logger
	closed chan struct{}
	once   sync.Once
}

// Open connects. It retries with growing pauses until ctx ends and logs the cause and the remedy each time. In the end
// wrong credentials are fault.Unauthorized; invalid settings are fault.Invalid at once. A lost connection and its
// subscriptions are restored automatically.
func Open(ctx context.Context, url string, c Config) (messaging.Transport, error) {
	at, err := c.check(url)
	if err != nil {
		return nil, err
	}
	t := &conn{at: at, log: log.From(ctx), closed: make(chan struct{})}
	opts := t.options(c)
	for try := 0; ; try++ {
		nc, err := client.Connect(url, opts...)
		if err == nil {
			t.nc = nc
			return t, nil
		}
		f := diagnose(at, err)
		if ctx.Err() != nil {
			return nil, f
		}
		t.log.Warn("retrying: message broker not reachable", "broker", at, log.Err, f.Error(), "attempt", try+1)
		select {
		case <-ctx.Done():
			return nil, f
		case <-time.After(reconnect().Pause(try)):
		}
	}
}

// reconnect is the pauses between attempts to connect.
func reconnect() backoff.Policy {
	return backoff.Policy{First: 100 * time.Millisecond, Most: 5 * time.Second}
}

func (c *conn) options(o Config) []client.Option {
	opts := []client.Option{
		client.Name("hypernova"),
		client.MaxReconnects(-1),
		client.IgnoreAuthErrorAbort(), // credentials may be rotated while the process runs
		client.CustomReconnectDelay(reconnect().Pause),
		client.ReconnectBufSize(-1), // Send waits itself, so that nothing is sent after its caller has returned
		client.PingInterval(5 * time.Second),
		client.MaxPingsOutstanding(2),
		client.DisconnectErrHandler(func(nc *client.Conn, err error) {
			if err != nil {
				c.log.Warn("reconnecting: connection to the message broker lost", log.Err, err.Error())
			}
		}),
		client.ReconnectErrHandler(func(_ *client.Conn, err error) {
			if err != nil {
				c.log.Warn("retrying: message broker not reachable", "broker", c.at, log.Err, diagnose(c.at, err).Error())
			}
		}),
		client.ReconnectHandler(func(nc *client.Conn) {
			c.log.Info("message broker reconnected", "url",
				nc.ConnectedUrlRedacted())
		}),
		client.ErrorHandler(func(_ *client.Conn, s *client.Subscription, err error) {
			subject := ""
			if s != nil {
				subject = s.Subject
			}
			c.log.Error("message broker reported an error", "subject", subject, log.Err, err.Error())
		}),
	}
	if o.Token != "" {
		opts = append(opts, client.Token(o.Token))
	}
	if o.CAFile != "" {
		opts = append(opts, client.RootCAs(o.CAFile))
	}
	if o.CertFile != "" {
		opts = append(opts, client.ClientCert(o.CertFile, o.KeyFile))
	}
	return opts
}

func (c *conn) Send(ctx context.Context, to messaging.Address, m *messaging.Message) error {
	data, err := messaging.Encode(m)
	if err != nil {
		return fmt.Errorf("encode a message to %s: %w", to, err)
	}
	if bound := c.nc.MaxPayload(); bound > 0 && int64(len(data)) > bound {
		return fault.New(fault.TooLarge, "a message of %d bytes is over the broker's bound of %d", len(data), bound)
	}
	msg := &client.Msg{Subject: subject(to), Data: data}
	switch to.Mode {
	case messaging.Inbox:
		msg.Subject += "." + m.ID
	case messaging.Any, messaging.One:
		// The server notifies this subject if nobody listens.
		msg.Reply = subject(messaging.Address{Mode: messaging.Inbox, Host: m.ReplyTo}) + "." + m.ID
	}
	var end <-chan time.Time
	for {
		err := c.nc.PublishMsg(msg)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, client.ErrConnectionClosed):
			return fault.Unavailablef("the bus is closed")
		case !errors.Is(err, client.ErrReconnectBufExceeded):
			return fault.Unavailablef("the message to %s could not be sent", to).Because(err)
		}
		if end == nil {
			end = time.After(patience)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-c.closed:
		case <-ctx.Done():
			return fault.Unavailablef("the message to %s was given up", to).Because(context.Cause(ctx))
		case <-end:
			return fault.Unavailablef("the message broker is away").Because(err)
		}
	}
}

func (c *conn) Listen(ctx context.Context, at messaging.Address, deliver func(messaging.Delivery)) (func(), error) {
	take := func(m *client.Msg) {
		if d, ok := c.open(m); ok {
			deliver(d)
		}
	}
	var sub *client.Subscription
	var err error
	switch at.Mode {
	case messaging.All:
		sub, err = c.nc.Subscribe(subject(at), take)
	case messaging.Inbox:
		sub, err = c.nc.Subscribe(subject(at)+".*", take)
	default:
		sub, err = c.nc.QueueSubscribe(subject(at), "listeners", take)
	}
	if err != nil {
		return nil, fault.Unavailablef("cannot listen at %s", at).Because(err)
	}
	ended := make(chan struct{})
	sub.SetClosedHandler(func(string) { close(ended) })
	flush, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	if err := c.nc.FlushWithContext(flush); err != nil {
		_ = sub.Unsubscribe() // the connection is gone
		return nil, fault.Unavailablef("cannot listen at %s", at).Because(err)
	}
	return func() {
		if err := sub.Drain(); err != nil {
			return // closed with its connection
		}
		select {
		case <-ended:
		case <-c.closed:
		case <-time.After(stopWait):
		}
	}, nil
}

// open decodes a message. A message that cannot be decoded is logged and dropped.
func (c *conn) open(m *client.Msg) (messaging.Delivery, bool) {
	if m.Header.Get("Status") == "503" {
		id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:] // ids contain only letters, digits and dashes
		return messaging.Delivery{Message: &messaging.Message{Kind: messaging.KindRefused, ID: id,
			Fault: &messaging.WireFault{Kind: fault.Unavailable.String(), Msg: "nobody listens there"}}}, true
	}
	own, err := messaging.Decode(m.Data)
	if err != nil {
		c.log.Error("dropping message: cannot be decoded", "subject", m.Subject, "bytes", len(m.Data))
		return messaging.Delivery{}, false
	}
	return messaging.Delivery{Message: own}, true
}

func (c *conn) Close(ctx context.Context) error {
	c.once.Do(func() {
		flush, cancel := context.WithTimeout(ctx, stopWait)
		defer cancel()
		if c.nc.IsConnected() {
			_ = c.nc.FlushWithContext(flush) // best effort: tasks make up for lost messages
		}
		close(c.closed)
		c.nc.Close()
	})
	return nil
}

func subject(a messaging.Address) string {
	switch a.Mode {
	case messaging.One:
		return prefix + "one." + escape(a.Topic) + "." + escape(a.Host)
	case messaging.All:
		return prefix + "all." + escape(a.Topic)
	case messaging.Inbox:
		return prefix + "inbox." + escape(a.Host)
	default:
		return prefix + "any." + escape(a.Topic)
	}
}

const hex = "0123456789ABCDEF"

// escape encodes any text as one subject token.
func escape(s string) string {
	plain := s != ""
	for i := 0; i < len(s) && plain; i++ {
		plain = safe(s[i])
	}
	if plain {
		return s
	}
	b := []byte{}
	for i := range len(s) {
		if safe(s[i]) {
			b = append(b, s[i])
		} else {
			b = append(b, '=', hex[s[i]>>4], hex[s[i]&15])
		}
	}
	if len(b) == 0 {
		return "="
	}
	return string(b)
}

func safe(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
