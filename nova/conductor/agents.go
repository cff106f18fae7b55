package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/messaging"
	"hypernova/oslo/service"
)

// register sets the handlers of what agents and verbs send.
func (c *Conductor) register(s *messaging.Server) {
	rpcapi.Join.Handle(s, c.join)
	rpcapi.Beat.Handle(s, func(ctx context.Context, a rpcapi.MemberArgs) (messaging.None, error) {
		return messaging.None{}, c.beat(ctx, a.ID)
	})
	rpcapi.Leave.Handle(s, func(ctx context.Context, a rpcapi.MemberArgs) (messaging.None, error) {
		return messaging.None{}, c.Store.Group().Leave(ctx, a.ID)
	})
	rpcapi.ReportNode.Handle(s, c.reportNode)
	rpcapi.HostServers.Handle(s, c.hostServers)
	rpcapi.Judge.Handle(s, c.judge)
	rpcapi.ReportPower.Handle(s, c.reportPower)
	rpcapi.Wake.Handle(s, c.wake)
	rpcapi.Work.Handle(s, func(context.Context, messaging.None) error { c.Queue.Wake(); return nil })
	rpcapi.RefreshNetwork.Handle(s, c.refreshNetwork)
}

func (c *Conductor) join(ctx context.Context, a rpcapi.JoinArgs) (rpcapi.JoinReply, error) {
	id, err := c.Store.Group().Join(ctx, service.Member{Host: a.Host, Binary: a.Binary, Topic: a.Topic, Level: a.Level, Pulse: a.Pulse})
	if err == nil {
		err = c.rejoined(ctx, &nova.Service{Host: a.Host, Binary: a.Binary})
	}
	return rpcapi.JoinReply{ID: id}, err
}

func (c *Conductor) reportNode(ctx context.Context, a rpcapi.NodeArgs) (rpcapi.NodeReply, error) {
	id, err := c.Store.ReportNode(ctx, a.Node)
	if err != nil {
		return rpcapi.NodeReply{}, err
	}
	s, err := c.Store.ServiceOf(ctx, c.Store.DB, a.Node.Host, nova.BinaryCompute)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return rpcapi.NodeReply{}, err
	}
	return rpcapi.NodeReply{ID: id, Disabled: s.Disabled}, nil
}

func (c *Conductor) hostServers(ctx context.Context, a rpcapi.HostArgs) (rpcapi.HostServersReply, error) {
	vs, err := c.Store.SoundOnHost(ctx, c.Store.DB, a.Host)
	if err != nil {
		return rpcapi.HostServersReply{}, err
	}
	ports, err := c.Store.PortsOnHost(ctx, c.Store.DB, a.Host)
	if err != nil {
		return rpcapi.HostServersReply{}, err
	}
	var r rpcapi.HostServersReply
	for i := range vs {
		if _, ok := ports[vs[i].ID]; !ok {
			continue // came just now, or its ports cannot be read: a host must not make it without them
		}
		r.Servers = append(r.Servers, rpcapi.Wanted{Spec: vs[i].Spec(ports[vs[i].ID]), State: vs[i].State(), Power: vs[i].Power})
	}
	return r, nil
}

// judge condemns guests of servers that are deleted or live on another host. A guest whose server was never heard of may belong to somebody
// else, or this database is the wrong one: it is named, and left alone.
func (c *Conductor) judge(ctx context.Context, a rpcapi.JudgeArgs) (rpcapi.JudgeReply, error) {
	var r rpcapi.JudgeReply
	for _, id := range a.Servers {
		f, err := c.Store.Fate(ctx, c.Store.DB, id)
		switch {
		case fault.Is(err, fault.NotFound):
			r.Unknown = append(r.Unknown, id)
		case err != nil:
			return r, err
		case f.Deleted || f.Host != a.Host || f.State.Task == nova.Deleting: // a deletion only goes forward, and may have met a host that did not listen
			r.Destroy = append(r.Destroy, id)
		}
	}
	return r, nil
}

