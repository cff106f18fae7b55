package messaging

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// Encode returns the JSON form of a message, as encoding/json makes it. It writes the envelope without reflection,
// because the envelope is the same for every message.
func Encode(m *Message) ([]byte, error) {
	w := wire{b: make([]byte, 0, 320+len(m.Payload))}
	w.b = append(w.b, `{"kind":`...)
	w.quote(string(m.Kind))
	w.b = append(w.b, `,"id":`...)
	w.quote(m.ID)
	if len(m.IDs) > 0 {
		w.value("ids", m.IDs)
	}
	w.text("host", m.Host)
	w.text("sender", m.Sender)
	w.text("topic", m.Topic)
	w.text("method", m.Method)
	w.number("level", int64(m.Level))
	w.text("request", m.Request)
	if m.Caller != nil {
		w.value("caller", m.Caller)
	}
	w.text("trace", m.Trace)
	w.number("timeout_ns", int64(m.Timeout))
	w.text("reply_to", m.ReplyTo)
	w.number("delivery", int64(m.Delivery))
	if len(m.Payload) > 0 {
		w.name("payload")
		w.b = append(w.b, m.Payload...)
	}
	if m.Fault != nil {
		w.value("fault", m.Fault)
	}
	return append(w.b, '}'), w.err
}

// wire is the output buffer of Encode.
type wire struct {
	b   []byte
	err error // of the first value that could not be encoded
}

func (w *wire) name(s string) {
	w.b = append(w.b, ',', '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"', ':')
}

func (w *wire) text(name, s string) {
	if s != "" {
		w.name(name)
		w.quote(s)
	}
}

func (w *wire) number(name string, n int64) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

func (w *wire) value(name string, v any) {
	w.name(name)
	w.any(v)
}

func (w *wire) any(v any) {
	b, err := json.Marshal(v)
	if w.err == nil {
		w.err = err
	}
	w.b = append(w.b, b...)
}

func (w *wire) quote(s string) {
	if !plain(s) {
		w.any(s)
		return
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}

// plain reports whether s needs no escaping in JSON.
func plain[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}

// errUnreadable means that a message has no id or kind.
var errUnreadable = errors.New("a message needs a kind and an id")

// Decode parses the JSON of a message, from Encode or any other encoder. The message does not refer to data.
func Decode(data []byte) (*Message, error) {
	m := new(Message)
	if !m.read(data) { // the slow path: unknown fields, white space, escapes
		*m = Message{}
		if err := json.Unmarshal(data, m); err != nil {
			return nil, err
		}
	}
	if m.ID == "" || m.Kind == "" {
		return nil, errUnreadable
	}
	return m, nil
}

// read parses the form that Encode writes. It returns false for any other form.
func (m *Message) read(b []byte) bool {
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return false
	}
	for b = b[1:]; ; b = b[1:] {
		name, rest, ok := quoted(b)
		if !ok || len(rest) == 0 || rest[0] != ':' {
			return false
		}
		n := span(rest[1:])
		if n <= 0 || !m.field(name, rest[1:1+n]) {
			return false
		}
		if b = rest[1+n:]; len(b) == 1 {
			return b[0] == '}'
		}
		if len(b) == 0 || b[0] != ',' {
			return false
		}
	}
}

// field sets one field. It returns false if the field is unknown or has an unexpected value.
func (m *Message) field(name, v []byte) bool {
	switch string(name) {
	case "kind":
		return text(&m.Kind, v)
	case "id":
		return text(&m.ID, v)
	case "host":
		return text(&m.Host, v)
	case "sender":
		return text(&m.Sender, v)
	case "topic":
		return text(&m.Topic, v)
	case "method":
		return text(&m.Method, v)
	case "request":
		return text(&m.Request, v)
	case "trace":
		return text(&m.Trace, v)
	case "reply_to":
		return text(&m.ReplyTo, v)
	case "level":
		return number(&m.Level, v)
	case "delivery":
		return number(&m.Delivery, v)
	case "timeout_ns":
		var n int
		ok := number(&n, v)
		m.Timeout = time.Duration(n)
		return ok
	case "payload":
		m.Payload = append(json.RawMessage(nil), v...)
		return json.Valid(m.Payload)
	case "ids":
		return json.Unmarshal(v, &m.IDs) == nil
	case "caller":
		return json.Unmarshal(v, &m.Caller) == nil
	case "fault":
		return json.Unmarshal(v, &m.Fault) == nil
	}
	return false
}

func text[T ~string](to *T, v []byte) bool {
	s, rest, ok := quoted(v)
	*to = T(s)
	return ok && len(rest) == 0
}

func number(to *int, v []byte) bool {
	n, err := strconv.Atoi(string(v))
	*to = n
	digits := v
	if v[0] == '-' {
		digits = v[1:]
	}
	return err == nil && v[0] != '+' && (digits[0] != '0' || len(v) == 1)
}

// quoted parses plain text in quotes and returns the rest.
func quoted(b []byte) (s, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); i++ {
		if b[i] == '"' {
			return b[1:i], b[i+1:], plain(b[1:i])
		}
	}
	return nil, nil, false
}

// span returns the length of the value at the beginning of b, 0 if it does not end. It does not validate the value.
func span(b []byte) int {
	depth, inside := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inside:
			if c == '\\' {
				i++
			} else if c == '"' {
				inside = false
			}
		case c == '"':
			inside = true
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth == 0 {
				return i
			}
			depth--
		case c == ',' && depth == 0:
			return i
		}
	}
	return 0
}
