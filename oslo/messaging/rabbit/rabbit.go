// Package rabbit is the message transport over RabbitMQ.
//
// All messages go through one direct exchange, "hypernova". Its routing keys are the addresses. Each address has these
// queues:
//
//	calls.any.T calls.one.T.H   deleted with their listeners: a call to a dead host is refused at once
//	casts.any.T casts.one.T.H   outlive their listeners, bounded in length and time: a cast whose receiver died before its
//	                            handler returned goes to the next receiver, even if its sender has died too
//	all.T.x     inbox.B         used by one listener, and deleted soon after it ends
//
// So the calls of one sender are in order, and so are its casts. Unused queues expire.
package rabbit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/conf"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

// MaxPayload is the largest message, in bytes. Brokers have limits of their own, from 16 MiB up.
const MaxPayload = 8 << 20

const (
	// patience is how long a message waits for a lost connection to return.
	patience = 5 * time.Second
	// stopWait bounds how long ending a listener or the connection waits for the broker.
	stopWait = 5 * time.Second
	// defaultPrefetch exceeds what a server accepts, so that the server refuses messages and their senders learn of it.
	defaultPrefetch = 5000
)

// Config holds settings beside the URL. The zero Config is plain TCP with the URL's credentials.
type Config struct {
	TLS       bool          `conf:"ssl" default:"false" help:"Speak TLS to the broker."`
	CAFile    string        `conf:"ssl_ca_file" help:"The authority of the broker's certificate; empty for those that the system trusts. Implies ssl."`
	CertFile  string        `conf:"ssl_cert_file" help:"The certificate that this host shows to the broker. Implies ssl."`
	KeyFile   string        `conf:"ssl_key_file" help:"Its key."`
	Threshold time.Duration `conf:"heartbeat_timeout_threshold" default:"15" min:"3" max:"600" help:"A connection that carried nothing for this long is lost, and made anew."`
	Prefetch  int           `conf:"rabbit_qos_prefetch_count" default:"0" min:"0" max:"65535" help:"How many messages without an answer a listener may have and not have finished; 0 is what a service accepts at most."`
	Queue     int           `conf:"rabbit_queue_max_length" default:"10000" min:"1" help:"How many of them may wait for a listener; more are refused. All processes of a cloud need the same."`
	Quorum    bool          `conf:"rabbit_quorum_queue" default:"false" help:"Keep messages in replicated queues, for a broker of several nodes. All processes of a cloud need the same."`

	// Heartbeat is the interval of AMQP heartbeats; 0 means a third of Threshold, because the client library gives up
	// after three intervals without one.
	Heartbeat time.Duration
}

// Scheme opens "rabbit://user:password@host:port,host2:port/vhost". Each host may have credentials of its own.
var Scheme = With(Config{})

// With returns the scheme with further settings.
func With(c Config) messaging.Scheme {
	return messaging.Scheme{Name: "rabbit", Open: func(ctx context.Context, url string) (messaging.Transport, error) {
		return Open(ctx, url, c)
	}}
}

type conn struct {
	c     Config
	hosts []place
	vhost string
	log   *slog.Logger
	quit  chan struct{}
	ended sync.WaitGroup // keep and the listeners
	// host is the index of the next host to try. Open uses it first, then only keep.
	host int
	once sync.Once

	mu      sync.Mutex // guards the fields below
	live    *link      // nil while disconnected
	up      chan struct{}
	closed  bool
	inboxes map[string]func(messaging.Delivery)
}

// Open connects. It retries with growing pauses until ctx ends and logs the cause and the remedy each time. In the end
// wrong credentials are fault.Unauthorized; invalid settings are fault.Invalid at once. A lost connection is replaced
// by one to the next host that answers, and the listeners are restored.
func Open(ctx context.Context, url string, o Config) (messaging.Transport, error) {
	hosts, vhost, err := parse(url)
	if err != nil {
		return nil, err
	}
	conf.Fill(&o)
	if o.Heartbeat <= 0 {
		o.Heartbeat = o.Threshold / 3
	}
	if o.Prefetch <= 0 {
		o.Prefetch = defaultPrefetch
	}
	c := &conn{c: o, hosts: hosts, vhost: vhost, log: log.From(ctx), quit: make(chan struct{}), up: make(chan struct{}),
		inboxes: map[string]func(messaging.Delivery){}}
	for try := 0; ; try++ {
		l, at, err := c.dial(ctx)
		if err == nil {
			c.set(l)
			c.ended.Go(func() { c.keep(context.WithoutCancel(ctx), l) }) // the connection outlives the call of Open
			return c, nil
		}
		f := diagnose(at, err)
		if f.Kind == fault.Invalid || ctx.Err() != nil {
			return nil, f
		}
		c.log.Warn("retrying: message broker not reachable", "broker", at, log.Err, f.Error(), "attempt", try+1)
		select {
		case <-ctx.Done():
			return nil, f
		case <-time.After(reconnect().Pause(try)):
		}
	}
}

