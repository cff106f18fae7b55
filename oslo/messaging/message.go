package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"hypernova/oslo/auth"
	"hypernova/oslo/fault"
)

// Kind is the type of a message.
type Kind string

const (
	KindCall    Kind = "call"    // expects a reply
	KindCast    Kind = "cast"    // expects a keep-alive as the receipt and, after the handler, an empty reply
	KindFanout  Kind = "fanout"  // expects nothing
	KindReply   Kind = "reply"   // ends a call or cast
	KindAlive   Kind = "alive"   // keep-alive: the receiver lives and has the message
	KindRefused Kind = "refused" // nobody has started on the message: no listener, draining, or busy
)

// Message is the envelope. Its JSON form crosses the broker. Fields are only added, never removed.
type Message struct {
	Kind Kind   `json:"kind"`
	ID   string `json:"id"`
	// of a keep-alive: all messages of this sender that the receiver has
	IDs     []string     `json:"ids,omitempty"`
	Host    string       `json:"host,omitempty"`   // of a keep-alive: the receiver's host
	Sender  string       `json:"sender,omitempty"` // id of the sending bus; order holds per sender
	Topic   string       `json:"topic,omitempty"`
	Method  string       `json:"method,omitempty"`
	Level   int          `json:"level,omitempty"`
	Request string       `json:"request,omitempty"`
	Caller  *auth.Caller `json:"caller,omitempty"`
	Trace   string       `json:"trace,omitempty"` // W3C traceparent
	// time left until the deadline: a duration, because hosts' clocks may differ
	Timeout  time.Duration   `json:"timeout_ns,omitempty"`
	ReplyTo  string          `json:"reply_to,omitempty"` // the sender's inbox
	Delivery int             `json:"delivery,omitempty"` // 0 at first; each redelivery adds 1
	Payload  json.RawMessage `json:"payload,omitempty"`
	Fault    *WireFault      `json:"fault,omitempty"`
}

// WireFault is the form of a fault on the bus.
type WireFault struct {
	Kind  string `json:"kind"`
	Msg   string `json:"msg"`
	Code  string `json:"code,omitempty"`
	Cause string `json:"cause,omitempty"` // for the log of the other side
}

// Mode selects the receivers of a message.
type Mode uint8

const (
	Any   Mode = iota // one listener of the topic
	One               // one listener of topic.host
	All               // every listener of the topic
	Inbox             // the bus named by Host, for replies
)

// Address is the target of a message and the subscription of a listener. Hosts and topics may contain any character.
type Address struct {
	Mode  Mode
	Topic string
	Host  string
}

// String returns the address for logs and error messages.
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

// Delivery is a message that arrived. Ack, if not nil, is called after the handler has returned. A broker with queues
// redelivers the message if the connection ends before that.
type Delivery struct {
	Message *Message
	Ack     func()
}

// Transport moves messages between processes. Replies, keep-alives, redelivery of casts, limits and drain are in this
// package, so a transport only needs to be ordered, not reliable. All methods may be called concurrently.
type Transport interface {
	// Send passes m to the transport. It may return before m arrives. It does not change or keep m, and the delivered
	// message shares no memory with m. fault.Unavailable: nobody listens (if that is known at once), or the broker is away
	// for longer than ctx or the transport's limit. fault.TooLarge: m exceeds the size limit. A transport that learns
	// later that nobody listens delivers a KindRefused with the ID of m to the inbox m.ReplyTo.
	Send(ctx context.Context, to Address, m *Message) error
	// Listen calls deliver for each message to at: in the order sent for one sender, perhaps concurrently for several.
	// deliver may block for a short time, as back-pressure. The transport restores the subscription after a lost
	// connection. No delivery starts after stop has returned.
	Listen(ctx context.Context, at Address, deliver func(Delivery)) (stop func(), err error)
	// Close ends the connection and the listeners. It flushes sent messages until ctx ends.
	Close(ctx context.Context) error
}

// KeepsCasts marks a transport whose broker stores a cast from its sending until a listener has handled it. The bus
// then does not repeat the cast to get a receipt.
type KeepsCasts interface{ KeepsCasts() }

// toWire keeps the kind, text and code of a fault. The text of the whole error chain travels along for the log.
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

// WithTrace returns a context with a W3C traceparent, which every message sent under it carries.
func WithTrace(ctx context.Context, parent string) context.Context {
	return context.WithValue(ctx, traceKey{}, parent)
}

// Trace returns the traceparent in ctx, empty if there is none.
func Trace(ctx context.Context) string { s, _ := ctx.Value(traceKey{}).(string); return s }
