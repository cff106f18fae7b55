package audit

import "hypernova/neutron"

// routers finds ports that a router or a floating IP had that is gone, and floating IPs that stand for nothing.
func (j *judge) routers() {
	routers, floating, ports := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range j.Routers {
		routers[r.ID] = true
	}
	for _, f := range j.Floating {
		floating[f.ID] = true
	}
	for _, p := range j.Ports {
		ports[p.ID] = true
		switch p.DeviceOwner {
		case neutron.OwnerRouterInterface, neutron.OwnerRouterGateway:
			if !routers[p.DeviceID] {
				j.say("router-port-orphaned", "port "+p.ID, "is of router %s, which does not exist", p.DeviceID).
					person("openstack port delete %s", p.ID)
			}
		case neutron.OwnerFloatingIP:
			if !floating[p.DeviceID] {
				j.say("floating-port-orphaned", "port "+p.ID, "holds the address of floating IP %s, which does not exist",
					p.DeviceID).person("openstack port delete %s", p.ID)
			}
		}
	}
	for _, f := range j.Floating {
		switch {
		case !ports[f.OuterPort]:
			j.say("floating-ip-broken", "floating IP "+f.ID, "has no port that holds its address %s", f.IP).
				person("openstack floating ip delete %s", f.ID)
		case f.Port != "" && !ports[f.Port]:
			j.say("floating-ip-broken", "floating IP "+f.ID, "stands for port %s, which does not exist", f.Port).
				person("openstack floating ip unset --port %s", f.ID)
		case f.Router != "" && !routers[f.Router]:
			j.say("floating-ip-broken", "floating IP "+f.ID, "is translated by router %s, which does not exist", f.Router).
				person("openstack floating ip unset --port %s", f.ID)
		}
	}
}
