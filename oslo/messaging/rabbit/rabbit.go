// Package rabbit is the transport over RabbitMQ.
//
// Everything goes through one direct exchange, "hypernova", whose routing keys are the addresses. Behind it stand, per address,
//
//	calls.any.T calls.one.T.H   live with their listeners: a call to a host that has gone is refused at once, none is kept for later
//	casts.any.T casts.one.T.H   outlive their listeners, bounded in length and time: a cast whose handler did not return before its
//	                            receiver died is given to the next one, even when its sender has died too
//	all.T.x     inbox.B         one listener's own, gone soon after it
//
// so order holds among the calls and among the casts of a sender. Queues that nobody uses end by themselves: nothing piles up.
package rabbit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

// MaxPayload is the largest message that is sent; brokers have bounds of their own, from 16 MiB up.
const MaxPayload = 8 << 20

const (
	// patience is how long a message waits for a lost connection to come back.
	patience = 5 * time.Second
	// stopWait bounds how long ending a listener or the connection waits for the broker.
	stopWait = 5 * time.Second
	// defaultHeartbeat makes a half-open connection known after three of them.
	defaultHeartbeat = 5 * time.Second
	// defaultPrefetch is above what a server accepts: the server refuses before the broker holds back, so senders learn of it.
	defaultPrefetch = 5000
	// defaultQueue bounds the casts that wait for a listener; beyond it the broker refuses more.
	defaultQueue = 10_000
)

// Config is what a URL cannot say. The zero Config is plain TCP with the URL's credentials.
type Config struct {
	TLS               bool   // speak TLS; implied by the files
	CAFile            string // trusts this authority instead of the system's
	CertFile, KeyFile string // the client's own certificate
	// Heartbeat is how often both ends say that they are there; 0 is 5 s.
	Heartbeat time.Duration
	// Prefetch bounds the casts that a listener has and has not finished; 0 is 5,000.
	Prefetch int
	// Queue bounds the casts that wait for a listener; 0 is 10,000.
	Queue int
	// Quorum keeps casts and calls in replicated queues, for a broker of several nodes. All processes of a cloud agree on it.
	Quorum bool
}

// Scheme opens "rabbit://user:password@host:port,host2:port/vhost"; each host may have credentials of its own.
var Scheme = With(Config{})

// With is the scheme with further settings.
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
	ended sync.WaitGroup // the keeper and the listeners
	// host is the next one to try. Only the keeper uses it, and Open before that.
	host int
	once sync.Once

	mu      sync.Mutex // guards what follows
	live    *link      // nil while there is none
	up      chan struct{}
	closed  bool
	inboxes map[string]func(messaging.Delivery)
}

// Open connects, and tries again with growing pauses until ctx ends; each time the log says what is wrong and what cures it. Refused
// credentials are fault.Unauthorized in the end; nonsense in the settings is fault.Invalid at once.
// A connection that is lost later comes back by itself, to the next host that answers, and what listened listens again.
func Open(ctx context.Context, url string, o Config) (messaging.Transport, error) {
	hosts, vhost, err := parse(url)
	if err != nil {
		return nil, err
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = defaultHeartbeat
	}
	if o.Prefetch <= 0 {
		o.Prefetch = defaultPrefetch
	}
	if o.Queue <= 0 {
		o.Queue = defaultQueue
	}
	c := &conn{c: o, hosts: hosts, vhost: vhost, log: log.From(ctx), quit: make(chan struct{}), up: make(chan struct{}),
		inboxes: map[string]func(messaging.Delivery){}}
	for try := 0; ; try++ {
		l, at, err := c.dial(ctx)
		if err == nil {
			c.set(l)
			c.ended.Go(func() { c.keep(context.WithoutCancel(ctx), l) }) // the connection outlives the opening
			return c, nil
		}
		f := diagnose(at, err)
		if f.Kind == fault.Invalid || ctx.Err() != nil {
			return nil, f
		}
		c.log.Warn("message broker not reachable, trying again", "broker", at, log.Err, f.Error(), "attempt", try+1)
		select {
		case <-ctx.Done():
			return nil, f
		case <-time.After(backoff(try)):
		}
	}
}

// Send writes m to the broker. That nobody listens, or that the queue is full, the broker tells later: the inbox gets a refusal.
func (c *conn) Send(ctx context.Context, to messaging.Address, m *messaging.Message) error {
	data, err := messaging.Encode(m)
	if err != nil {
		return fmt.Errorf("encode a message to %s: %w", to, err)
	}
	if len(data) > MaxPayload {
		return fault.New(fault.TooLarge, "a message of %d bytes is over the bound of %d", len(data), MaxPayload)
	}
	p := amqp.Publishing{ContentType: "application/json", Type: string(m.Kind), MessageId: m.ID, ReplyTo: m.ReplyTo, Body: data}
	key, cast := routing(to, m.Kind)
	if cast {
		p.DeliveryMode, p.Expiration = amqp.Persistent, millis(keepFor)
	} else if m.Timeout > 0 && c.c.Quorum { // else the queue ends with its listeners; timing each message costs the broker a fifth of its rate
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
		if l != nil { // it stands and takes nothing, or its end is not known yet
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

// KeepsCasts says that casts are persistent and confirmed.
func (c *conn) KeepsCasts() {}

// Close ends the connection, as the death of the process would, but for flushing what was sent.
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
			_ = l.nc.CloseDeadline(limit) // best effort: what is lost is made up for by the receivers' tasks
		}
		c.ended.Wait()
	})
	return nil
}

// current is the connection, and what is closed when there is a new one.
func (c *conn) current() (*link, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live, c.up
}

func (c *conn) isClosed() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.closed }

// refuse tells the sender of a message in this process that nobody will start on it.
func (c *conn) refuse(inbox, id, text string) {
	c.mu.Lock()
	deliver := c.inboxes[inbox]
	c.mu.Unlock()
	if deliver != nil {
		deliver(messaging.Delivery{Message: refusal(id, text)})
	}
}

func refusal(id, text string) *messaging.Message {
	return &messaging.Message{Kind: messaging.KindRefused, ID: id, Fault: &messaging.WireFault{Kind: fault.Unavailable.String(), Msg: text}}
}

// link is one connection to one host and its two ways out.
type link struct {
	nc      *amqp.Connection
	at      string
	quick   *amqp.Channel // calls, replies and fanouts: not confirmed
	safe    *amqp.Channel // casts: confirmed
	blocked atomic.Bool   // the broker is out of memory or disk

	mu      sync.Mutex         // guards what follows, and the order of numbers on safe
	pending map[uint64]receipt // casts that the broker has not confirmed
}

// receipt is who waits for a cast.
type receipt struct{ inbox, id, key string }

// errBlocked is why nothing is sent on a connection that stands.
var errBlocked = fault.Unavailablef("the message broker takes no messages: it is out of memory or disk; rabbitmqctl status shows which")

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
