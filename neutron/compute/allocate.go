package compute

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/addresses"
	"hypernova/neutron/binding"
	"hypernova/neutron/change"
	"hypernova/neutron/ports"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Allocate makes or takes a server's ports and binds them to its host, in one transaction; see neutron.API.
func (a *API) Allocate(ctx context.Context, args neutron.AllocateArgs) ([]neutron.PortInfo, error) {
	var out []neutron.PortInfo
	err := a.change.DoIn(ctx, args.Project, func(tx *change.Tx) error {
		have, err := store.PortsOfDevice(ctx, tx, args.Server)
		if err != nil {
			return err
		}
		have = args.Free(have)
		all := make([]neutron.Port, len(args.Specs))
		var wanted []ports.Wanted
		var of []int // the spec of each wanted port
		for i, spec := range args.Specs {
			p, found, err := a.match(ctx, tx, args, spec, &have)
			if err != nil {
				return err
			}
			if !found {
				w, err := a.wanted(ctx, tx, args, spec)
				if err != nil {
					return err
				}
				wanted, of = append(wanted, w), append(of, i)
				continue
			}
			if all[i], err = a.adopt(ctx, tx, args, spec, p); err != nil {
				return err
			}
		}
		made, err := a.ports.Insert(ctx, tx, wanted, true)
		if err != nil {
			return err
		}
		for i, p := range made {
			all[of[i]] = p
		}
		out, err = infos(ctx, tx, all)
		return err
	})
	return out, err
}

// match finds the existing port for a spec: the one that it names, or one that an earlier call made for an equal
// spec. A port that matches is removed from have, so that two specs never share one.
func (a *API) match(ctx context.Context, tx *change.Tx, args neutron.AllocateArgs, spec neutron.PortSpec,
	have *[]neutron.Port) (neutron.Port, bool, error) {
	if spec.Port != "" {
		p, err := store.Port(ctx, tx, spec.Port)
		if err != nil {
			return p, false, err
		}
		if !a.ports.Sees(ctx, p) {
			return p, false, neutron.Missing("Port", spec.Port)
		}
		if err := args.Usable(p); err != nil {
			return p, false, err
		}
		*have = slices.DeleteFunc(*have, func(x neutron.Port) bool { return x.ID == p.ID })
		return p, true, nil
	}
	p, found := spec.Take(have)
	return p, found, nil
}

// wanted is the port that a spec asks for, if the caller in ctx may have it.
func (a *API) wanted(ctx context.Context, q db.Querier, args neutron.AllocateArgs,
	spec neutron.PortSpec) (ports.Wanted, error) {
	n, err := a.seenNetwork(ctx, q, spec.Network)
	if err != nil {
		return ports.Wanted{}, err
	}
	if auth.From(ctx).Own() && n.Project != args.Project && !n.Shared {
		// No user's rights apply, so only networks that every member of the project may use are allowed.
		return ports.Wanted{}, neutron.Missing("Network", spec.Network)
	}
	w := ports.Wanted{Meta: neutron.Meta{Project: args.Project}, Network: spec.Network, DeviceID: args.Server,
		DeviceOwner: args.Owner(), Host: args.Host, Tag: spec.Tag, DNSName: args.DNSName, Made: true}
	if spec.FixedIP.IsValid() {
		w.FixedIPs = opt.Some([]addresses.Wanted{{IP: spec.FixedIP}})
	}
	if len(args.SecurityGroups) > 0 && n.PortSecurity {
		w.SecurityGroups = opt.Some(args.SecurityGroups)
	}
	if c := auth.From(ctx); !c.Own() {
		return w, a.rights.CreatePort(c, n, w)
	}
	return w, nil
}

// CheckAllocate returns the error that Allocate would return for new ports. It writes nothing.
func (a *API) CheckAllocate(ctx context.Context, args neutron.AllocateArgs) error {
	return a.change.DB.View(ctx, func(tx *db.Tx) error {
		for _, spec := range args.Specs {
			if spec.Port != "" {
				continue
			}
			w, err := a.wanted(ctx, tx, args, spec)
			if err != nil {
				return err
			}
			if err := a.ports.PossibleIn(ctx, tx, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// adopt gives an existing port to the server and binds it to the host, unless that is done.
func (a *API) adopt(ctx context.Context, tx *change.Tx, args neutron.AllocateArgs, spec neutron.PortSpec,
	was neutron.Port) (neutron.Port, error) {
	is, changed := args.Adopt(was, spec)
	if !changed {
		return was, nil
	}
	why, err := a.ports.Rebind(ctx, tx, &is, args.Host)
	if err != nil {
		return is, err
	}
	if why != "" {
		return is, neutron.BindingFailed(is, why)
	}
	return a.ports.Save(ctx, tx, was, is)
}

// Deallocate deletes the ports that Allocate made for a server and releases the others. It is idempotent.
func (a *API) Deallocate(ctx context.Context, server string) error {
	return a.change.Do(ctx, func(tx *change.Tx) error {
		all, err := store.PortsOfDevice(ctx, tx, server)
		if err != nil {
			return err
		}
		for _, p := range all {
			if err := a.giveUp(ctx, tx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeallocatePort deletes one port that Allocate made for a server, or releases it. It is idempotent.
func (a *API) DeallocatePort(ctx context.Context, server, port string) error {
	return a.change.Do(ctx, func(tx *change.Tx) error {
		p, err := store.Port(ctx, tx, port)
		if fault.Is(err, fault.NotFound) || err == nil && p.DeviceID != server {
			return nil
		}
		if err != nil {
			return err
		}
		return a.giveUp(ctx, tx, p)
	})
}

// giveUp deletes a server's port if Allocate made it, and otherwise releases it.
func (a *API) giveUp(ctx context.Context, tx *change.Tx, p neutron.Port) error {
	if p.Made {
		return a.ports.Remove(ctx, tx, p)
	}
	return a.release(ctx, tx, p)
}

// release takes a port from its server.
func (a *API) release(ctx context.Context, tx *change.Tx, was neutron.Port) error {
	is := was
	is.DeviceID, is.DeviceOwner, is.Tag, is.DNSName = "", "", "", ""
	binding.Unbind(&is)
	_, err := a.ports.Save(ctx, tx, was, is)
	return err
}

// Unbind takes a server's ports off their host; see neutron.API.
func (a *API) Unbind(ctx context.Context, server string) error {
	return a.change.Do(ctx, func(tx *change.Tx) error {
		all, err := store.PortsOfDevice(ctx, tx, server)
		if err != nil {
			return err
		}
		for _, was := range all {
			if was.Host == "" {
				continue
			}
			is := was
			binding.Unbind(&is)
			if _, err := a.ports.Save(ctx, tx, was, is); err != nil {
				return err
			}
		}
		return nil
	})
}
