package compute

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// initHost makes the agent fit to listen: the hypervisor is connected, the host is known to the cloud, and guests and
// servers agree.
func (m *Manager) initHost(ctx context.Context) error {
	if err := m.Driver.Init(ctx); err != nil {
		return err
	}
	if err := m.patiently(ctx, m.report); err != nil {
		return err
	}
	if err := m.patiently(ctx, m.reap); err != nil {
		return err
	}
	if err := m.patiently(ctx, leftovers{m}.settle); err != nil {
		return err
	}
	return m.patiently(ctx, m.resume)
}

// patiently waits for conductor and placement, which may start later than the host.
func (m *Manager) patiently(ctx context.Context, do func(context.Context) error) error {
	pauses := backoff.Policy{First: 50 * time.Millisecond, Most: 5 * time.Second}
	for n := 0; ; n++ {
		err := do(ctx)
		if !fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
			return err
		}
		log.From(ctx).Warn("the cloud cannot be reached yet, trying again", log.Host, m.c.Host, log.Err, err.Error())
		if err := pauses.Wait(ctx, n); err != nil {
			return err
		}
	}
}

// reap destroys guests whose servers are deleted or live elsewhere. It asks again under the server's lock, so that a
// build which begins meanwhile keeps its guest.
func (m *Manager) reap(ctx context.Context) error {
	guests, err := m.Driver.Servers(ctx)
	if err != nil || len(guests) == 0 {
		return err
	}
	ids := make([]string, len(guests))
	for i, g := range guests {
		ids[i] = g.ID
	}
	verdict, err := rpcapi.Judge.Do(ctx, m.Bus, "", rpcapi.JudgeArgs{Host: m.c.Host, Servers: ids})
	if err != nil {
		return err
	}
	for _, id := range verdict.Unknown {
		log.From(ctx).Warn("a guest is here that the cloud has never heard of; it is left alone", log.Host, m.c.Host,
			log.Server, id)
	}
	var errs []error
	for _, id := range verdict.Destroy {
		if !m.busy(id) {
			errs = append(errs, m.reapOne(ctx, id, m.c.KeepDeleted))
		}
	}
	return errors.Join(errs...)
}

// reapOne destroys a guest whose server does not belong here; keep only says so.
func (m *Manager) reapOne(ctx context.Context, id string, keep bool) error {
	return m.run(ctx, id, opReap, func(ctx context.Context) error {
		verdict, err := rpcapi.Judge.Do(ctx, m.Bus, "", rpcapi.JudgeArgs{Host: m.c.Host, Servers: []string{id}})
		if err != nil || len(verdict.Destroy) == 0 {
			return err
		}
		if keep {
			log.From(ctx).Warn("a guest is here whose server is gone", log.Host, m.c.Host, log.Server, id)
			return nil
		}
		log.From(ctx).Info("guest destroyed, its server is gone", log.Host, m.c.Host, log.Server, id)
		return m.Driver.Destroy(ctx, id)
	})
}

// resume starts guests that should run, where the operator wants that, and tells what all guests do.
func (m *Manager) resume(ctx context.Context) error {
	if m.c.ResumeGuests {
		wanted, err := rpcapi.HostServers.Do(ctx, m.Bus, "", rpcapi.HostArgs{Host: m.c.Host})
		if err != nil {
			return err
		}
		for _, w := range wanted.Servers {
			m.resumeOne(ctx, w)
		}
	}
	return m.syncPower(ctx)
}

// resumeOne starts one guest. Its failure is that server's, not the host's: the report that follows shows it stopped.
func (m *Manager) resumeOne(ctx context.Context, w rpcapi.Wanted) {
	if w.State != (nova.State{VM: nova.Active, Task: nova.Idle}) || w.Power != nova.Running {
		return
	}
	i, err := m.Driver.Info(ctx, w.Spec.ID)
	if err == nil && !i.Passing && i.Power != nova.Shutdown && i.Power != nova.Crashed {
		return // one that the hypervisor is at work on gets a start too, which waits for its end
	}
	err = m.run(ctx, w.Spec.ID, nova.StartServer.Key, func(ctx context.Context) error {
		return m.Driver.Start(ctx, &w.Spec)
	})
	if err != nil {
		log.From(ctx).Error("guest could not be resumed", log.Host, m.c.Host, log.Server, w.Spec.ID, log.Err, err.Error())
	}
}

// syncPower tells what each guest does, and which servers of this host have none.
func (m *Manager) syncPower(ctx context.Context) error {
	guests, err := m.Driver.Servers(ctx)
	if err != nil {
		return err
	}
	wanted, err := rpcapi.HostServers.Do(ctx, m.Bus, "", rpcapi.HostArgs{Host: m.c.Host})
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for _, g := range guests {
		ids[g.ID] = true
	}
	for _, w := range wanted.Servers {
		ids[w.Spec.ID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if err := m.reportPower(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// reportPower tells what a guest does, unless an operation is under way, whose end tells it. It holds the lock while it
// tells, so that no operation ends between the look and the report.
func (m *Manager) reportPower(ctx context.Context, id string) error {
	if m.busy(id) {
		return nil
	}
	return m.locks.Do(ctx, id, func() error {
		i, err := m.Driver.Info(ctx, id)
		if fault.Is(err, fault.NotFound) {
			i, err = virt.Info{ID: id, Power: nova.NoState}, nil
		}
		if err != nil || i.Passing { // what is passing is no fact; its end is an event, or seen at the next look
			return err
		}
		m.noteHalt(id, i)
		p := rpcapi.ServerPower{Server: id, Power: i.Power, Cause: i.Cause, Why: i.Why, Words: m.lastWords(ctx, id, i),
			Restart: m.c.RestartCrashed}
		_, err = rpcapi.ReportPower.Do(ctx, m.Bus, "", rpcapi.PowerReport{Host: m.c.Host, Servers: []rpcapi.ServerPower{p}})
		return err
	})
}

// lastWords is what the process of a guest that crashed, or was halted, said last.
func (m *Manager) lastWords(ctx context.Context, id string, i virt.Info) string {
	const most = 4 << 10
	d, ok := m.Driver.(virt.LastWords)
	if !ok || i.Cause != nova.CauseCrash && i.Cause != nova.CauseDisk {
		return ""
	}
	words, err := d.LastWords(ctx, id, most)
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	return words
}

// watch follows what the hypervisor notices by itself until ctx ends.
func (m *Manager) watch(ctx context.Context, src virt.EventSource) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changed := make(chan virt.Event, 64) // a burst, as when a host's guests are shut down together
	ended := make(chan error, 1)
	go func() {
		defer close(changed)
		ended <- src.Events(ctx, func(e virt.Event) {
			select {
			case changed <- e:
			case <-ctx.Done():
			}
		})
	}()
	for e := range changed {
		id := e.ID
		if !m.busy(id) && (e.Cause == nova.CauseCrash || e.Cause == nova.CauseDisk) {
			log.From(ctx).Warn("a guest does not run any more", log.Host, m.c.Host, log.Server, id,
				"because", e.Why)
		}
		if err := m.reportPower(ctx, id); err != nil && ctx.Err() == nil {
			log.From(ctx).Warn("a guest's change could not be reported; the next look will", log.Host, m.c.Host, log.Server, id,
				log.Err, err.Error())
		}
	}
	if err := <-ended; ctx.Err() == nil {
		return err
	}
	return nil
}
