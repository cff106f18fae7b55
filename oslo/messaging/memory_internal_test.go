package messaging

import (
	"strconv"
	"testing"
)

// The memory of replies is bounded in number and size. The oldest replies are removed first.
func TestOldestRepliesAreRemoved(t *testing.T) {
	t.Parallel()
	m := memory{replies: map[string]*Message{}}
	for i := range 3 * remembered {
		m.add(&Message{ID: strconv.Itoa(i), Payload: []byte("x")})
	}
	if m.replies[strconv.Itoa(2*remembered-1)] != nil || m.replies[strconv.Itoa(2*remembered)] == nil ||
		len(m.replies) != remembered || m.bytes != remembered {
		t.Errorf("it holds %d replies of %d bytes", len(m.replies), m.bytes)
	}
	big := make([]byte, rememberedBytes/2)
	for _, id := range []string{"a", "b", "c"} {
		m.add(&Message{ID: id, Payload: big})
	}
	if len(m.replies) != 2 || m.replies["a"] != nil || m.replies["c"] == nil || m.bytes != rememberedBytes {
		t.Errorf("it holds %d replies of %d bytes", len(m.replies), m.bytes)
	}
	m.add(&Message{ID: "d", Payload: make([]byte, rememberedBytes+1)})
	if len(m.replies) != 0 || m.bytes != 0 || len(m.order) != 0 {
		t.Errorf("it holds %d replies of %d bytes", len(m.replies), m.bytes)
	}
}
