package rabbit

import (
	"context"
	"errors"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
)

const (
	// ownExpires is how long a listener's own queue exists without its listener; it must cover a reconnection.
	ownExpires = time.Minute
	// ownLength bounds a listener's own queue while the listener is away; the oldest messages are dropped.
	ownLength = 10_000
	// sharedExpires is how long a queue for casts exists without listeners and declarations.
	sharedExpires = 30 * time.Minute
	// attempts is the header with the number of receivers that died with a cast.
	attempts = "hypernova-attempts"
)

// Listen consumes from the queues of at. It does so again after a lost connection.
func (c *conn) Listen(ctx context.Context, at messaging.Address, deliver func(messaging.Delivery)) (func(), error) {
	l := &listener{quit: make(chan struct{}), ended: make(chan struct{})}
	var running sync.WaitGroup
	queues := c.queues(at)
	first := make(chan error, len(queues)) // each reports the result of its start once
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, fault.Unavailablef("the bus is closed")
	}
	if at.Mode == messaging.Inbox {
		c.inboxes[at.Host] = deliver
	}
	for _, q := range queues {
		q.c, q.deliver, q.quit = c, deliver, l.quit
		running.Add(1)
		c.ended.Go(func() {
			defer running.Done()
			q.run(first)
		})
	}
	c.mu.Unlock()
	go func() { // ends with the listener
		running.Wait()
		close(l.ended)
	}()
	stop := func() {
		l.stop()
		if at.Mode == messaging.Inbox {
			c.mu.Lock()
			delete(c.inboxes, at.Host)
			c.mu.Unlock()
		}
	}
	limit := time.NewTimer(stopWait)
	defer limit.Stop()
	for range queues {
		var err error
		select {
		case err = <-first:
		case <-ctx.Done():
			err = context.Cause(ctx)
		case <-limit.C:
			err = errors.New("the broker does not answer")
		}
		if err != nil {
			stop()
			return nil, fault.Unavailablef("cannot listen at %s", at).Because(err)
		}
	}
	return stop, nil
}

type listener struct {
	once  sync.Once
	quit  chan struct{}
	ended chan struct{} // closed when no more deliveries start
}

func (l *listener) stop() {
	l.once.Do(func() { close(l.quit) })
	select {
	case <-l.ended:
	case <-time.After(stopWait):
	}
}

// queue is one queue that a listener consumes from.
type queue struct {
	name  string
	key   string
	own   bool // used by this listener only
	casts bool // acknowledged after the handler has returned
	args  amqp.Table
	auto  bool // deleted with its last consumer

	c       *conn
	deliver func(messaging.Delivery)
	quit    chan struct{}
}

func (c *conn) queues(at messaging.Address) []*queue {
	key := key1(at)
	if at.Mode == messaging.All || at.Mode == messaging.Inbox {
		name := exchange + "." + key
		if at.Mode == messaging.All {
			name += "." + ids.Hex()
		}
		return []*queue{{name: name, key: key, own: true, args: amqp.Table{amqp.QueueTTLArg: ownExpires.Milliseconds(),
			amqp.QueueMaxLenArg: int64(ownLength), amqp.QueueOverflowArg: amqp.QueueOverflowDropHead}}}
	}
	calls := &queue{name: exchange + ".calls." + key, key: "calls." + key, auto: true,
		args: amqp.Table{amqp.QueueTTLArg: sharedExpires.Milliseconds()}}
	casts := &queue{name: exchange + ".casts." + key, key: "casts." + key, casts: true,
		args: amqp.Table{amqp.QueueTTLArg: sharedExpires.Milliseconds(),
			amqp.QueueMaxLenArg: int64(c.c.Queue), amqp.QueueOverflowArg: amqp.QueueOverflowRejectPublish}}
	if c.c.Quorum {
		calls.auto = false // replicated queues do not support auto-delete
		calls.args[amqp.QueueTypeArg], casts.args[amqp.QueueTypeArg] = amqp.QueueTypeQuorum, amqp.QueueTypeQuorum
	}
	return []*queue{calls, casts}
}