// Send publishes m. If nobody listens or the queue is full, the broker reports it later, and the inbox gets a refusal.
func (c *conn) Send(ctx context.Context, to messaging.Address, m *messaging.Message) error {
	data, err := messaging.Encode(m)
	if err != nil {
		return fmt.Errorf("encode a message to %s: %w", to, err)
	}
	if len(data) > MaxPayload {
		return fault.New(fault.TooLarge, "a message of %d bytes is over the bound of %d", len(data), MaxPayload)
	}
	p := amqp.Publishing{ContentType: "application/json", Type: string(m.Kind), MessageId: m.ID,
		ReplyTo: m.ReplyTo, Body: data}
	key, cast := routing(to, m.Kind)
	if cast {
		p.DeliveryMode, p.Expiration = amqp.Persistent, millis(keepFor)
	} else if m.Timeout > 0 && c.c.Quorum {
		// else the queue is deleted with its listeners; an expiry on each message costs the broker a fifth of its rate
		p.Expiration = millis(m.Timeout) // nobody waits for it after that
	}
	var end <-chan time.Time
	for {
		l, up := c.current()
		if l != nil {
			if err = l.publish(key, cast, to.Mode <= messaging.One, p); err == nil {
				return nil
			}
		}
		if c.isClosed() {
			return fault.Unavailablef("the bus is closed")
		}
		if end == nil {
			end = time.After(patience)
		}
		var poll <-chan time.Time
		if l != nil { // connected but blocked, or lost without notice so far
			up, poll = nil, time.After(20*time.Millisecond)
		}
		select {
		case <-up:
		case <-poll:
		case <-c.quit:
			return fault.Unavailablef("the bus is closed")
		case <-ctx.Done():
			return fault.Unavailablef("the message to %s was given up", to).Because(context.Cause(ctx))
		case <-end:
			return fault.Unavailablef("the message broker is away").Because(err)
		}
	}
}

// KeepsCasts marks that casts are persistent and confirmed.
func (c *conn) KeepsCasts() {}

// Close flushes sent messages and ends the connection.
func (c *conn) Close(ctx context.Context) error {
	c.once.Do(func() {
		c.mu.Lock()
		c.closed = true
		l := c.live
		c.mu.Unlock()
		close(c.quit)
		if l != nil {
			limit := time.Now().Add(stopWait)
			if at, ok := ctx.Deadline(); ok && at.Before(limit) {
				limit = at
			}
			_ = l.nc.CloseDeadline(limit) // best effort: tasks make up for lost messages
		}
		c.ended.Wait()
	})
	return nil
}

// current returns the connection, and a channel that is closed when it changes.
func (c *conn) current() (*link, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live, c.up
}

func (c *conn) isClosed() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.closed }

// refuse tells the sender of a message in this process that nobody will handle it.
func (c *conn) refuse(inbox, id, text string) {
	c.mu.Lock()
	deliver := c.inboxes[inbox]
	c.mu.Unlock()
	if deliver != nil {
		deliver(messaging.Delivery{Message: refusal(id, text)})
	}
}

func refusal(id, text string) *messaging.Message {
	return &messaging.Message{Kind: messaging.KindRefused, ID: id,
		Fault: &messaging.WireFault{Kind: fault.Unavailable.String(), Msg: text}}
}

// link is one connection to one host, with two publishing channels.
type link struct {
	nc      *amqp.Connection
	at      string
	quick   *amqp.Channel // calls, replies and fanouts, without confirms
	safe    *amqp.Channel // casts, with publisher confirms
	blocked atomic.Bool   // the broker is out of memory or disk

	mu      sync.Mutex         // guards the fields below, and the order of delivery tags on safe
	pending map[uint64]receipt // casts that the broker has not confirmed
}

// receipt identifies the sender that waits for a cast's confirmation.
type receipt struct{ inbox, id, key string }

// errBlocked is the error of a send on a connection that the broker blocks.
var errBlocked = fault.Unavailablef("the message broker takes no messages: it is out of memory or disk; rabbitmqctl " +
	"status shows which")

func (l *link) publish(key string, cast, mandatory bool, p amqp.Publishing) error {
	if l.blocked.Load() {
		return errBlocked
	}
	if !cast {
		return l.quick.Publish(exchange, key, mandatory, false, p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.safe.GetNextPublishSeqNo()
	l.pending[n] = receipt{p.ReplyTo, p.MessageId, key}
	err := l.safe.Publish(exchange, key, mandatory, false, p)
	if err != nil {
		delete(l.pending, n)
	}
	return err
}
