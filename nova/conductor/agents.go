package conductor

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/network"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/messaging"
	"hypernova/oslo/service"
)

// agentCalls handles the messages of agents and the API services, and asks about hosts that do not report.
type agentCalls struct {
	*Conductor
	heard  heartbeats
	healed string // the last server whose network was read again; only healNetworks uses it
}

// register sets the handlers of the conductor's messages.
func (c *agentCalls) register(s *messaging.Server) {
	rpcapi.Join.Handle(s, c.join)
	rpcapi.Beat.Handle(s, func(ctx context.Context, a rpcapi.MemberArgs) (messaging.None, error) {
		return messaging.None{}, c.beat(ctx, a.ID)
	})
	rpcapi.Leave.Handle(s, func(ctx context.Context, a rpcapi.MemberArgs) (messaging.None, error) {
		return messaging.None{}, c.Group.Leave(ctx, a.ID)
	})
	rpcapi.ReportNode.Handle(s, c.reportNode)
	rpcapi.HostServers.Handle(s, c.hostServers)
	rpcapi.Judge.Handle(s, c.unwantedGuests)
	rpcapi.ReportPower.Handle(s, powerStates{c.Conductor}.reportPower)
	rpcapi.CheckConsole.Handle(s, c.checkConsole)
	rpcapi.Wake.Handle(s, c.wake)
	rpcapi.Work.Handle(s, func(context.Context, messaging.None) error { c.Queue.Wake(); return nil })
	rpcapi.RefreshNetwork.Handle(s, c.refreshNetwork)
}

func (c *agentCalls) join(ctx context.Context, a rpcapi.JoinArgs) (rpcapi.JoinReply, error) {
	id, err := c.Group.Join(ctx, service.Member{Host: a.Host, Binary: a.Binary, Topic: a.Topic, Level: a.Level,
		Pulse: a.Pulse})
	if err == nil {
		err = c.rejoined(ctx, &nova.Service{Host: a.Host, Binary: a.Binary})
	}
	return rpcapi.JoinReply{ID: id}, err
}

func (c *agentCalls) reportNode(ctx context.Context, a rpcapi.NodeArgs) (rpcapi.NodeReply, error) {
	var reply rpcapi.NodeReply
	err := c.DB.Tx(ctx, func(tx *db.Tx) error {
		id, err := store.ReportNode(ctx, tx, a.Node, c.Now())
		if err != nil {
			return err
		}
		reply = rpcapi.NodeReply{ID: id}
		s, err := store.ServiceOf(ctx, tx, a.Node.Host, nova.BinaryCompute)
		if err != nil {
			return absentIsFine(err)
		}
		if s.Trouble(a.Trouble) {
			if err := store.SaveService(ctx, tx, &s, c.Now()); err != nil {
				return err
			}
			tx.AfterCommit(func() {
				log.From(ctx).WarnContext(ctx, "a host says whether it takes new servers", log.Host, s.Host, "disabled", s.Disabled,
					"because", s.DisabledReason)
			})
		}
		reply.Disabled = s.Disabled
		return nil
	})
	return reply, err
}

func (c *agentCalls) hostServers(ctx context.Context, a rpcapi.HostArgs) (rpcapi.HostServersReply, error) {
	vs, err := store.ReadableServersOnHost(ctx, c.DB, a.Host)
	if err != nil {
		return rpcapi.HostServersReply{}, err
	}
	ports, err := store.PortsOnHost(ctx, c.DB, a.Host)
	if err != nil {
		return rpcapi.HostServersReply{}, err
	}
	var r rpcapi.HostServersReply
	for i := range vs {
		if _, ok := ports[vs[i].ID]; !ok {
			continue // came just now, or its ports cannot be read: a host must not make it without them
		}
		r.Servers = append(r.Servers, rpcapi.Wanted{Spec: vs[i].Spec(ports[vs[i].ID]), State: vs[i].State(),
			Power: vs[i].Power})
	}
	return r, nil
}

// unwantedGuests returns which guests of a host must be destroyed: their servers are deleted or on another host. A
// guest without a server may belong to another cloud, or this is the wrong database: it is returned apart and left
// alone.
func (c *agentCalls) unwantedGuests(ctx context.Context, a rpcapi.JudgeArgs) (rpcapi.JudgeReply, error) {
	var r rpcapi.JudgeReply
	for _, id := range a.Servers {
		f, err := store.PlacementOf(ctx, c.DB, id)
		switch {
		case fault.Is(err, fault.NotFound):
			r.Unknown = append(r.Unknown, id)
		case err != nil:
			return r, err
		case f.Deleted || f.Host != a.Host ||
			f.State.Task == nova.Deleting: // a deletion only goes forward, and may have met a host that did not listen
			r.Destroy = append(r.Destroy, id)
		}
	}
	return r, nil
}

// wake passes hints on to the jobs that wait in this process. An interrupt must be confirmed by the server's row.
func (c *agentCalls) wake(ctx context.Context, a rpcapi.WakeArgs) error {
	for _, id := range a.Servers {
		if !a.Interrupt {
			c.hub.wake(id, a.Failed)
			continue
		}
		if !c.hub.listening(id) {
			continue
		}
		f, err := store.PlacementOf(ctx, c.DB, id)
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
func (c *agentCalls) refreshNetwork(ctx context.Context, a rpcapi.ServerArgs) error {
	f, err := store.PlacementOf(ctx, c.DB, a.Server)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	if f.Deleted || f.State.VM == nova.Building || f.State.BeingBuilt() || f.State.Task == nova.Deleting {
		return nil
	}
	now, err := c.Networks.PortsOf(asNova(ctx), a.Server)
	if err != nil {
		return err
	}
	return c.DB.Tx(ctx, func(tx *db.Tx) error {
		had, err := store.Ports(ctx, tx, a.Server)
		if err != nil {
			return absentIsFine(err)
		}
		is := network.Merge(had, network.NICs(now))
		if err := (interfaces{c.Conductor}).unplugLost(ctx, tx, a.Server, had, is); err != nil {
			return err
		}
		return store.SetPorts(ctx, tx, a.Server, is, c.Now())
	})
}
