package steps

import (
	"context"
	"sync"
)

// Memory is a journal in memory, for short work and for tests. The zero value is empty.
type Memory struct {
	mu    sync.Mutex
	saved []byte
	saves int
}

// Load returns the last saved record, nil if there is none.
func (m *Memory) Load(context.Context) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]byte(nil), m.saved...), nil
}

// Save stores the record.
func (m *Memory) Save(_ context.Context, record []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.saved = append([]byte(nil), record...)
	m.saves++
	return nil
}

// Saves returns how often Save was called.
func (m *Memory) Saves() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves
}
