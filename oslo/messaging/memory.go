package messaging

const (
	// remembered is the number of finished messages known by id, so that a repetition is answered and not handled again.
	// It exceeds the number of accepted messages.
	remembered = 2 * backlog
	// rememberedBytes bounds the total size of their replies.
	rememberedBytes = 4 << 20
)

// memory holds the replies of the last finished messages of a server. Its map must be made.
type memory struct {
	replies map[string]*Message
	order   []string // oldest first
	bytes   int
}

// add stores a reply and evicts the oldest ones.
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
