package compute

import (
	"context"
	"fmt"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/backoff"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/metric"
)

// A guest whose disk could not grow is halted by the hypervisor, and goes on with the very write that failed. The agent
// has it go on when there is room again, and keeps new servers off a host before its disk is full.

// wakeRoom is how much must be free at least before halted guests go on, whatever the options say.
const wakeRoom = 64 << 20

// halt is what is known of a guest that was halted for a disk.
type halt struct {
	tries int       // how often it was told to go on and was halted again soon
	next  time.Time // when it may be told the next time
}

// A guest that is halted repeatedly although there is space is resumed at growing intervals.
const (
	firstPause = 5 * time.Second
	lastPause  = 10 * time.Minute
)

// watchDisk looks how full the disk is that servers grow on.
func (m *Manager) watchDisk(ctx context.Context) error {
	d, ok := m.Driver.(virt.Disk)
	if !ok {
		return nil
	}
	free, err := d.FreeDisk(ctx)
	if err != nil {
		return err
	}
	least := m.c.MinFreeDisk
	was := m.low.Load()
	low := free < least || was && free < least+least/4 // it must be clearly over, or it would come and go with each file
	m.low.Store(low)
	if low && !was {
		metric.From(ctx).Count("host_disk", "low", 1)
		log.From(ctx).Warn("the disk is almost full: the host takes no new servers", log.Host, m.c.Host, "free_mb", free>>20)
		if err := m.cleanImages(ctx); err != nil {
			log.From(ctx).Error("cached images could not be cleaned", log.Host, m.c.Host, log.Err, err.Error())
		}
	}
	if low != m.toldLow.Load() {
		if err := m.report(ctx); err != nil {
			return err
		}
	}
	if b, ok := m.Driver.(virt.ConsoleBounder); ok && m.c.MaxConsole > 0 {
		n, err := b.BoundConsoles(ctx, m.c.MaxConsole)
		metric.From(ctx).Count("console_log", "cut", n)
		if err != nil {
			log.From(ctx).Error("a console log could not be cut", log.Host, m.c.Host, log.Err, err.Error())
		}
	}
	if m.c.WakeHalted && free >= max(least, wakeRoom) {
		m.wakeAll(ctx)
	}
	return nil
}

// trouble is why the host can take no new servers, or nothing.
func (m *Manager) trouble() string {
	if !m.low.Load() {
		return ""
	}
	return fmt.Sprintf("less than %d MiB are free on the disk of servers (min_free_disk_mb)", m.c.MinFreeDisk>>20)
}

// roomy refuses a build that came before the host had said that its disk is almost full.
func (m *Manager) roomy(ctx context.Context) error {
	d, ok := m.Driver.(virt.Disk)
	if !ok || m.c.MinFreeDisk == 0 {
		return nil
	}
	free, err := d.FreeDisk(ctx)
	if err == nil && free < m.c.MinFreeDisk {
		err = fault.Unavailablef("The disk of host %s is almost full: %d MiB are free.", m.c.Host, free>>20)
	}
	return err
}

// noteHalt remembers guests that were halted for a disk, by what was just seen of one.
func (m *Manager) noteHalt(id string, i virt.Info) {
	halted := i.Power == nova.PowerPaused && i.Cause == nova.CauseDisk
	m.mu.Lock()
	defer m.mu.Unlock()
	h := m.halts[id]
	switch {
	case halted && h == nil:
		m.halts[id] = &halt{}
	case !halted && h != nil && time.Since(h.next) > lastPause:
		delete(m.halts, id) // it has gone on for long enough
	}
}

// wakeAll has those halted guests go on whose time it is.
func (m *Manager) wakeAll(ctx context.Context) {
	var due []string
	now := time.Now()
	m.mu.Lock()
	for id, h := range m.halts {
		if !now.Before(h.next) && len(m.running[id]) == 0 {
			due = append(due, id)
		}
	}
	m.mu.Unlock()
	for _, id := range due {
		if err := m.wake(ctx, id); err != nil && ctx.Err() == nil {
			log.From(ctx).Error("a halted guest could not be told to go on", log.Host, m.c.Host, log.Server, id, log.Err,
				err.Error())
		}
	}
}

// wake has a guest go on if it is still halted for a disk, and reports it.
func (m *Manager) wake(ctx context.Context, id string) error {
	woken := false
	err := m.run(ctx, id, "wake", func(ctx context.Context) error {
		i, err := m.Driver.Info(ctx, id)
		if fault.Is(err, fault.NotFound) {
			m.mu.Lock()
			delete(m.halts, id)
			m.mu.Unlock()
			return nil
		}
		if err != nil || i.Passing || i.Cause != nova.CauseDisk || i.Power != nova.PowerPaused {
			m.noteHalt(id, i)
			return err
		}
		m.mu.Lock()
		if h := m.halts[id]; h != nil {
			h.next = time.Now().Add(backoff.Policy{First: firstPause, Most: lastPause}.Exact(h.tries))
			h.tries++
		}
		m.mu.Unlock()
		woken = true
		return m.Driver.Unpause(ctx, id)
	})
	if err != nil || !woken {
		return err
	}
	metric.From(ctx).Count("host_disk", "guest_woken", 1)
	log.From(ctx).Info("there is room again: a halted guest goes on", log.Host, m.c.Host, log.Server, id)
	return m.reportPower(ctx, id)
}
