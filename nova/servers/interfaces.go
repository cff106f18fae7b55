package servers

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/jobs"
	"hypernova/nova/network"
	"hypernova/nova/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/backoff"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
)

// Interfaces implements the operations on the NICs of servers, their addresses and their security groups.
type Interfaces struct{ *Servers }

// attachWait bounds the time that a request waits for its attachment; the job goes on after that.
const attachWait = 10 * time.Minute

// AttachArgs are the arguments of Attach: a port, or a network, or neither for the only network that the project has.
type AttachArgs struct {
	nova.NICRequest

	External bool // the caller may attach servers to external networks
}

// Attach gives a server one more NIC, waits until its host has it, and returns the id of its port. Faults: Conflict for
// a state or lock that forbids it, and for a port or an address that is in use; NotFound for a port or network that is
// not there; Invalid for those that cannot be used; Internal where the host fails.
func (s Interfaces) Attach(ctx context.Context, id string, a AttachArgs) (string, error) {
	job, err := s.BeginAttach(ctx, id, a)
	if err != nil {
		return "", err
	}
	port, err := s.ticket(ctx, job.Ticket)
	return port, attachFault(id, job.NIC, err)
}

// BeginAttach is Attach without the wait. It returns what the job was given.
func (s Interfaces) BeginAttach(ctx context.Context, id string, a AttachArgs) (jobs.AttachArgs, error) {
	v, err := s.Server(ctx, id)
	if err != nil {
		return jobs.AttachArgs{}, err
	}
	action := nova.AttachInterface
	if err := open(ctx, &v, &action); err != nil {
		return jobs.AttachArgs{}, err
	}
	nic, err := s.attachable(ctx, &v, a)
	if err != nil {
		return jobs.AttachArgs{}, err
	}
	job := jobs.AttachArgs{Server: id, Ticket: ids.UUID(), NIC: nic}
	if c := auth.From(ctx); c != nil {
		job.User, job.Project = c.UserID, c.ProjectID
	}
	err = s.DB.Tx(ctx, func(tx *db.Tx) error {
		if v, err = store.Server(ctx, tx, id); err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, action); err != nil {
			return err
		}
		_, err := jobs.Attach.Enqueue(ctx, tx, s.Queue, id, job)
		return err
	})
	return job, err
}

// ticket waits for the result of a job.
func (s *Servers) ticket(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, attachWait)
	defer cancel()
	pauses := backoff.Policy{First: 10 * time.Millisecond, Most: 250 * time.Millisecond}
	for n := 0; ; n++ {
		var result string
		var filled bool
		var failed error
		err := s.DB.Tx(ctx, func(tx *db.Tx) (err error) {
			result, filled, failed, err = store.TakeTicket(ctx, tx, id)
			return err
		})
		if err != nil || filled {
			return result, errors.Join(failed, err)
		}
		if err := pauses.Wait(ctx, n); err != nil {
			return "", err
		}
	}
}

// attachable checks the wish as the caller, and returns it with the network to use.
func (s Interfaces) attachable(ctx context.Context, v *nova.Server, a AttachArgs) (nova.NICRequest, error) {
	if a.Port != "" {
		return a.NICRequest, s.attachablePort(ctx, v, a.Port)
	}
	var n neutron.NetworkInfo
	if a.Network == "" {
		nets, err := s.Networks.Available(ctx, v.Project)
		switch {
		case err != nil:
			return a.NICRequest, err
		case len(nets) == 0:
			return a.NICRequest, fault.Invalidf(
				"No specific network was requested and none are available for project '%s'.", v.Project)
		case len(nets) > 1:
			return a.NICRequest, fault.Invalidf(
				"Multiple possible networks found, use a Network ID to be more specific.")
		}
		n, a.Network = nets[0], nets[0].ID
	} else {
		var err error
		n, err = s.Networks.Network(ctx, a.Network)
		if fault.Is(err, fault.NotFound) {
			return a.NICRequest, fault.NotFoundf("Network %s could not be found.", a.Network)
		}
		if err != nil {
			return a.NICRequest, err
		}
	}
	if err := attachable(n, &CreateArgs{External: a.External}); err != nil {
		return a.NICRequest, err
	}
	err := s.Networks.CheckAllocate(ctx, neutron.AllocateArgs{Server: v.ID, Project: v.Project,
		Specs: network.Specs([]nova.NICRequest{a.NICRequest})})
	return a.NICRequest, attachFault(v.ID, a.NICRequest, err)
}

func (s Interfaces) attachablePort(ctx context.Context, v *nova.Server, id string) error {
	p, err := s.Networks.Port(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.NotFoundf("Port id %s could not be found.", id)
	case err != nil:
		return err
	case p.Project != v.Project:
		return fault.Invalidf("Port %s not usable for instance %s.", id, v.ID)
	case p.DeviceID != "":
		return fault.Conflictf("Port %s is still in use.", id)
	}
	return nil
}

