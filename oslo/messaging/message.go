package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// Kind is what a message is for.
type Kind string

const (
	KindCall    Kind = "call"    // asks for a reply
	KindCast    Kind = "cast"    // asks for a receipt (alive) and, when the handler has returned, an empty reply
	KindFanout  Kind = "fanout"  // asks for nothing
	KindReply   Kind = "reply"   // the end of a call or cast
	KindAlive   Kind = "alive"   // the receiver has the message and lives
	KindRefused Kind = "refused" // nobody has started on the message: no listener, draining or busy
)

// Message is the envelope. Its JSON form is what brokers carry; fields are only ever added.
type Message struct {
	Kind     Kind            `json:"kind"`
	ID       string          `json:"id"`
	IDs      []string        `json:"ids,omitempty"`    // of alive: all that the receiver has of this sender
	Host     string          `json:"host,omitempty"`   // of alive: the receiver
	Sender   string          `json:"sender,omitempty"` // the bus it came from; order holds per sender
	Topic    string          `json:"topic,omitempty"`
	Method   string          `json:"method,omitempty"`
	Level    int             `json:"level,omitempty"`
	Request  string          `json:"request,omitempty"`
	Caller   *auth.Caller    `json:"caller,omitempty"`
	Trace    string          `json:"trace,omitempty"`      // W3C traceparent
	Timeout  time.Duration   `json:"timeout_ns,omitempty"` // what is left until the deadline: hosts' clocks need not agree
	ReplyTo  string          `json:"reply_to,omitempty"`   // the inbox of the sender
	Delivery int             `json:"delivery,omitempty"`   // 0 the first time, counted up by redelivery
	Payload  json.RawMessage `json:"payload,omitempty"`
	Fault    *WireFault      `json:"fault,omitempty"`
}

// WireFault is a fault as it crosses the bus.
type WireFault struct {
	Kind  string `json:"kind"`
	Msg   string `json:"msg"`
	Code  string `json:"code,omitempty"`
	Cause string `json:"cause,omitempty"` // for the log of the other side
}

// Mode is who gets a message.
type Mode uint8

const (
	Any   Mode = iota // one listener of the topic
	One               // one listener of topic.host
	All               // every listener of the topic
	Inbox             // the bus named by Host: replies
)

// Address is where a message goes and where a listener waits. Hosts and topics may hold any character.
type Address struct {
	Mode  Mode
	Topic string
	Host  string
}

// String is the address for logs and messages.
func (a Address) String() string {
	switch a.Mode {
	case One:
		return a.Topic + "." + a.Host
	case All:
		return a.Topic + " (all)"
	case Inbox:
		return "inbox " + a.Host
	default:
		return a.Topic
	}
}

// Delivery is a message that arrived. Ack, if not nil, is called once the handler has returned: a broker that keeps messages
// itself gives it to another listener when the connection ends before.
type Delivery struct {
	Message *Message
	Ack     func()
}

// Transport moves messages. The kit above it does replies, signs of life, redelivery of casts, limits and drain, so a transport
// only needs an unreliable, ordered way from one process to others. All methods may be called concurrently.
type Transport interface {
	// Send hands m over. It may return before m arrived; it does not change or keep m, and m does not share memory with what arrives.
	// fault.Unavailable: nobody listens (where that is known at once) or the broker is away for longer than ctx or the transport's
	// patience; fault.TooLarge: over the message bound. A transport that learns later that nobody listens delivers
	// a KindRefused with m's ID to the inbox m.ReplyTo.
	Send(ctx context.Context, to Address, m *Message) error
	// Listen calls deliver for each message sent to at: those of one sender in the order sent, those of several perhaps concurrently.
	// deliver may block for a short time: that is back-pressure. It is restored after a lost connection without the listener's help.
	// After stop has returned no delivery begins.
	Listen(ctx context.Context, at Address, deliver func(Delivery)) (stop func(), err error)
	// Close ends the connection. Listeners end, what was sent and not yet written is flushed until ctx ends.
	Close(ctx context.Context) error
}

// KeepsCasts is a transport whose broker keeps a cast from the moment it was sent until a listener has handled it: the kit does not repeat
// it to get a receipt.
type KeepsCasts interface{ KeepsCasts() }

// toWire keeps kind, text and code; the whole chain's text goes along for the log.
func toWire(err error) *WireFault {
	f := fault.Of(err)
	if f == nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return &WireFault{Kind: fault.Unavailable.String(), Msg: "the receiver ran out of time", Cause: err.Error()}
		}
		return &WireFault{Kind: fault.Internal.String(), Msg: err.Error()}
	}
	w := &WireFault{Kind: f.Kind.String(), Msg: f.Msg, Code: f.Code}
	if text := err.Error(); text != f.Msg {
		w.Cause = text
	}
	return w
}

func (w *WireFault) fault() error {
	f := &fault.Fault{Kind: fault.ParseKind(w.Kind), Msg: w.Msg, Code: w.Code}
	if w.Cause != "" {
		f.Err = errors.New(w.Cause)
	}
	return f
}

type traceKey struct{}

// WithTrace returns a context that carries a W3C traceparent, which goes with each message sent under it.
func WithTrace(ctx context.Context, parent string) context.Context {
	return context.WithValue(ctx, traceKey{}, parent)
}

// Trace is the traceparent in ctx, empty where there is none.
func Trace(ctx context.Context) string { s, _ := ctx.Value(traceKey{}).(string); return s }
