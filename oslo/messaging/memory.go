package messaging

const (
	// remembered is how many finished messages are known by id, so that a repetition is answered and not handled again; more than can be
	// in custody.
	remembered = 2 * backlog
	// rememberedBytes bounds their replies together.
	rememberedBytes = 4 << 20
)

// memory is the replies of the last messages that a server has finished. Its map must be made.
type memory struct {
	replies map[string]*Message
	order   []string // oldest first
	bytes   int
}

// add remembers a reply, at the cost of the oldest ones.
func (m *memory) add(r *Message) {
	if _, known := m.replies[r.ID]; known {
		return
	}
	m.replies[r.ID] = r
	m.bytes += len(r.Payload)
	m.order = append(m.order, r.ID)
	for len(m.order) > remembered || m.bytes > rememberedBytes {
		oldest := m.order[0]
		m.order = m.order[1:]
		m.bytes -= len(m.replies[oldest].Payload)
		delete(m.replies, oldest)
	}
}
