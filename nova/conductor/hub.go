package conductor

import (
	"context"
	"slices"
	"sync"

	"hypernova/oslo/fault"
)

// errUnwanted ends a build if its server is being deleted or another task owns the server.
var errUnwanted = fault.Conflictf("The server is not wanted any more.").Coded("nova.unwanted")

// hub passes hints to the jobs that wait in this process. The zero value is ready.
type hub struct {
	mu      sync.Mutex
	waiting map[string][]*waiter // by server
}

// waiter receives wake-ups and interrupts for one running job.
type waiter struct {
	woken  chan struct{} // holds one hint, so that none is lost between two looks
	cancel context.CancelCauseFunc

	mu     sync.Mutex
	failed []string // ports whose plugging failed
}

// listen returns a context that an interrupt ends, and the waiter that receives wake-ups. The caller must call stop.
func (h *hub) listen(ctx context.Context, server string) (_ context.Context, w *waiter, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	w = &waiter{woken: make(chan struct{}, 1), cancel: cancel}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == nil {
		h.waiting = map[string][]*waiter{}
	}
	h.waiting[server] = append(h.waiting[server], w)
	return ctx, w, func() {
		cancel(nil)
		h.mu.Lock()
		defer h.mu.Unlock()
		left := slices.DeleteFunc(h.waiting[server], func(x *waiter) bool { return x == w })
		if len(left) == 0 {
			delete(h.waiting, server)
			return
		}
		h.waiting[server] = left
	}
}

func (h *hub) listening(server string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.waiting[server]) > 0
}

// wake sends a wake-up to the jobs that wait for the server; failed are ports whose plugging failed.
func (h *hub) wake(server string, failed []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.waiting[server] {
		w.mu.Lock()
		w.failed = append(w.failed, failed...)
		w.mu.Unlock()
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
}

// interrupt cancels the jobs that wait for the server.
func (h *hub) interrupt(server string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.waiting[server] {
		w.cancel(errUnwanted)
	}
}

func (w *waiter) hasFailed(port string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(w.failed, port)
}
