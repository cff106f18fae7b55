package api

import (
	"context"
	"encoding/json"
	"math/big"
	"net/http"
	"slices"
	"strconv"

	"hypernova/neutron"
	"hypernova/neutron/networks"
	"hypernova/neutron/plugin"
	"hypernova/oslo/api"
	"hypernova/oslo/db"
	"hypernova/oslo/policy"
)

type availabilityView struct {
	Network string                   `wire:"network_id"`
	Name    string                   `wire:"network_name"`
	Tenant  string                   `wire:"tenant_id"`
	Project string                   `wire:"project_id"`
	Subnets []subnetAvailabilityView `wire:"subnet_ip_availability"`
	Total   json.Number              `wire:"total_ips"`
	Used    int64                    `wire:"used_ips"`
}

type subnetAvailabilityView struct {
	Subnet  string      `wire:"subnet_id"`
	Name    string      `wire:"subnet_name"`
	Version int         `wire:"ip_version"`
	CIDR    string      `wire:"cidr"`
	Total   json.Number `wire:"total_ips"`
	Used    int64       `wire:"used_ips"`
}

// availabilityAPI serves how many addresses networks have and use.
type availabilityAPI struct{ ops *networks.Networks }

func availabilityOf(p *plugin.Plugin) resource {
	type self = *availabilityAPI
	const path = "/network-ip-availabilities"
	return resource{bound: api.Bind(&availabilityAPI{p.Networks}, api.Resource[self]{Name: "network_ip_availability",
		Plural: "network_ip_availabilities", Ops: api.Ops[self]{
			api.List("GET "+path, nil, self.list),
			api.On("GET "+path+"/{network_id}", getAvailability, http.StatusOK, self.load, self.show),
		}}),
		rules: []*policy.Rule{getAvailability}, extensions: []extension{
			{"network-ip-availability", "Network IP Availability", "How many addresses networks have and use."}}}
}

// viewAvailability is the view of a network, of its subnets of an IP version; 0 is any.
func viewAvailability(a networks.Availability, version int) availabilityView {
	v := availabilityView{Network: a.Network.ID, Name: a.Network.Name, Tenant: a.Network.Project,
		Project: a.Network.Project, Subnets: []subnetAvailabilityView{}}
	total := new(big.Int)
	for _, s := range a.Subnets {
		if version != 0 && s.Subnet.Version != version {
			continue
		}
		total.Add(total, s.Total)
		v.Used += s.Used
		v.Subnets = append(v.Subnets, subnetAvailabilityView{s.Subnet.ID, s.Subnet.Name, s.Subnet.Version,
			s.Subnet.CIDR.String(), json.Number(s.Total.String()), s.Used})
	}
	v.Total = json.Number(total.String())
	return v
}

func (a *availabilityAPI) load(ctx context.Context, r *api.Request) (loaded[networks.Availability], error) {
	id := r.Param("network_id")
	found, err := a.ops.Availabilities(ctx, db.EqTo("id", id))
	if err == nil && (len(found) == 0 || !r.Allowed(getAvailability, nil)) {
		err = neutron.Missing("Network", id)
	}
	if err != nil {
		return loaded[networks.Availability]{}, err
	}
	return loaded[networks.Availability]{found[0], projectTarget(found[0].Network.Project)}, nil
}

func (a *availabilityAPI) show(_ context.Context, _ *api.Request, l loaded[networks.Availability],
	_ *api.None) (availabilityView, error) {
	return viewAvailability(l.of, 0), nil
}

func (a *availabilityAPI) list(ctx context.Context, r *api.Request, q *listQuery) (api.Page[availabilityView], error) {
	var where []db.Cond
	version := 0
	columns := map[string]string{"network_id": "id", "network_name": "name", "tenant_id": "project_id",
		"project_id": "project_id"}
	for name, values := range q.Filters {
		switch column := columns[name]; {
		case column != "":
			where = append(where, db.InList(column, values))
		case name == "ip_version":
			n, err := strconv.Atoi(values[len(values)-1])
			if err != nil || !slices.Contains([]int{4, 6}, n) {
				return api.Page[availabilityView]{}, invalid("ip_version", "'%s' is not in [4, 6]", values[len(values)-1])
			}
			version = n
		default:
			return api.Page[availabilityView]{}, noFilter(name)
		}
	}
	if !r.Allowed(getAvailability, nil) { // a list hides what its reader may not see
		return api.Page[availabilityView]{}, nil
	}
	found, err := a.ops.Availabilities(ctx, where...)
	p := api.Page[availabilityView]{}
	for _, x := range found {
		p.Items = append(p.Items, viewAvailability(x, version))
	}
	return p, err
}
