package networks

import (
	"context"
	"slices"

	"hypernova/neutron"
	"hypernova/neutron/hosts"
	"hypernova/neutron/quota"
	"hypernova/neutron/store"
	"hypernova/oslo/auth"
	"hypernova/oslo/db"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// Available lists a project's own networks and the shared ones.
func (s *Service) Available(ctx context.Context, project string) ([]neutron.NetworkInfo, error) {
	ns, err := store.Networks(ctx, s.db, db.ListArgs{
		Where: []db.Cond{db.InList("audience", []string{project, "*"}), db.Any(db.EqTo("project_id", project), db.EqTo("shared", true))},
		Sort:  []db.SortKey{{Column: "created_at"}},
	})
	out := make([]neutron.NetworkInfo, len(ns))
	for i, n := range ns {
		out[i] = networkInfo(n)
	}
	return out, err
}

func networkInfo(n neutron.Network) neutron.NetworkInfo {
	return neutron.NetworkInfo{ID: n.ID, Name: n.Name, Project: n.Project, Shared: n.Shared, External: n.External, AdminUp: n.AdminUp, Subnets: n.Subnets, MTU: n.MTU}
}

// Network is a network that the caller may see.
func (s *Service) Network(ctx context.Context, id string) (neutron.NetworkInfo, error) {
	n, err := s.seenNetwork(ctx, s.db, id)
	if err != nil {
		return neutron.NetworkInfo{}, err
	}
	return networkInfo(n), nil
}

// Port is a port that the caller may see.
func (s *Service) Port(ctx context.Context, id string) (neutron.PortInfo, error) {
	var out neutron.PortInfo
	err := s.db.View(ctx, func(tx *db.Tx) error {
		p, err := store.Port(ctx, tx, id)
		if err != nil {
			return err
		}
		if !s.sees(ctx, p) {
			return neutron.Missing("Port", id)
		}
		is, err := infos(ctx, tx, []neutron.Port{p})
		if err == nil {
			out = is[0]
		}
		return err
	})
	return out, err
}

// infos are ports with what compute must know of their networks and subnets.
func infos(ctx context.Context, q db.Querier, ps []neutron.Port) ([]neutron.PortInfo, error) {
	networks := map[string]neutron.Network{}
	subnets := map[string]neutron.Subnet{}
	out := make([]neutron.PortInfo, len(ps))
	for i, p := range ps {
		if _, ok := networks[p.Network]; !ok {
			n, err := store.Network(ctx, q, p.Network)
			if err != nil {
				return nil, err
			}
			networks[p.Network] = n
			subs, err := store.SubnetsOf(ctx, q, p.Network)
			if err != nil {
				return nil, err
			}
			for _, sub := range subs {
				subnets[sub.ID] = sub
			}
		}
		out[i] = hosts.PortInfo(p, networks[p.Network], subnets)
	}
	return out, nil
}

// SecurityGroup finds a project's group by id or name.
func (s *Service) SecurityGroup(ctx context.Context, project, idOrName string) (string, error) {
	return s.Groups.Find(ctx, project, idOrName)
}

// PortsOf lists those of a server's ports that the caller may see, in order of creation.
func (s *Service) PortsOf(ctx context.Context, server string) ([]neutron.PortInfo, error) {
	var out []neutron.PortInfo
	err := s.db.View(ctx, func(tx *db.Tx) error {
		ps, err := store.PortsOfDevice(ctx, tx, server)
		if err != nil {
			return err
		}
		out, err = infos(ctx, tx, slices.DeleteFunc(ps, func(p neutron.Port) bool { return claimed(p) || !s.sees(ctx, p) }))
		return err
	})
	return out, err
}

// claimed reports a port that merely says it is a server's: any user can write a device_id, but only compute makes and binds ports.
func claimed(p neutron.Port) bool { return !p.Made && p.Host == "" }

// GroupNames are the names of the security groups that servers' ports have now.
func (s *Service) GroupNames(ctx context.Context, servers []string) (map[string][]string, error) {
	out := map[string][]string{}
	if len(servers) == 0 {
		return out, nil
	}
	err := s.db.View(ctx, func(tx *db.Tx) error {
		ps, err := store.Ports(ctx, tx, db.ListArgs{Where: []db.Cond{db.InList("device_id", servers)}, Sort: []db.SortKey{{Column: "created_at"}}}, "")
		if err != nil {
			return err
		}
		ps = slices.DeleteFunc(ps, claimed)
		var ids []string
		for _, p := range ps {
			ids = append(ids, p.SecurityGroups...)
		}
		slices.Sort(ids)
		groups, err := store.Groups(ctx, tx, db.ListArgs{Where: []db.Cond{db.InList("id", slices.Compact(ids))}})
		if err != nil {
			return err
		}
		who := auth.From(ctx)
		names := map[string]string{}
		for _, g := range groups {
			if who.Own() || s.rights.SeesGroup(who, g) {
				names[g.ID] = g.Name
			}
		}
		for _, p := range ps {
			for _, id := range p.SecurityGroups {
				if name, ok := names[id]; ok {
					out[p.DeviceID] = append(out[p.DeviceID], name)
				}
			}
		}
		return nil
	})
	return out, err
}

// PortQuotaFree is how many more ports the project may have; -1 is unlimited.
func (s *Service) PortQuotaFree(ctx context.Context, project string) (int, error) {
	return s.Quotas.Free(ctx, s.db, project, quota.Port)
}

// Allocate makes or takes a server's ports and binds them to its host, in one transaction.
func (s *Service) Allocate(ctx context.Context, a neutron.AllocateArgs) ([]neutron.PortInfo, error) {
	var out []neutron.PortInfo
	err := s.changeIn(ctx, a.Project, func(w *work) error {
		have, err := store.PortsOfDevice(ctx, w.Tx, a.Server)
		if err != nil {
			return err
		}
		ports := make([]neutron.Port, len(a.Specs))
		var wanted []NewPort
		var at []int
		for i, spec := range a.Specs {
			p, found, err := s.match(ctx, w, a, spec, &have)
			if err != nil {
				return err
			}
			if !found {
				n, err := s.specPort(ctx, w.Tx, a, spec)
				if err != nil {
					return err
				}
				wanted, at = append(wanted, n), append(at, i)
				continue
			}
			if ports[i], err = s.adopt(ctx, w, a, spec, p); err != nil {
				return err
			}
		}
		made, err := s.insertPorts(ctx, w, wanted, true)
		if err != nil {
			return err
		}
		for i, p := range made {
			ports[at[i]] = p
		}
		out, err = infos(ctx, w.Tx, ports)
		return err
	})
	return out, err
}

// match is the port for a spec that is there already: the one that it names, or one that an earlier call made for the like of it.
// A port that matches is taken out of have, so that two specs never share one.
func (s *Service) match(ctx context.Context, w *work, a neutron.AllocateArgs, spec neutron.PortSpec, have *[]neutron.Port) (neutron.Port, bool, error) {
	if spec.Port != "" {
		p, err := store.Port(ctx, w.Tx, spec.Port)
		if err != nil {
			return p, false, err
		}
		if p.Project != a.Project || !s.sees(ctx, p) {
			return p, false, neutron.Missing("Port", spec.Port)
		}
		if p.DeviceID != "" && p.DeviceID != a.Server {
			return p, false, neutron.PortInUse(p.ID, p.Network, p.DeviceID)
		}
		*have = slices.DeleteFunc(*have, func(x neutron.Port) bool { return x.ID == p.ID })
		return p, true, nil
	}
	i := slices.IndexFunc(*have, func(p neutron.Port) bool {
		return p.Made && p.Network == spec.Network && p.Tag == spec.Tag &&
			(!spec.FixedIP.IsValid() || slices.ContainsFunc(p.FixedIPs, func(f neutron.FixedIP) bool { return f.IP == spec.FixedIP }))
	})
	if i < 0 {
		return neutron.Port{}, false, nil
	}
	p := (*have)[i]
	*have = slices.Delete(*have, i, i+1)
	return p, true, nil
}

// specPort is the wish for a new port that a spec means, if the caller in ctx may have it.
func (s *Service) specPort(ctx context.Context, q db.Querier, a neutron.AllocateArgs, spec neutron.PortSpec) (NewPort, error) {
	n, err := s.seenNetwork(ctx, q, spec.Network)
	if err != nil {
		return NewPort{}, err
	}
	if auth.From(ctx).Own() && n.Project != a.Project && !n.Shared {
		return NewPort{}, neutron.Missing("Network", spec.Network) // nobody's wish is judged: then only what every member may have
	}
	p := NewPort{Meta: neutron.Meta{Project: a.Project}, Network: spec.Network, DeviceID: a.Server, DeviceOwner: owner(a.AZ), Host: a.Host, Tag: spec.Tag,
		DNSName: a.DNSName, Made: true}
	if spec.FixedIP.IsValid() {
		p.FixedIPs = opt.Some([]WantedIP{{IP: spec.FixedIP}})
	}
	if len(a.SecurityGroups) > 0 && n.PortSecurity {
		p.SecurityGroups = opt.Some(a.SecurityGroups)
	}
	if c := auth.From(ctx); !c.Own() {
		return p, s.rights.CreatePort(c, n, p)
	}
	return p, nil
}

func owner(az string) string {
	if az == "" {
		az = "nova"
	}
	return neutron.OwnerComputePrefix + az
}

// adopt gives a port that is there to the server and binds it to the host, if it is not already.
func (s *Service) adopt(ctx context.Context, w *work, a neutron.AllocateArgs, spec neutron.PortSpec, p neutron.Port) (neutron.Port, error) {
	if p.DeviceID == a.Server && p.DeviceOwner == owner(a.AZ) && p.Host == a.Host && p.VIFType != neutron.VIFFailed && p.Tag == spec.Tag {
		return p, nil
	}
	was := p
	p.DeviceID, p.DeviceOwner, p.Tag = a.Server, owner(a.AZ), spec.Tag
	if !p.Made && p.DNSName == "" {
		p.DNSName = a.DNSName
	}
	why, err := s.rebind(ctx, w, was, &p, a.Host)
	if err != nil {
		return p, err
	}
	if why != "" {
		return p, bindingFailed(p, why)
	}
	return s.save(ctx, w, was, p)
}

// rebind moves a port to a host, none where it is empty. The caller writes the port.
func (s *Service) rebind(ctx context.Context, w *work, was neutron.Port, p *neutron.Port, host string) (why string, err error) {
	if host == was.Host && (host == "" || was.VIFType != neutron.VIFFailed && was.VIFType != neutron.VIFUnbound) {
		return "", nil
	}
	if host == "" {
		unbind(p)
		return "", nil
	}
	at, err := s.place(ctx, w, map[string]*place{}, p.Network)
	if err != nil {
		return "", err
	}
	p.Host = host
	if err := s.dhcpFor(ctx, w, at, host); err != nil {
		return "", err
	}
	return s.bind(ctx, w, at.network, p)
}

// Deallocate deletes the ports that Allocate made for a server and gives back the others.
func (s *Service) Deallocate(ctx context.Context, server string) error {
	return s.change(ctx, func(w *work) error {
		ports, err := store.PortsOfDevice(ctx, w.Tx, server)
		if err != nil {
			return err
		}
		for _, p := range ports {
			if p.Made {
				err = s.removePort(ctx, w, p)
			} else {
				err = s.giveBack(ctx, w, p)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) giveBack(ctx context.Context, w *work, p neutron.Port) error {
	was := p
	p.DeviceID, p.DeviceOwner, p.Tag, p.DNSName = "", "", "", ""
	unbind(&p)
	_, err := s.save(ctx, w, was, p)
	return err
}

// Wired takes a host's report: the ports that it carries become ACTIVE, those that it cannot carry are DOWN. Ports that are not bound to
// the host are passed over. It may be repeated.
func (s *Service) Wired(ctx context.Context, host string, up, down []string, reasons map[string]string) error {
	return s.change(ctx, func(w *work) error {
		for _, id := range up {
			if err := s.wired(ctx, w, host, id, neutron.StatusActive, "completed"); err != nil {
				return err
			}
		}
		for _, id := range down {
			s.log.WarnContext(ctx, "port not wired", "port", id, "host", host, "reason", reasons[id])
			if err := s.wired(ctx, w, host, id, neutron.StatusDown, "failed"); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) wired(ctx context.Context, w *work, host, id, status, outcome string) error {
	p, err := store.Port(ctx, w.Tx, id)
	if fault.Is(err, fault.NotFound) || err == nil && p.Host != host {
		return nil
	}
	if err != nil {
		return err
	}
	changed, err := store.SetPortStatus(ctx, w.Tx, id, host, status, s.now())
	if err != nil {
		return err
	}
	// A port that is switched off is down as asked: nobody failed.
	if changed && outcome == "completed" || outcome == "failed" && p.AdminUp {
		w.event("network-vif-plugged", p, outcome)
	}
	return nil
}
