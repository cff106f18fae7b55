package messaging

const (
	// remembered is how many finished messages are known by id, so that a repetition is answered and not handled again; more than can be
	// in custody.
	remembered = 2 * backlog
	// rememberedBytes bounds their replies together; the oldest are forgotten first.
	rememberedBytes = 32 << 20
)

// memory is the replies of the last messages that a server has finished. The zero value is not ready: its map must be made.
type memory struct {
	replies map[string]*Message
	order   []string // oldest first, from next on: a ring once it is full
	next    int
	bytes   int
}

// add remembers a reply, at the cost of the oldest ones.
func (m *memory) add(r *Message) {
	if _, known := m.replies[r.ID]; known {
		return
	}
	m.replies[r.ID] = r
	m.bytes += len(r.Payload)
	if len(m.order) < remembered {
		m.order = append(m.order, r.ID)
	} else {
		m.forget(m.next)
		m.order[m.next] = r.ID
		m.next = (m.next + 1) % remembered
	}
	for i := 0; m.bytes > rememberedBytes && i < len(m.order); i++ {
		m.forget((m.next + i) % len(m.order))
	}
}

// forget drops the reply at a place of the ring; the place itself stays taken until the ring comes round.
func (m *memory) forget(at int) {
	if r := m.replies[m.order[at]]; r != nil {
		m.bytes -= len(r.Payload)
		delete(m.replies, m.order[at])
	}
}
