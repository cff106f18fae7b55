package conductor

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/network"
	"hypernova/nova/rpcapi"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/steps"
	"hypernova/oslo/tasks"
)

// interfaces attaches NICs to servers and detaches them.
type interfaces struct{ *Conductor }

// attaching is the record of the attachment of a NIC.
type attaching struct {
	Looked bool
	Had    []string // ids of the ports that the server had before
	NIC    nova.NIC
}

// attachOf gives a server one more NIC: its port is made or taken and bound to the host by the rights of who asked, and
// becomes active; then the host plugs it in. A failure is undone: a port that was made is deleted, and one that the
// user had made is released.
func (c interfaces) attachOf(w *work, asker *auth.Caller, a *jobs.AttachArgs) operation[attaching] {
	return operation[attaching]{
		action: nova.AttachInterface,
		steps: []steps.Step[attaching]{
			{Name: "look", Do: func(ctx context.Context, r *attaching) error {
				ports, err := c.Networks.PortsOf(ctx, a.Server)
				r.Looked, r.Had = err == nil, nil
				for _, p := range ports {
					r.Had = append(r.Had, p.ID)
				}
				return err
			}},
			{Name: "network", Do: func(ctx context.Context, r *attaching) error {
				if slices.Contains(r.Had, a.NIC.Port) {
					return fault.Invalidf("Port %s is still in use.", a.NIC.Port).Coded("PortInUse")
				}
				v, err := store.AnyServer(ctx, c.DB, a.Server)
				if err != nil {
					return err
				}
				ports, err := c.Networks.Allocate(auth.With(ctx, asker), neutron.AllocateArgs{Server: v.ID, Project: v.Project,
					Host: v.Host, AZ: v.AZ, Specs: network.Specs([]nova.NICRequest{a.NIC}), DNSName: v.Hostname, Except: r.Had})
				if err == nil {
					r.NIC = network.NIC(ports[0])
				}
				return err
			}, Undo: func(ctx context.Context, r *attaching) error { return c.undoPort(ctx, r, a) }},
			{Name: "plug", Do: func(ctx context.Context, r *attaching) error {
				ports, err := w.plugged(ctx, []nova.NIC{r.NIC})
				if err != nil {
					return err
				}
				r.NIC = ports[0]
				return c.onInterface(ctx, a.Server, &r.NIC, false)
			}, Undo: func(ctx context.Context, r *attaching) error {
				return nothingToUndo(c.onInterface(ctx, a.Server, &r.NIC, true))
			}},
		},
		finish: func(ctx context.Context, tx *db.Tx, r *attaching) error {
			if err := store.FillTicket(ctx, tx, a.Ticket, r.NIC.ID, nil, c.Now()); err != nil {
				return err
			}
			return c.changePorts(ctx, tx, a.Server, func(ports []nova.NIC) []nova.NIC {
				return append(without(ports, r.NIC.ID), r.NIC)
			})
		},
		failing: func(ctx context.Context, tx *db.Tx, why error) error {
			return store.FillTicket(ctx, tx, a.Ticket, "", why, c.Now())
		},
	}
}

// undoPort takes back the port of an attachment. An interrupted step may have made one that is not in the record.
func (c interfaces) undoPort(ctx context.Context, r *attaching, a *jobs.AttachArgs) error {
	if !r.Looked {
		return nil
	}
	ports, err := c.Networks.PortsOf(ctx, a.Server)
	if err != nil {
		return err
	}
	for _, p := range ports {
		if slices.Contains(r.Had, p.ID) || p.ID != a.NIC.Port && !p.Created {
			continue
		}
		if err := c.Networks.DeallocatePort(ctx, a.Server, p.ID); err != nil {
			return err
		}
	}
	return c.DB.Tx(ctx, func(tx *db.Tx) error { // a look at the ports may have put it into the cache
		return c.changePorts(ctx, tx, a.Server, func(ports []nova.NIC) []nova.NIC {
			return slices.DeleteFunc(ports, func(n nova.NIC) bool { return !slices.Contains(r.Had, n.ID) })
		})
	})
}