// reportPower brings what guests do and what servers should do together. A server that a job owns is left to the job.
func (c *Conductor) reportPower(ctx context.Context, a rpcapi.PowerReport) (messaging.None, error) {
	for _, p := range a.Servers {
		if err := c.power1(ctx, a.Host, p); err != nil {
			return messaging.None{}, err
		}
	}
	return messaging.None{}, nil
}

func (c *Conductor) power1(ctx context.Context, host string, p rpcapi.ServerPower) error {
	f, err := c.Store.Fate(ctx, c.Store.DB, p.Server)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if f.Deleted || f.Host != host || f.State.Task != nova.Idle {
		return nil
	}
	switch astray(f.State.VM, p.Power) {
	case wentDown:
		return c.Store.Tx(ctx, func(tx *db.Tx) error {
			_, _, err := c.Store.Move(ctx, tx, p.Server, nova.MoveFoundStopped, store.Change{Power: &p.Power})
			return err
		})
	case mustStop:
		return c.Store.Tx(ctx, func(tx *db.Tx) error {
			_, refusal, err := c.Store.Move(ctx, tx, p.Server, nova.MoveRestop, store.Change{Power: &p.Power})
			if err != nil || refusal != nil {
				return err
			}
			_, err = jobs.Power.Enqueue(ctx, tx, c.Queue, p.Server, jobs.PowerArgs{Server: p.Server, Op: nova.StopServer.Key})
			return err
		})
	case inPlace:
		if f.Power != p.Power {
			return c.Store.SetPower(ctx, c.Store.DB, p.Server, p.Power)
		}
	}
	return nil
}

// divergence is what a guest's power says of its server.
type divergence int

const (
	inPlace  divergence = iota // nothing, or nothing that the cloud may correct
	wentDown                   // the guest is off: so is the server
	mustStop                   // the guest is to be taken off its host
)

// astray compares a server that nobody works on with its guest, as nova does. A paused guest of an active server is let be: what paused it may
// yet let it go on. So are suspended servers and those in ERROR, whose guests are the business of who acts next; and a guest that is not found,
// whose host may be about to start it.
func astray(vm nova.VMState, power nova.PowerState) divergence {
	switch {
	case (vm == nova.Active || vm == nova.Paused) && power == nova.Shutdown:
		return wentDown
	case (vm == nova.Active || vm == nova.Paused) && power == nova.Crashed, vm == nova.Active && power == nova.PowerSuspended:
		return mustStop
	case vm == nova.Stopped && (power == nova.Running || power == nova.PowerPaused || power == nova.PowerSuspended):
		return mustStop
	}
	return inPlace
}

// wake passes hints on to the jobs that wait here. An interrupt is believed only if the row says so.
func (c *Conductor) wake(ctx context.Context, a rpcapi.WakeArgs) error {
	for _, id := range a.Servers {
		if !a.Interrupt {
			c.hub.wake(id, a.Failed)
			continue
		}
		if !c.hub.listening(id) {
			continue
		}
		f, err := c.Store.Fate(ctx, c.Store.DB, id)
		if err != nil {
			return err
		}
		if f.Deleted || f.State.Task == nova.Deleting || f.State.VM == nova.Error && f.State.BeingBuilt() {
			c.hub.interrupt(id)
		}
	}
	return nil
}

// refreshNetwork reads a server's ports again, unless a build is about to write them itself.
func (c *Conductor) refreshNetwork(ctx context.Context, a rpcapi.ServerArgs) error {
	f, err := c.Store.Fate(ctx, c.Store.DB, a.Server)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	if f.Deleted || f.State.VM == nova.Building || f.State.Task == nova.Deleting {
		return nil
	}
	had, err := c.Store.Ports(ctx, c.Store.DB, a.Server)
	if err != nil {
		return err
	}
	now, err := c.Networks.PortsOf(asNova(ctx), a.Server)
	if err != nil {
		return err
	}
	return c.Store.SetPorts(ctx, c.Store.DB, a.Server, merged(had, now))
}
