package tasks

import (
	"slices"
	"sync"
	"time"
)

// Tasks that take less than shortTask are claimed ahead of a free worker, at least aheadLeast or as many as there are
// workers. A claim for each would cost more than its work. They wait for at most Poll and hold a lease meanwhile.
const (
	shortTask  = 5 * time.Millisecond
	aheadLeast = 24
)

// pool holds the claimed tasks that wait for a worker of this process, and counts its working workers.
type pool struct {
	workers int

	mu      sync.Mutex
	up      bool          // Run is claiming
	backlog bool          // the last claim returned as many tasks as it asked for
	waiting []*hold       // claimed tasks that wait for a worker
	working int           // tasks that a worker runs
	pace    time.Duration // moving average of a handler's duration
}

// start begins claiming. It returns false if the pool has been started already.
func (p *pool) start() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.up {
		return false
	}
	p.up = true
	return true
}

// stop ends claiming and returns the tasks that are claimed and not started.
func (p *pool) stop() []*hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.waiting
	p.up, p.waiting = false, nil
	return left
}

// started reports whether Run is claiming.
func (p *pool) started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// free reports whether a worker is free for a task that is not in the queue yet.
func (p *pool) free() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up && !p.backlog && p.working+len(p.waiting) < p.workers
}

// more reports that the last claim left due tasks behind and that the pool can take them.
func (p *pool) more() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.backlog && len(p.waiting) == 0
}

// wanted returns how many tasks to claim with so many idle workers: more than those if tasks are short.
func (p *pool) wanted(idle int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := idle - len(p.waiting)
	if p.pace < shortTask {
		n += max(aheadLeast, p.workers)
	}
	return n
}

// add appends claimed tasks. full means that the claim returned as many as it asked for.
func (p *pool) add(holds []*hold, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.backlog = full
	p.waiting = append(p.waiting, holds...)
}

// addOne appends a task that was claimed with its enqueue. It returns false if Run has ended.
func (p *pool) addOne(claimed func() *hold) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.up {
		p.waiting = append(p.waiting, claimed())
	}
	return p.up
}

// next removes at most n claimed tasks and counts them as working.
func (p *pool) next(n int) []*hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(n, len(p.waiting))
	hs := slices.Clone(p.waiting[:n])
	p.waiting = slices.Delete(p.waiting, 0, n)
	p.working += n
	return hs
}

// begin counts a task as working that did not come from next.
func (p *pool) begin() {
	p.mu.Lock()
	p.working++
	p.mu.Unlock()
}

// leave counts a worker as free again.
func (p *pool) leave() {
	p.mu.Lock()
	p.working--
	p.mu.Unlock()
}

// took adds a handler's duration to the moving average.
func (p *pool) took(d time.Duration) {
	p.mu.Lock()
	p.pace += (d - p.pace) / 8
	p.mu.Unlock()
}

// late removes tasks that were claimed ahead and waited longer than poll, so that another process can run them.
func (p *pool) late(poll time.Duration) []*hold {
	p.mu.Lock()
	defer p.mu.Unlock()
	var long []*hold
	p.waiting = slices.DeleteFunc(p.waiting, func(h *hold) bool {
		late := time.Since(h.since) > poll
		if late {
			long = append(long, h)
		}
		return late
	})
	if long != nil {
		p.pace = shortTask // claim nothing ahead until tasks are seen to be short again
	}
	return long
}
