package app

import (
	"context"
	"errors"
	"slices"

	"hypernova/app/audit"
	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/plugin"
	neutronports "hypernova/neutron/ports"
	neutronstore "hypernova/neutron/store"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/servers"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
	"hypernova/oslo/tasks"
	"hypernova/placement"
	"hypernova/placement/resources"
)

// Repair does what the findings say that a repair does, and tells of each how that went. It looks again before each:
// what is no longer so, or what a job has taken meanwhile, is left alone, which is told as fault.Conflict. Services
// may run.
func Repair(ctx context.Context, c Config, found []audit.Finding, tell func(audit.Finding, error)) (err error) {
	// Who works on tasks looks at the database by itself before long, and so do agents.
	c.Default.TransportURL, c.Default.EmbedBus = "inproc:", false
	p := c.onlooker(ctx)
	defer func() { err = errors.Join(err, p.Close(ctx)) }()
	if err := p.openBus(ctx); err != nil {
		return err
	}
	n, err := p.nova.base(ctx)
	if err != nil {
		return err
	}
	n.servers = servers.New(servers.Deps{DB: n.db, Now: n.now, Queue: n.queue, Bus: p.bus})
	r := repairer{p: p, n: n}
	ctx = auth.With(ctx, auth.Service("nova"))
	for _, f := range found {
		if f.Repair == "" {
			continue
		}
		do := r.of(f.Rule)
		if do == nil {
			return errors.New("nobody repairs " + f.Rule)
		}
		tell(f, do(ctx, f.Of))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

type repairer struct {
	p *Process
	n *novaBase
}

// of is how a rule's findings are repaired, nil for those that are not.
func (r *repairer) of(rule string) func(context.Context, audit.Of) error {
	switch rule {
	case "server-stuck":
		return r.server
	case "allocation-orphaned":
		return r.release
	case "allocation-missing", "allocation-misplaced":
		return r.allocate
	case "port-orphaned":
		return r.free
	case "port-misplaced":
		return r.bind
	case "node-orphaned":
		return r.node
	case "guest-missing":
		return r.guest
	case "tap-orphaned":
		return r.tap
	}
	return nil
}

// RepairsLater reports whether a rule's repair is a task that the cloud's services do after Repair has returned.
func RepairsLater(rule string) bool { return rule == "guest-missing" || rule == "server-stuck" }

// changed is for what is not as it was found.
func changed(what string) error {
	return fault.Conflictf("%s meanwhile: left alone", what)
}

// idle is fault.Conflict while work names the server.
func (r *repairer) idle(ctx context.Context, server string) error {
	for _, key := range []string{server, "forget:" + server} {
		owners, err := r.n.queue.List(ctx, tasks.ListArgs{Key: key})
		if err != nil {
			return err
		}
		if slices.ContainsFunc(owners, func(t tasks.Info) bool { return t.State != "dead" }) {
			return changed("a task works on server " + server)
		}
	}
	return nil
}

// server gives a server that is on its way the job that it lacks.
func (r *repairer) server(ctx context.Context, of audit.Of) error {
	if err := r.idle(ctx, of.Server); err != nil {
		return err
	}
	return r.n.db.Tx(ctx, func(tx *db.Tx) error {
		f, err := store.PlacementOf(ctx, tx, of.Server)
		if err != nil {
			return err
		}
		action, known := audit.ActionOf(f.State.Task)
		switch {
		case f.Deleted || f.State.Task == nova.Idle && f.State.VM != nova.Building:
			return changed("server " + of.Server + " came to rest")
		case f.State.Task == nova.Deleting:
			_, err = jobs.Delete.Enqueue(ctx, tx, r.n.queue, of.Server, jobs.DeleteArgs{Server: of.Server})
		case f.State.VM == nova.Building || f.State.BeingBuilt():
			move := nova.MoveUnbuilt
			switch {
			case f.State.Task == nova.Idle:
				move = nova.MoveResetError
			case f.State.VM == nova.ShelvedOffloaded:
				move = nova.MoveUnshelveEnd
			}
			_, refusal, merr := store.Move(ctx, tx, of.Server, move, store.Change{Fault: &nova.Fault{Code: 500,
				Created: r.n.now(), Message: "The build was lost, and an operator's repair gave it up."}}, r.n.now())
			if err = merr; err == nil && refusal != nil {
				err = refusal.Fault("repair", of.Server)
			}
		case known:
			_, err = jobs.Power.Enqueue(ctx, tx, r.n.queue, of.Server, jobs.PowerArgs{Server: of.Server, Op: action.Key})
		default:
			err = changed("server " + of.Server + " began something else")
		}
		return err
	})
}

// gone is fault.Conflict for a server that exists on a host.
func (r *repairer) gone(ctx context.Context, server string) error {
	if err := r.idle(ctx, server); err != nil {
		return err
	}
	f, err := store.PlacementOf(ctx, r.n.db, server)
	if fault.Is(err, fault.NotFound) || err == nil && (f.Deleted || f.Host == "") {
		return nil
	}
	if err == nil {
		err = changed("server " + server + " is on a host")
	}
	return err
}

func (r *repairer) release(ctx context.Context, of audit.Of) error {
	if err := r.gone(ctx, of.Server); err != nil {
		return err
	}
	pl, err := r.p.placement.operations(ctx)
	if err != nil {
		return err
	}
	return pl.Release(ctx, of.Server)
}

// allocate writes what a server's flavor asks for, on the node that it is on.
func (r *repairer) allocate(ctx context.Context, of audit.Of) error {
	if err := r.idle(ctx, of.Server); err != nil {
		return err
	}
	v, err := store.Server(ctx, r.n.db, of.Server)
	if err != nil {
		return err
	}
	at, err := store.Node(ctx, r.n.db, of.Node)
	if err != nil {
		return err
	}
	if v.Host != at.Host {
		return changed("server " + v.ID + " moved")
	}
	ask, err := v.Flavor.Ask()
	if err != nil {
		return err
	}
	pl, err := r.p.placement.operations(ctx)
	if err != nil {
		return err
	}
	have, err := pl.Allocations(ctx, v.ID)
	if err != nil {
		return err
	}
	return pl.Claims.Set(ctx, []resources.Change{{Allocation: placement.Allocation{Consumer: v.ID, Project: v.Project,
		User: v.User, Type: "INSTANCE",
		Generation: have.Generation, Providers: map[string]placement.Resources{at.ID: ask.Resources}}}})
}

// port reads a port again.
func (r *repairer) port(ctx context.Context, id string) (*plugin.Plugin, neutron.Port, error) {
	nets, err := r.p.neutron.operations(ctx)
	if err != nil {
		return nil, neutron.Port{}, err
	}
	d, err := r.p.databases.open(ctx, "neutron")
	if err != nil {
		return nil, neutron.Port{}, err
	}
	p, err := neutronstore.Port(ctx, d, id)
	return nets, p, err
}

// free deletes a port that compute made for a server that is gone, or gives it back to its owner.
func (r *repairer) free(ctx context.Context, of audit.Of) error {
	nets, p, err := r.port(ctx, of.Port)
	if err != nil {
		return err
	}
	if p.DeviceID != of.Server || p.Host != of.Host {
		return changed("port " + p.ID + " was changed")
	}
	held, _, err := store.PortIDs(ctx, r.n.db)
	if err != nil {
		return err
	}
	for server, ports := range held {
		if slices.Contains(ports, p.ID) {
			return changed("server " + server + " has port " + p.ID)
		}
	}
	if p.DeviceID != "" {
		if err := r.gone(ctx, p.DeviceID); err != nil {
			return err
		}
	}
	if p.Made {
		return nets.Ports.Delete(ctx, p.ID, opt.Some(p.Revision))
	}
	_, err = nets.Ports.Update(ctx, p.ID, neutronports.Patch{DeviceID: opt.Some(""), DeviceOwner: opt.Some(""),
		Host: opt.Some(""), IfRevision: opt.Some(p.Revision)})
	return err
}

// bind moves a port to where its server is.
func (r *repairer) bind(ctx context.Context, of audit.Of) error {
	if err := r.idle(ctx, of.Server); err != nil {
		return err
	}
	f, err := store.PlacementOf(ctx, r.n.db, of.Server)
	if err != nil {
		return err
	}
	if f.Deleted || f.Host != of.Host {
		return changed("server " + of.Server + " moved")
	}
	nets, p, err := r.port(ctx, of.Port)
	if err != nil {
		return err
	}
	p, err = nets.Ports.Update(ctx, p.ID, neutronports.Patch{Host: opt.Some(of.Host), IfRevision: opt.Some(p.Revision)})
	if err == nil && p.VIFType == neutron.VIFFailed {
		err = fault.Unavailablef("no mechanism carries port %s on host %s; see the log of neutron-server", p.ID, of.Host)
	}
	return err
}

// node deletes the record of a host that has no service and no servers.
func (r *repairer) node(ctx context.Context, of audit.Of) error {
	err := r.n.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := store.ServiceOf(ctx, tx, of.Host, nova.BinaryCompute)
		if err == nil {
			return changed("host " + of.Host + " has come back")
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		vs, err := store.ServersOnHost(ctx, tx, of.Host)
		if err != nil {
			return err
		}
		if len(vs) > 0 {
			return changed("host " + of.Host + " got servers")
		}
		return store.DeleteNodes(ctx, tx, of.Host)
	})
	if err != nil {
		return err
	}
	pl, err := r.p.placement.operations(ctx)
	if err != nil {
		return err
	}
	return pl.DeleteProvider(ctx, of.Node)
}

// guest makes a guest anew that is not there.
func (r *repairer) guest(ctx context.Context, of audit.Of) error {
	if err := r.idle(ctx, of.Server); err != nil {
		return err
	}
	v, err := store.Server(ctx, r.n.db, of.Server)
	if err != nil {
		return err
	}
	if v.Host != of.Host || v.VM != nova.Active {
		return changed("server " + v.ID + " changed")
	}
	return r.n.servers.Act(ctx, v.ID, nova.HardRebootServer)
}

// tap deletes a device that is no port's.
func (r *repairer) tap(ctx context.Context, of audit.Of) (err error) {
	nets, err := r.p.neutron.operations(ctx)
	if err != nil {
		return err
	}
	ports, err := nets.Ports.List(ctx, db.ListArgs{}, "")
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ports, func(p neutron.Port) bool {
		return neutron.Device(p.ID) == of.Device && (p.Host == of.Host || p.Host == "")
	}) {
		return changed("device " + of.Device + " became a port's")
	}
	kernel, err := netdev.Open(netdev.Options{Owner: r.p.c.owner(), TapOwner: -1, TapGroup: -1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Close()) }()
	return kernel.Do(netdev.Op{Verb: netdev.RemoveLink, Link: netdev.Link{Name: of.Device}})
}