// run consumes until the listener or the bus ends. It first reports the result of the first attempt, and returns if
// that failed.
func (q *queue) run(first chan<- error) {
	var once sync.Once
	tell := func(err error) { once.Do(func() { first <- err }) }
	for try := 0; ; try++ {
		l := q.wait()
		if l == nil {
			tell(errors.New("the bus is closed"))
			return
		}
		began := time.Now()
		err := q.consume(l, tell)
		if q.stopped() || q.c.isClosed() {
			tell(errors.New("the bus is closed"))
			return
		}
		code := codeOf(err)
		err = q.cure(err)
		if code != amqp.NotFound || try > 1 { // a queue that its last listener has just left is missing for a moment
			tell(err)
		}
		if q.own && (code == amqp.AccessRefused || code == amqp.NotFound || code == amqp.PreconditionFailed) {
			// a half-open old connection of this listener may still hold the old queue
			q.name = exchange + "." + q.key + "." + ids.Hex()
		}
		if time.Since(began) > longestPause {
			try = 0
		}
		if !l.nc.IsClosed() {
			q.c.log.Warn("retrying: cannot consume from the queue", "queue", q.name, log.Err, err.Error())
		}
		select {
		case <-time.After(reconnect().Pause(min(try, 3))):
		case <-q.quit:
			return
		case <-q.c.quit:
			return
		}
	}
}

// wait returns the next working connection. It returns nil when the listener or the bus has ended.
func (q *queue) wait() *link {
	for {
		l, up := q.c.current()
		if l != nil && !q.stopped() {
			return l
		}
		select {
		case <-up:
		case <-q.quit:
			return nil
		case <-q.c.quit:
			return nil
		}
	}
}

func (q *queue) stopped() bool {
	select {
	case <-q.quit:
		return true
	default:
		return false
	}
}

// consume consumes from the queue until the listener ends (nil) or an error occurs.
func (q *queue) consume(l *link, ready func(error)) error {
	ch, err := l.nc.Channel()
	if err != nil {
		return err
	}
	gone := ch.NotifyClose(make(chan *amqp.Error, 1))
	if q.casts {
		if err := errors.Join(ch.Qos(q.c.c.Prefetch, 0, false), ch.Confirm(false)); err != nil {
			return errors.Join(err, ch.Close())
		}
	}
	if _, err := ch.QueueDeclare(q.name, true, q.auto, false, false, q.args); err != nil {
		return err // the channel is closed by this error
	}
	if err := ch.QueueBind(q.name, q.key, exchange, false, nil); err != nil {
		return err
	}
	const tag = "listener" // unique on this channel
	in, err := ch.Consume(q.name, tag, !q.casts, q.own, false, false, nil)
	if err != nil {
		return err
	}
	ready(nil)
	open := new(sync.WaitGroup) // casts that are not acknowledged
	for {
		select {
		case <-q.quit:
			err := ch.Cancel(tag, false)
			for d := range in {
				q.reject(d)
			}
			if err != nil {
				return err
			}
			q.remove(l)
			go func() { // ends with the last handler, which acknowledges on this channel
				open.Wait()
				_ = ch.Close() // the connection may be gone
			}()
			return nil
		case d, ok := <-in:
			if !ok {
				select {
				case e := <-gone:
					if e != nil {
						return e
					}
				default:
					_ = ch.Close() // the queue was deleted, and its channel is useless
				}
				return errors.New("the broker ended the subscription")
			}
			q.deliverOne(ch, d, open)
		}
	}
}

