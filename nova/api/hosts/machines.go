package hosts

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/hosts"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// machinesAPI is os-hosts: the hosts of services as clients of before 2.43 see them.
type machinesAPI struct{ Hosts *hosts.Hosts }

// machineSpan is where os-hosts exists.
const machineSpan = "-2.42"

var machineOps = api.Resource[*machinesAPI]{Name: "host", Plural: "hosts", Ops: api.Ops[*machinesAPI]{
	api.List("GET /os-hosts", policies.HostsList, (*machinesAPI).list, api.Span(machineSpan), api.LooseQuery()),
	api.Do("GET /os-hosts/{host}", policies.HostsShow, http.StatusOK, (*machinesAPI).show, api.Span(machineSpan),
		api.LooseQuery()),
	api.Do("PUT /os-hosts/{host}", policies.HostsUpdate, http.StatusOK, (*machinesAPI).update, api.Bare(),
		api.Span(machineSpan)),
	api.Do("GET /os-hosts/{host}/startup", policies.HostsStart, http.StatusOK, (*machinesAPI).power, api.Bare(),
		api.Span(machineSpan), api.LooseQuery()),
	api.Do("GET /os-hosts/{host}/shutdown", policies.HostsShutdown, http.StatusOK, (*machinesAPI).power, api.Bare(),
		api.Span(machineSpan), api.LooseQuery()),
	api.Do("GET /os-hosts/{host}/reboot", policies.HostsReboot, http.StatusOK, (*machinesAPI).power, api.Bare(),
		api.Span(machineSpan), api.LooseQuery()),
}}

type machineQuery struct {
	Zone string `wire:"zone"`
}

type machineView struct {
	Host    string `wire:"host_name"`
	Service string `wire:"service"`
	Zone    string `wire:"zone"`
}

func (a *machinesAPI) list(ctx context.Context, _ *api.Request, q *machineQuery) (api.Page[machineView], error) {
	all, err := a.Hosts.Services(ctx, "", "")
	p := api.Page[machineView]{}
	for _, s := range all {
		if s.Disabled || q.Zone != "" && s.Zone != q.Zone {
			continue
		}
		p.Items = append(p.Items, machineView{s.Host, strings.TrimPrefix(s.Binary, "nova-"), s.Zone})
	}
	return p, err
}

// resourceView is a line of what a host has or what is used of it.
type resourceView struct {
	Resource resourceLine `wire:"resource"`
}

type resourceLine struct {
	Host    string `wire:"host"`
	Project string `wire:"project"`
	CPU     int64  `wire:"cpu"`
	Memory  int64  `wire:"memory_mb"`
	Disk    int64  `wire:"disk_gb"`
}

// show lists what a compute host has, what is used now, what its servers may use, and that by project.
func (a *machinesAPI) show(ctx context.Context, r *api.Request, _ *api.None) ([]resourceView, error) {
	host := r.Param("host")
	nodes, err := a.Hosts.Nodes(ctx, hosts.NodeQuery{})
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(nodes, func(n hosts.Node) bool { return n.Host == host })
	if i < 0 {
		return nil, noHost(host)
	}
	n := &nodes[i]
	servers, err := a.Hosts.Servers(ctx, host)
	if err != nil {
		return nil, err
	}
	v := viewOfNode(n)
	most := resourceLine{Host: host, Project: "(used_max)"}
	byProject := map[string]*resourceLine{}
	var projects []string
	for _, s := range servers {
		line := byProject[s.Project]
		if line == nil {
			line = &resourceLine{Host: host, Project: s.Project}
			byProject[s.Project] = line
			projects = append(projects, s.Project)
		}
		for _, l := range []*resourceLine{&most, line} {
			l.CPU += int64(s.Flavor.VCPUs)
			l.Memory += int64(s.Flavor.RAM)
			l.Disk += int64(s.Flavor.Disk + s.Flavor.Ephemeral)
		}
	}
	out := []resourceView{{resourceLine{host, "(total)", v.VCPUs, v.Memory, v.Disk}},
		{resourceLine{host, "(used_now)", v.VCPUsUsed, v.MemoryUsed, v.DiskUsed}}, {most}}
	slices.Sort(projects)
	for _, p := range projects {
		out = append(out, resourceView{*byProject[p]})
	}
	return out, nil
}

func noHost(host string) error {
	return fault.NotFoundf("Compute host %s could not be found.", host)
}

// known returns fault.NotFound for a host without a compute service.
func (a *machinesAPI) known(ctx context.Context, host string) error {
	_, err := a.Hosts.ServiceOf(ctx, host, nova.BinaryCompute)
	if fault.Is(err, fault.NotFound) {
		return noHost(host)
	}
	return err
}

// errNoDriver is nova's refusal of what a driver does not do. Neither driver changes its host's own state.
func errNoDriver() error {
	return fault.New(fault.NotImplemented, "The requested functionality is not supported.")
}

type machineChange struct {
	Status      opt.Of[string] `wire:"status" is:"enum=enable|disable|Enable|Disable|ENABLE|DISABLE"`
	Maintenance opt.Of[string] `wire:"maintenance_mode" is:"enum=enable|disable|Enable|Disable|ENABLE|DISABLE"`
}

// Validate requires at least one change.
func (c *machineChange) Validate(api.Version) error {
	if !c.Status.Set && !c.Maintenance.Set {
		return fault.Invalidf("Invalid input for field/attribute host. 'status' or 'maintenance_mode' is required.")
	}
	return nil
}

func (a *machinesAPI) update(ctx context.Context, r *api.Request, _ *machineChange) (api.None, error) {
	if err := a.known(ctx, r.Param("host")); err != nil {
		return api.None{}, err
	}
	return api.None{}, errNoDriver()
}

func (a *machinesAPI) power(ctx context.Context, r *api.Request, _ *api.None) (api.None, error) {
	if err := a.known(ctx, r.Param("host")); err != nil {
		return api.None{}, err
	}
	return api.None{}, errNoDriver()
}
