package compute

import (
	"context"

	"hypernova/oslo/fault"
)

// errDestroyed cancels the running operations of a server that is being destroyed.
var errDestroyed = fault.Conflictf("The server is being destroyed.").Coded("nova.destroyed")

// running is an operation that runs or waits for the server's lock.
type running struct {
	cancel context.CancelCauseFunc
	done   chan struct{} // closed after err is set
	err    error
}

// run runs an operation on a server under its lock. If the same operation runs already, run waits for it and returns
// its error.
func (m *Manager) run(ctx context.Context, server, op string, do func(ctx context.Context) error) error {
	m.mu.Lock()
	if f := m.running[server][op]; f != nil {
		m.mu.Unlock()
		select {
		case <-f.done:
			return f.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	f := &running{cancel: cancel, done: make(chan struct{})}
	if m.running[server] == nil {
		m.running[server] = map[string]*running{}
	}
	m.running[server][op] = f
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
	delete(m.running[server], op)
	if len(m.running[server]) == 0 {
		delete(m.running, server)
	}
	m.mu.Unlock()
	close(f.done)
	return f.err
}

// interrupt cancels the running operations of a server, except those that destroy it.
func (m *Manager) interrupt(server string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for op, f := range m.running[server] {
		if op != opDestroy && op != opReap {
			f.cancel(errDestroyed)
		}
	}
}

// busy reports whether an operation of the server runs. Its result will report the state of the guest.
func (m *Manager) busy(server string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.running[server]) > 0
}
