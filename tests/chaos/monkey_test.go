package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"hypernova/tests/layout"
)

// troop breaks parts of the cloud. Each goroutine of it breaks one part at a time and repairs it. No two break the same
// part.
type troop struct {
	t     *testing.T
	cloud *layout.Cloud
	began time.Time

	mu     sync.Mutex // guards the fields below
	held   map[string]bool
	counts map[string]int
}

func newTroop(t *testing.T, cloud *layout.Cloud) *troop {
	return &troop{t: t, cloud: cloud, began: time.Now(), held: map[string]bool{}, counts: map[string]int{}}
}

func (m *troop) run(ctx context.Context, r *rand.Rand) {
	for {
		wait := time.Duration(500+r.IntN(2500)) * time.Millisecond
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		// Repair also after the end of the test phase.
		m.strike(context.WithoutCancel(ctx), r)
	}
}

func (m *troop) strike(ctx context.Context, r *rand.Rand) {
	kind, what, length := r.IntN(20), m.cloud.Processes()[r.IntN(len(m.cloud.Processes()))],
		time.Duration(r.IntN(5000))*time.Millisecond
	if r.IntN(6) == 0 {
		length += 15 * time.Second // long enough that leases expire
	}
	switch {
	case kind == 0:
		what, length = layout.Database, min(length, 4*time.Second)
	case kind <= 2:
		what = layout.Broker
	}
	if !m.hold(what) {
		return
	}
	defer m.free(what)
	switch {
	case what == layout.Database:
		m.say("crash", what, length)
		m.must(what, m.cloud.RestartDatabase(func() { pause(ctx, length) }))
	case what == layout.Broker:
		m.say("kill", what, length)
		m.must(what, m.cloud.RestartBroker(func() { pause(ctx, length) }))
	case kind < 11:
		m.say("kill", what, length)
		m.must(what, m.cloud.Kill(what))
		pause(ctx, length)
		m.start(ctx, what)
	default:
		m.say("stop", what, length)
		m.suspend(ctx, what, length)
	}
}

// start starts a process as a supervisor does: if it ends during its start, because the database is down, it is started
// again.
func (m *troop) start(ctx context.Context, what string) {
	limit := time.Now().Add(rest)
	for {
		err := m.cloud.Begin(what)
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			m.t.Errorf("%s does not start: %v", what, err)
			return
		}
		pause(ctx, time.Second)
	}
}

func (m *troop) suspend(ctx context.Context, what string, length time.Duration) {
	p, err := m.cloud.Part(what)
	if err == nil {
		err = p.Signal(syscall.SIGSTOP)
	}
	if err == nil {
		pause(ctx, length)
		err = p.Signal(syscall.SIGCONT)
	}
	m.must(what, err)
}

// done reports processes that have ended by themselves, which is an error.
func (m *troop) done() {
	for _, name := range m.cloud.Processes() {
		p, err := m.cloud.Part(name)
		if err != nil {
			m.t.Error(err)
			continue
		}
		select {
		case <-p.Ended():
			m.t.Errorf("%s has ended by itself:\n%s", name, p.Log())
			m.start(m.t.Context(), name)
		default:
		}
	}
}

func (m *troop) hold(what string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[what] {
		return false
	}
	m.held[what] = true
	return true
}

func (m *troop) free(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.held, what)
}

func (m *troop) say(how, what string, length time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[how+" "+what]++
	m.t.Logf("%7.3fs %s %s for %s", time.Since(m.began).Seconds(), how, what, length)
}

func (m *troop) must(what string, err error) {
	if err != nil {
		m.t.Errorf("%s: %v", what, err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
