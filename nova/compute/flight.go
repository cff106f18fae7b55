package compute

import (
	"context"

	"hypernova/oslo/fault"
)

// errDestroyed ends what is under way for a server that is destroyed.
var errDestroyed = fault.Conflictf("The server is being destroyed.").Coded("nova.destroyed")

// flight is one operation under way, or waiting for the server's lock.
type flight struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed after err is set
	err    error
}

// fly runs an operation on a server under its lock. The same operation asked for again meanwhile joins the one under
// way and shares its end.
func (m *Manager) fly(ctx context.Context, server, op string, do func(ctx context.Context) error) error {
	m.mu.Lock()
	if f := m.flights[server][op]; f != nil {
		m.mu.Unlock()
		select {
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f := &flight{cancel: cancel, done: make(chan struct{})}
	if m.flights[server] == nil {
		m.flights[server] = map[string]*flight{}
	}
	m.flights[server][op] = f
	m.mu.Unlock()

	f.err = m.locks.Do(ctx, server, func() error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return do(ctx)
	})
	if f.err != nil && context.Cause(ctx) == error(errDestroyed) {
		f.err = errDestroyed
	}
	cancel(nil)
	m.mu.Lock()
	delete(m.flights[server], op)
	if len(m.flights[server]) == 0 {
		delete(m.flights, server)
	}
	m.mu.Unlock()
	close(f.done)
	return f.err
}

// interrupt ends what is under way for a server, except that it is destroyed.
func (m *Manager) interrupt(server string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for op, f := range m.flights[server] {
		if op != opDestroy && op != opReap {
			f.cancel(errDestroyed)
		}
	}
}

// busy reports that an operation is under way for the server: its own end will tell what the guest does.
func (m *Manager) busy(server string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.flights[server]) > 0
}