// detachOf takes a NIC from a server: the host unplugs it, and then its port is deleted if compute made it, and
// released otherwise. Nothing is undone: a NIC that the guest does not give back stays, and the action tells why.
func (c interfaces) detachOf(a *jobs.DetachArgs) operation[struct{}] {
	return operation[struct{}]{
		action: nova.DetachInterface,
		steps: []steps.Step[struct{}]{
			{Name: "unplug", Do: func(ctx context.Context, _ *struct{}) error {
				if a.NIC.MAC == "" {
					return fault.NotFoundf("Port %s is not attached", a.NIC.ID)
				}
				return absentIsFine(c.onInterface(ctx, a.Server, &a.NIC, true))
			}},
			{Name: "network", Do: func(ctx context.Context, _ *struct{}) error {
				if a.Gone {
					return nil
				}
				return c.Networks.DeallocatePort(ctx, a.Server, a.NIC.ID)
			}},
		},
		finish: func(ctx context.Context, tx *db.Tx, _ *struct{}) error {
			if a.Gone {
				return nil
			}
			return c.changePorts(ctx, tx, a.Server, func(ports []nova.NIC) []nova.NIC {
				return without(ports, a.NIC.ID)
			})
		},
	}
}

// unplugLost has the host of a server unplug the NICs whose ports are gone: somebody deleted or unbound them.
func (c interfaces) unplugLost(ctx context.Context, tx *db.Tx, server string, had, is []nova.NIC) error {
	for _, n := range had {
		if len(without(is, n.ID)) < len(is) {
			continue
		}
		if _, err := jobs.Detach.Enqueue(ctx, tx, c.Queue, server, jobs.DetachArgs{Server: server, NIC: n,
			Gone: true}); err != nil {
			return err
		}
	}
	return nil
}

// onInterface has the server's host plug in a NIC, or unplug it.
func (c interfaces) onInterface(ctx context.Context, server string, n *nova.NIC, detach bool) error {
	v, spec, err := c.specOf(ctx, server)
	if err != nil {
		return err
	}
	spec.Ports = without(spec.Ports, n.ID)
	if !detach {
		spec.Ports = append(spec.Ports, *n)
	}
	_, err = rpcapi.Interface.Do(ctx, c.Bus, v.Host, rpcapi.InterfaceArgs{Spec: spec, NIC: *n, Detach: detach})
	return answered(err)
}

// changePorts changes the network cache of a server; a server that is not there is no error.
func (c interfaces) changePorts(ctx context.Context, tx *db.Tx, server string, f func([]nova.NIC) []nova.NIC) error {
	ports, err := store.Ports(ctx, tx, server)
	if err != nil {
		return absentIsFine(err)
	}
	return store.SetPorts(ctx, tx, server, f(ports), c.Now())
}

// without returns the NICs but one.
func without(ports []nova.NIC, id string) []nova.NIC {
	return slices.DeleteFunc(slices.Clone(ports), func(n nova.NIC) bool { return n.ID == id })
}

func (c interfaces) attach(ctx context.Context, t *tasks.Task, a jobs.AttachArgs) error {
	w := new(work)
	o := c.attachOf(w, askerOf(ctx, a.User, a.Project), &a)
	return o.performAs(ctx, c.Conductor, t, a.Server, w)
}

func (c interfaces) attachDied(ctx context.Context, t *tasks.Task, a jobs.AttachArgs, why error) error {
	return c.attachOf(new(work), askerOf(ctx, a.User, a.Project), &a).giveUp(ctx, c.Conductor, t, a.Server, why)
}

func (c interfaces) detach(ctx context.Context, t *tasks.Task, a jobs.DetachArgs) error {
	return c.detachOf(&a).perform(ctx, c.Conductor, t, a.Server)
}

func (c interfaces) detachDied(ctx context.Context, t *tasks.Task, a jobs.DetachArgs, why error) error {
	return c.detachOf(&a).giveUp(ctx, c.Conductor, t, a.Server, why)
}