// deliverOne passes one message on. A message that cannot be decoded is logged and dropped.
func (q *queue) deliverOne(ch *amqp.Channel, d amqp.Delivery, open *sync.WaitGroup) {
	m, err := messaging.Decode(d.Body)
	if err != nil {
		q.c.log.Error("dropping message: cannot be decoded", "queue", q.name, "bytes", len(d.Body))
		q.ack(d)
		return
	}
	if !q.casts {
		q.deliver(messaging.Delivery{Message: m})
		return
	}
	if d.Redelivered {
		open.Add(1)
		q.count(ch, d, m, open.Done)
		return
	}
	if n, ok := d.Headers[attempts].(int32); ok {
		m.Delivery += int(n)
	}
	open.Add(1)
	q.deliver(messaging.Delivery{Message: m, Ack: sync.OnceFunc(func() {
		q.ack(d)
		open.Done()
	})})
}

// count requeues a cast that its receiver did not finish, with its attempt count raised. The broker counts only in some
// kinds of queue, and a message that kills its receivers must not do so forever.
func (q *queue) count(ch *amqp.Channel, d amqp.Delivery, m *messaging.Message, done func()) {
	n, _ := d.Headers[attempts].(int32)
	back, err := ch.PublishWithDeferredConfirm("", q.name, false, false, amqp.Publishing{ContentType: d.ContentType,
		Type: d.Type, MessageId: d.MessageId,
		ReplyTo: d.ReplyTo, DeliveryMode: amqp.Persistent, Expiration: millis(keepFor), Headers: amqp.Table{attempts: n + 1},
		Body: d.Body})
	if err != nil { // the channel is lost; the message is redelivered
		done()
		return
	}
	q.c.ended.Go(func() {
		defer done()
		select {
		case <-back.Done():
		case <-q.c.quit:
			return
		}
		if !back.Acked() {
			q.c.log.Warn("dropping message: its receiver died and the queue is full; its sender will redeliver it",
				"queue", q.name,
				"method", m.Topic+"."+m.Method, log.Request, m.Request)
		}
		q.ack(d)
	})
}

// reject refuses a message that arrived and was not handled, so that its sender tries another host at once.
func (q *queue) reject(d amqp.Delivery) {
	if d.ReplyTo != "" {
		data, err := messaging.Encode(refusal(d.MessageId, "the receiver stopped listening"))
		if err == nil {
			if l, _ := q.c.current(); l != nil {
				_ = l.publish(key1(messaging.Address{Mode: messaging.Inbox, Host: d.ReplyTo}), false, false,
					// without it the sender waits until its timeout
					amqp.Publishing{Type: string(messaging.KindRefused), MessageId: d.MessageId, Body: data})
			}
		}
	}
	q.ack(d)
}

// ack fails if the channel is lost. The message is then redelivered and recognised by its id.
func (q *queue) ack(d amqp.Delivery) {
	if q.casts {
		_ = d.Ack(false)
	}
}

// remove deletes the queue unless it has other consumers or messages. It uses a channel of its own, which the broker
// closes if it refuses.
func (q *queue) remove(l *link) {
	ch, err := l.nc.Channel()
	if err != nil {
		return // the queue expires
	}
	if _, err := ch.QueueDelete(q.name, !q.own, !q.own, false); err == nil {
		_ = ch.Close() // nothing depends on it
	}
}

// cure explains a refusal of the broker.
func (q *queue) cure(err error) error {
	switch codeOf(err) {
	case amqp.PreconditionFailed:
		return fault.Conflictf("the queue exists with other settings: all processes need the same rabbit_quorum_queue and queue length; "+
			"rabbitmqctl delete_queue %s removes the old one", q.name).Because(err)
	case amqp.NotFound:
		return fault.Unavailablef(
			"the queue's node is down: start it, or use replicated queues (rabbit_quorum_queue)").Because(err)
	case amqp.AccessRefused:
		return fault.Forbiddenf("the user may not use the queue: rabbitmqctl set_permissions").Because(err)
	}
	return err
}

// codeOf returns the broker's code of an error, 0 if it is not the broker's.
func codeOf(err error) int {
	var e *amqp.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}
