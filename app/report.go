package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"hypernova/nova/store"
	"hypernova/oslo/conf"
	"hypernova/oslo/service"
	"hypernova/oslo/tasks"
)

// report writes the state report: services, group, queue, configuration, goroutines. What cannot be read in time is
// named.
func (p *Process) report(ctx context.Context, w io.Writer) {
	service.WriteServices(w, p.services...)
	if p.nova.made != nil {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		p.nova.reportGroup(ctx, w)
		p.nova.reportQueue(ctx, w)
		cancel()
	}
	fmt.Fprintln(w, "configuration:")
	if err := conf.Dump(w, p.c); err != nil {
		fmt.Fprintln(w, err)
	}
	service.WriteGoroutines(w)
}

func (n *novaParts) reportGroup(ctx context.Context, w io.Writer) {
	all, err := store.Services(ctx, n.made.db, "", "")
	if err != nil {
		fmt.Fprintln(w, "service group: cannot be read:", err)
		return
	}
	fmt.Fprintf(w, "service group: %d services\n", len(all))
	now := n.made.now()
	for i := range all {
		v := &all[i]
		up, state, seen := v.Up(now, n.p.c.Default.Down), "down", "left"
		if up {
			state = "up"
		}
		if !v.Seen.IsZero() {
			seen = "seen " + now.Sub(v.Seen).Round(time.Millisecond).String() + " ago"
		}
		fmt.Fprintf(w, "  %s on %s: %s, %s, %d heartbeats, level %d, disabled %v, forced down %v %s\n", v.Binary, v.Host,
			state, seen, v.Reports, v.Level,
			v.Disabled, v.ForcedDown, v.Why(up))
	}
}

// reportLimit bounds how many tasks a report names.
const reportLimit = 200

func (n *novaParts) reportQueue(ctx context.Context, w io.Writer) {
	q := n.made.queue
	st := q.Stats()
	fmt.Fprintf(w, "tasks: claimed %d, done %d, retried %d, dead %d, panics %d, lost %d since the start of this process\n",
		st.Claimed, st.Done, st.Retried, st.Dead, st.Panics, st.Lost)
	all, err := q.List(ctx, tasks.ListArgs{Limit: reportLimit})
	if err != nil {
		fmt.Fprintln(w, "tasks: the queue cannot be read:", err)
		return
	}
	for _, t := range all {
		fmt.Fprintf(w, "  task %s %s of %s: %s, attempt %d, request %s\n", t.ID, t.Kind, t.Key, t.State, t.Attempt, t.Request)
	}
}
