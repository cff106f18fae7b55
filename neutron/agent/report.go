package agent

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"hypernova/oslo/service"
)

// membership is kept by neutron-server: to it a member is known by its host, and each heartbeat says all there is to
// say.
type membership struct{ a *agent }

// Join makes the agents of this host known.
func (g membership) Join(ctx context.Context, m service.Member) (string, error) {
	return m.Host, g.a.beat(ctx)
}

// Beat says that they live.
func (g membership) Beat(ctx context.Context, _ string) error { return g.a.beat(ctx) }

// Leave says nothing: the host's network goes on while its agent restarts, and so may ports be bound to it.
func (membership) Leave(context.Context, string) error { return nil }

// rounds is the state of the loop for a report.
type rounds struct {
	mu       sync.Mutex // guards what follows
	begun    time.Time  // the round under way; zero: none is
	n        int
	last     time.Time
	took     time.Duration
	err      error
	revision int64
	networks int
	up       int
	down     map[string]string // ports and why
}

// noted is a round that a report can tell of.
func (a *agent) noted(ctx context.Context) error {
	r := &a.rounds
	begin := time.Now()
	r.mu.Lock()
	r.begun = begin
	r.mu.Unlock()
	err := contained(ctx, "pull", a.turn)
	down := maps.Clone(a.reported)
	maps.DeleteFunc(down, func(_, why string) bool { return why == wiredWell })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n, r.begun, r.last, r.took, r.err = r.n+1, time.Time{}, begin, time.Since(begin), err
	r.revision, r.networks, r.up, r.down = a.current.Revision, len(a.current.Networks), len(a.reported)-len(down), down
	return err
}

// Report writes the state of the service, of the loop and of the servers that answer guests.
func (a *agent) Report(w io.Writer) {
	if s, ok := a.service.(service.Reporter); ok {
		s.Report(w)
	}
	a.rounds.report(w, a.c.Poll)
	a.host.report(w)
}

func (r *rounds) report(w io.Writer, every time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun.IsZero() {
		fmt.Fprintf(w, "  l2: a round is under way since %s\n", r.begun.UTC().Format(time.RFC3339))
	}
	if r.n == 0 {
		fmt.Fprintf(w, "  l2: every %v and at each hint, not run yet\n", every)
		return
	}
	fmt.Fprintf(w, "  l2: every %v and at each hint, %d rounds, last at %s for %v, error: %v\n", every, r.n,
		r.last.UTC().Format(time.RFC3339),
		r.took.Round(time.Millisecond), r.err)
	fmt.Fprintf(w, "  l2: revision %d: %d networks, %d ports wired, %d not\n", r.revision, r.networks, r.up, len(r.down))
	for i, id := range slices.Sorted(maps.Keys(r.down)) {
		if i == reasonsShown {
			fmt.Fprintf(w, "  l2: … and %d more\n", len(r.down)-i)
			break
		}
		fmt.Fprintf(w, "  l2: port %s is down: %s\n", id, r.down[id])
	}
}

const reasonsShown = 20

// report writes which servers answer on each network.
func (x *linux) report(w io.Writer) {
	fmt.Fprintf(w, "  host: %d repairs of what others changed\n", x.repairs.Load())
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.proxy != nil {
		fmt.Fprintf(w, "  metadata: %d requests in flight, %d answered, %d connections\n",
			x.proxy.InFlight(), x.proxy.Answered(), x.proxy.Open())
	}
	fmt.Fprintf(w, "  dhcp: %d answered\n", x.leases.Load())
	for name, a := range x.answers {
		state := "answer"
		if a.ended() {
			state = "have ended, the next round starts them anew"
		}
		fmt.Fprintf(w, "  network %s in %s: %s %s\n", a.state().ID, name, a.what(), state)
	}
}
