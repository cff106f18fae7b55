package compute

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
)

const (
	opDestroy = "destroy"
	opReap    = "reap"
)

// prepare makes what the server needs on the host; nothing runs yet.
func (m *Manager) prepare(ctx context.Context, a rpcapi.SpecArgs) (messaging.None, error) {
	return messaging.None{}, m.run(ctx, a.Spec.ID, "prepare", func(ctx context.Context) error {
		if err := m.wanted(ctx, a.Spec.ID); err != nil {
			return err
		}
		if err := m.roomy(ctx); err != nil {
			return err
		}
		if local := a.Spec.Disks(); local.Check() != nil {
			return local.Check()
		}
		return m.inSlot(ctx, func() error { return m.Driver.Prepare(ctx, &a.Spec, m.Images) })
	})
}

// spawn starts the prepared server and answers what the hypervisor says then.
func (m *Manager) spawn(ctx context.Context, a rpcapi.SpecArgs) (rpcapi.PowerReply, error) {
	err := m.run(ctx, a.Spec.ID, "spawn", func(ctx context.Context) error {
		if err := m.wanted(ctx, a.Spec.ID); err != nil {
			return err
		}
		return m.inSlot(ctx, func() error { return m.Driver.Spawn(ctx, &a.Spec) })
	})
	return m.powerOf(ctx, a.Spec.ID, err)
}

// wanted refuses a server that does not belong here any more. A request may have waited in the bus, or in this process
// while it was stopped, until the server was deleted or built elsewhere and its removal from here done: nobody would
// look for what is made then.
func (m *Manager) wanted(ctx context.Context, id string) error {
	verdict, err := rpcapi.Judge.Do(ctx, m.Bus, "", rpcapi.JudgeArgs{Host: m.c.Host, Servers: []string{id}})
	if err == nil && len(verdict.Destroy) > 0 {
		err = fault.Conflictf("Server %s does not belong on host %s any more.", id, m.c.Host)
	}
	return err
}

// inSlot bounds how many builds the host works on at once; the others wait their turn.
func (m *Manager) inSlot(ctx context.Context, do func() error) error {
	if m.slots == nil {
		return do()
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
		return do()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// destroy takes the server off the host. What is under way for it ends first.
func (m *Manager) destroy(ctx context.Context, a rpcapi.ServerArgs) (messaging.None, error) {
	m.interrupt(a.Server)
	return messaging.None{}, m.run(ctx, a.Server, opDestroy, func(ctx context.Context) error {
		return m.Driver.Destroy(ctx, a.Server)
	})
}

// hostOperation is what the hypervisor does for one action of the table.
type hostOperation func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error

// capable is an operation of a capability that not every driver has (virt.Capabilities). Without it the operation
// is fault.NotImplemented. It panics for an interface that is no capability.
func capable[C any](do func(C, context.Context, *rpcapi.PowerArgs) error) hostOperation {
	virt.CapabilityOf[C]()
	return func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
		c, err := capability[C](d)
		if err != nil {
			return err
		}
		return do(c, ctx, a)
	}
}

// capability returns the driver as the capability C, or fault.NotImplemented.
func capability[C any](d virt.Driver) (C, error) {
	c, ok := d.(C)
	if !ok {
		return c, fault.New(fault.NotImplemented, "The hypervisor of this host cannot %s.", virt.CapabilityOf[C]().Name)
	}
	return c, nil
}

// hostOperations finds them by the key of their action (nova.ServerAction). An action that the driver cannot do answers
// fault.NotImplemented.
func hostOperations() map[string]hostOperation {
	return map[string]hostOperation{
		nova.StartServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Start(ctx, &a.Spec)
		},
		nova.StopServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Stop(ctx, a.Spec.ID, a.Grace)
		},
		nova.RebootServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Reboot(ctx, &a.Spec, true, a.Grace)
		},
		nova.HardRebootServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Reboot(ctx, &a.Spec, false, a.Grace)
		},
		nova.PauseServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Pause(ctx, a.Spec.ID)
		},
		nova.UnpauseServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Unpause(ctx, a.Spec.ID)
		},
		nova.SuspendServer.Key: capable(func(d virt.Suspender, ctx context.Context, a *rpcapi.PowerArgs) error {
			return d.Suspend(ctx, a.Spec.ID)
		}),
		nova.ResumeServer.Key: capable(func(d virt.Suspender, ctx context.Context, a *rpcapi.PowerArgs) error {
			return d.Resume(ctx, &a.Spec)
		}),
		nova.SoftDeleteServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Stop(ctx, a.Spec.ID, a.Grace)
		},
		nova.RestoreServer.Key: func(ctx context.Context, d virt.Driver, a *rpcapi.PowerArgs) error {
			return d.Start(ctx, &a.Spec)
		},
		nova.UnrescueServer.Key: capable(func(d virt.Rescuer, ctx context.Context, a *rpcapi.PowerArgs) error {
			return d.Unrescue(ctx, &a.Spec, true)
		}),
		nova.CrashDumpServer.Key: capable(func(d virt.Interrupter, ctx context.Context, a *rpcapi.PowerArgs) error {
			return d.InjectNMI(ctx, a.Spec.ID)
		}),
	}
}

// power does one operation on a server and answers what the hypervisor says then.
func (m *Manager) power(ctx context.Context, a rpcapi.PowerArgs) (rpcapi.PowerReply, error) {
	do, ok := m.operations[a.Op]
	if !ok {
		return rpcapi.PowerReply{}, fault.Invalidf("there is no power operation %q", a.Op)
	}
	err := m.run(ctx, a.Spec.ID, a.Op, func(ctx context.Context) error { return do(ctx, m.Driver, &a) })
	return m.powerOf(ctx, a.Spec.ID, err)
}

func (m *Manager) powerOf(ctx context.Context, id string, err error) (rpcapi.PowerReply, error) {
	if err != nil {
		return rpcapi.PowerReply{}, err
	}
	i, err := m.Driver.Info(ctx, id)
	return rpcapi.PowerReply{Power: i.Power}, err
}

// consoleLog reads what the guest printed; it does not wait for operations.
func (m *Manager) consoleLog(ctx context.Context, a rpcapi.ConsoleLogArgs) (rpcapi.ConsoleLogReply, error) {
	d, ok := m.Driver.(virt.Console)
	if !ok {
		return rpcapi.ConsoleLogReply{}, fault.New(fault.NotImplemented, "The hypervisor of this host keeps no console log.")
	}
	b, err := d.ConsoleLog(ctx, a.Server, a.Max)
	return rpcapi.ConsoleLogReply{Data: b}, err
}

// uptime asks the driver how long the host runs.
func (m *Manager) uptime(ctx context.Context, _ messaging.None) (rpcapi.UptimeReply, error) {
	d, ok := m.Driver.(virt.Uptimer)
	if !ok {
		return rpcapi.UptimeReply{}, fault.New(fault.NotImplemented, "Virt driver does not implement uptime function.")
	}
	text, err := d.Uptime(ctx)
	return rpcapi.UptimeReply{Text: text}, err
}