// attachFault gives an error of networking or of the host the kind and the text that compute's clients know.
func attachFault(server string, n nova.NICRequest, err error) error {
	f := fault.Of(err)
	if f == nil {
		return err
	}
	switch f.Code {
	case neutron.FixedIPTaken:
		return fault.Conflictf("Fixed IP address %s is already in use on instance %s.", n.FixedIP, server).Because(err)
	case neutron.NoFreeAddress:
		return fault.Invalidf("No fixed IP addresses available for network: %s", n.Network).Because(err)
	case "PortInUse":
		return fault.Conflictf("Port %s is still in use.", n.Port).Because(err)
	}
	switch f.Kind {
	case fault.OverQuota:
		return fault.OverQuotaf("Maximum number of ports exceeded").Because(err)
	case fault.NotFound, fault.Forbidden, fault.Invalid, fault.Unavailable:
		return err
	case fault.NotImplemented:
		return fault.Invalidf("Attaching interfaces is not supported for instance %s.", server).Because(err)
	case fault.Internal, fault.Unauthorized, fault.Conflict, fault.TooLarge, fault.Gone, fault.NoValidHost:
	}
	return fault.New(fault.Internal, "Failed to attach network adapter device to %s", server).Because(err)
}

// Detach begins to take a NIC from a server. Whether the server has it is found out later: the action tells. Faults:
// Conflict for a state or lock that forbids it.
func (s Interfaces) Detach(ctx context.Context, id, port string) error {
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		v, err := store.Server(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := s.take(ctx, tx, &v, nova.DetachInterface); err != nil {
			return err
		}
		ports, err := store.Ports(ctx, tx, id)
		if err != nil {
			return err
		}
		job := jobs.DetachArgs{Server: id, NIC: nova.NIC{ID: port}}
		if i := slices.IndexFunc(ports, func(n nova.NIC) bool { return n.ID == port }); i >= 0 {
			job.NIC = ports[i]
		}
		_, err = jobs.Detach.Enqueue(ctx, tx, s.Queue, id, job)
		return err
	})
}

// AddGroup gives a security group of the caller's project, by its name or id, to all ports of a server. Faults:
// NotFound, Conflict for an ambiguous name, Invalid for a port that can have no groups.
func (s Interfaces) AddGroup(ctx context.Context, v *nova.Server, group string) error {
	return s.regroup(ctx, v, group, func(id string) error { return s.Networks.AddGroup(ctx, v.ID, id) })
}

// RemoveGroup takes a security group from all ports of a server; for the faults see AddGroup.
func (s Interfaces) RemoveGroup(ctx context.Context, v *nova.Server, group string) error {
	return s.regroup(ctx, v, group, func(id string) error { return s.Networks.RemoveGroup(ctx, v.ID, id) })
}

func (s Interfaces) regroup(ctx context.Context, v *nova.Server, group string,
	change func(id string) error) error {
	project := auth.From(ctx).ProjectID
	id, err := s.Networks.SecurityGroup(ctx, project, group)
	if fault.Is(err, fault.NotFound) && ids.IsUUID(group) { // an administrator names a group of the server's project
		id, err = s.Networks.SecurityGroup(ctx, v.Project, group)
	}
	if fault.Is(err, fault.NotFound) {
		return fault.NotFoundf("Security group %s is not found for project %s", group, project).Because(err)
	}
	if err != nil {
		return err
	}
	err = change(id)
	switch f := fault.Of(err); {
	case f == nil:
		return err
	case f.Code == neutron.NoPorts:
		return fault.NotFoundf("instance_id %s could not be found as device id on any ports", v.ID)
	case f.Code == neutron.NotInGroup:
		return fault.NotFoundf("Security group %s not associated with the instance %s", group, v.ID)
	}
	return err
}

// AddFixedIP gives a server's port on a network one more address. Faults: Conflict for a lock or a server without a
// host, NotFound for a network on which the server has no port or there is no free address.
func (s Interfaces) AddFixedIP(ctx context.Context, v *nova.Server, net string) error {
	if err := unlocked(ctx, v); err != nil {
		return err
	}
	if err := s.Networks.AddFixedIP(ctx, v.ID, net); fault.Is(err, fault.NotFound) {
		return fault.NotFoundf("Network could not be found for instance %s.", v.ID).Because(err)
	} else if err != nil {
		return err
	}
	return s.refresh(ctx, v.ID)
}

// RemoveFixedIP takes an address from a server. Faults: Conflict for a lock, Invalid for an address that it does not
// have.
func (s Interfaces) RemoveFixedIP(ctx context.Context, v *nova.Server, ip netip.Addr) error {
	if err := unlocked(ctx, v); err != nil {
		return err
	}
	if err := s.Networks.RemoveFixedIP(ctx, v.ID, ip); fault.Is(err, fault.NotFound) {
		return fault.Invalidf("Instance %s does not have fixed IP '%s'.", v.ID, ip).Because(err)
	} else if err != nil {
		return err
	}
	return s.refresh(ctx, v.ID)
}

// refresh reads the addresses of a server's ports again.
func (s Interfaces) refresh(ctx context.Context, id string) error {
	now, err := s.Networks.PortsOf(auth.With(ctx, auth.Service("nova")), id)
	if err != nil {
		return err
	}
	return s.DB.Tx(ctx, func(tx *db.Tx) error {
		had, err := store.Ports(ctx, tx, id)
		if err != nil {
			return err
		}
		for i, n := range had { // ports that came or went meanwhile are the conductor's business
			for _, p := range now {
				if p.ID == n.ID {
					had[i] = network.Merge(had[i:i+1], []nova.NIC{network.NIC(p)})[0]
				}
			}
		}
		return store.SetPorts(ctx, tx, id, had, s.Now())
	})
}
