// Package hosts is the operations of the Compute API on hypervisors, compute services, availability zones and
// aggregates.
package hosts

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/hosts"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

// Resources are the operations with their receivers.
func Resources(h *hosts.Hosts) []api.Bound {
	return slices.Concat(
		api.Bind(&hypervisorsAPI{h}, hypervisorOps),
		api.Bind(&servicesAPI{h}, serviceOps),
		api.Bind(&zonesAPI{h}, zoneOps),
		api.Bind(&aggregatesAPI{h}, aggregateOps),
		api.Bind(&machinesAPI{h}, machineOps),
	)
}

// hypervisorsAPI lists and shows hypervisors.
type hypervisorsAPI struct{ Hosts *hosts.Hosts }

var hypervisorOps = api.Resource[*hypervisorsAPI]{Name: "hypervisor", Plural: "hypervisors",
	Ops: api.Ops[*hypervisorsAPI]{
		api.List("GET /os-hypervisors", policies.HypervisorsList, (*hypervisorsAPI).list, api.StrictFrom("2.53")),
		api.List("GET /os-hypervisors/detail", policies.HypervisorsListDetail, (*hypervisorsAPI).detail,
			api.StrictFrom("2.53")),
		api.Do("GET /os-hypervisors/statistics", policies.HypervisorsStatistics, 200, (*hypervisorsAPI).statistics,
			api.Envelope("hypervisor_statistics"), api.Span("-2.87")),
		api.Do("GET /os-hypervisors/{hypervisor_id}", policies.HypervisorsShow, 200, (*hypervisorsAPI).show,
			api.StrictFrom("2.53")),
		api.Do("GET /os-hypervisors/{hypervisor_id}/uptime", policies.HypervisorsUptime, 200, (*hypervisorsAPI).uptime,
			api.Span("-2.87")),
		api.List("GET /os-hypervisors/{hypervisor_id}/search", policies.HypervisorsSearch, (*hypervisorsAPI).search,
			api.Span("-2.52")),
		api.List("GET /os-hypervisors/{hypervisor_id}/servers", policies.HypervisorsServers, (*hypervisorsAPI).servers,
			api.Span("-2.52")),
	}}

type nodeQuery struct {
	api.Paging `mv:"2.33-"`
	Pattern    string `wire:"hypervisor_hostname_pattern" mv:"2.53-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
	Servers    bool   `wire:"with_servers" mv:"2.53-" is:"boolish"`
}

type nodeBrief struct {
	Number  int64                `wire:"id" mv:"-2.52"`
	ID      string               `wire:"id" mv:"2.53-"`
	Name    string               `wire:"hypervisor_hostname"`
	State   string               `wire:"state"`
	Status  string               `wire:"status"`
	Servers opt.Of[[]nodeServer] `wire:"servers"`
}

type nodeServer struct {
	ID   string `wire:"uuid"`
	Name string `wire:"name"`
}

type nodeView struct {
	nodeBrief
	HostIP       *string         `wire:"host_ip"`
	Type         string          `wire:"hypervisor_type"`
	Version      int             `wire:"hypervisor_version"`
	Service      nodeService     `wire:"service"`
	CPUText      string          `wire:"cpu_info" mv:"-2.27"`
	CPU          json.RawMessage `wire:"cpu_info" mv:"2.28-2.87"`
	Workload     int             `wire:"current_workload" mv:"-2.87"`
	VCPUs        int64           `wire:"vcpus" mv:"-2.87"`
	VCPUsUsed    int64           `wire:"vcpus_used" mv:"-2.87"`
	Memory       int64           `wire:"memory_mb" mv:"-2.87"`
	MemoryUsed   int64           `wire:"memory_mb_used" mv:"-2.87"`
	MemoryFree   int64           `wire:"free_ram_mb" mv:"-2.87"`
	Disk         int64           `wire:"local_gb" mv:"-2.87"`
	DiskUsed     int64           `wire:"local_gb_used" mv:"-2.87"`
	DiskFree     int64           `wire:"free_disk_gb" mv:"-2.87"`
	DiskMeasured int64           `wire:"disk_available_least" mv:"-2.87"`
	Running      int             `wire:"running_vms" mv:"-2.87"`
	Uptime       *string         `wire:"uptime" mv:"2.88-"`
}

type nodeService struct {
	Number int64   `wire:"id" mv:"-2.52"`
	ID     string  `wire:"id" mv:"2.53-"`
	Host   string  `wire:"host"`
	Reason *string `wire:"disabled_reason"`
}

func briefNode(n *hosts.Node) nodeBrief {
	return nodeBrief{Number: n.Number, ID: n.ID, Name: n.Name, State: upOrDown(n.Service.Up),
		Status: enabledOrNot(n.Service.Disabled)}
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

func enabledOrNot(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "enabled"
}

func viewOfNode(n *hosts.Node) nodeView {
	v := nodeView{nodeBrief: briefNode(n), HostIP: wire.OrNull(n.HostIP), Type: n.Type, Version: n.Version,
		Service: nodeService{n.Service.Number, n.Service.ID, n.Host, wire.OrNull(n.Service.DisabledReason)},
		CPUText: n.CPUInfo, CPU: json.RawMessage(n.CPUInfo), Workload: n.Load.Busy, VCPUs: n.VCPUs, VCPUsUsed: n.Load.VCPUs,
		Memory: n.MemoryMB, MemoryUsed: n.Load.MemoryMB, MemoryFree: n.MemoryMB - n.Load.MemoryMB,
		Disk: n.DiskGB, DiskUsed: n.Load.DiskGB, DiskFree: n.DiskGB - n.Load.DiskGB, DiskMeasured: n.DiskFreeGB,
		Running: n.Load.Servers}
	if !json.Valid(v.CPU) {
		v.CPU = json.RawMessage("{}")
	}
	return v
}

func (a *hypervisorsAPI) find(ctx context.Context, r *api.Request, q *nodeQuery) (api.Page[hosts.Node], error) {
	if q.Pattern != "" && (q.Asked.Has() || q.Marker != "") {
		return api.Page[hosts.Node]{}, fault.Invalidf(
			"Paging over hypervisors with the hypervisor_hostname_pattern query parameter is not supported.")
	}
	marker := q.Marker
	if marker != "" {
		n, err := a.Hosts.Node(ctx, marker)
		if err != nil {
			return api.Page[hosts.Node]{}, fault.Invalidf("marker [%s] not found", marker)
		}
		marker = n.ID
	}
	nodes, err := a.Hosts.Nodes(ctx, hosts.NodeQuery{Pattern: q.Pattern, Marker: marker, Limit: q.Rows()})
	if err == nil && q.Pattern != "" && len(nodes) == 0 {
		err = fault.NotFoundf("No hypervisor matching '%s' could be found.", q.Pattern)
	}
	return api.PageOf(q.Window, nodes, func(n hosts.Node) string { return nodeID(r, &n) },
		func(n hosts.Node) hosts.Node { return n }), err
}

// serversOf lists the servers of a hypervisor. Before 2.75 one without servers shows no list.
func (a *hypervisorsAPI) serversOf(ctx context.Context, r *api.Request, n *hosts.Node) (opt.Of[[]nodeServer], error) {
	vs, err := a.Hosts.Servers(ctx, n.Host)
	if err != nil || len(vs) == 0 && !r.AtLeast(75) {
		return opt.Of[[]nodeServer]{}, err
	}
	out := make([]nodeServer, len(vs))
	for i, v := range vs {
		out[i] = nodeServer{v.ID, v.Name}
	}
	return opt.Some(out), nil
}

func (a *hypervisorsAPI) list(ctx context.Context, r *api.Request, q *nodeQuery) (api.Page[nodeBrief], error) {
	nodes, err := a.find(ctx, r, q)
	p := api.Page[nodeBrief]{Next: nodes.Next}
	if err != nil {
		return p, err
	}
	for i := range nodes.Items {
		v := briefNode(&nodes.Items[i])
		if q.Servers {
			if v.Servers, err = a.serversOf(ctx, r, &nodes.Items[i]); err != nil {
				return p, err
			}
		}
		p.Items = append(p.Items, v)
	}
	return p, nil
}

func nodeID(r *api.Request, n *hosts.Node) string {
	if r.AtLeast(53) {
		return n.ID
	}
	return strconv.FormatInt(n.Number, 10)
}

func (a *hypervisorsAPI) detail(ctx context.Context, r *api.Request, q *nodeQuery) (api.Page[nodeView], error) {
	nodes, err := a.find(ctx, r, q)
	p := api.Page[nodeView]{Next: nodes.Next}
	if err != nil {
		return p, err
	}
	for i := range nodes.Items {
		v := viewOfNode(&nodes.Items[i])
		if q.Servers {
			if v.Servers, err = a.serversOf(ctx, r, &nodes.Items[i]); err != nil {
				return p, err
			}
		}
		p.Items = append(p.Items, v)
	}
	a.withUptimes(ctx, r, nodes.Items, p.Items)
	return p, nil
}

// node finds the hypervisor of the path: by number in old versions, by UUID since 2.53.
func (a *hypervisorsAPI) node(ctx context.Context, r *api.Request) (hosts.Node, error) {
	id := r.Param("hypervisor_id")
	_, err := strconv.ParseInt(id, 10, 64)
	if r.AtLeast(53) && !ids.IsUUID(id) {
		return hosts.Node{}, fault.Invalidf("Invalid uuid %s", id)
	}
	if !r.AtLeast(53) && err != nil {
		return hosts.Node{}, fault.NotFoundf("Hypervisor with ID '%s' could not be found.", id)
	}
	return a.Hosts.Node(ctx, id)
}

type nodeShowQuery struct {
	Servers bool `wire:"with_servers" mv:"2.53-" is:"boolish"`
}

func (a *hypervisorsAPI) show(ctx context.Context, r *api.Request, q *nodeShowQuery) (nodeView, error) {
	n, err := a.node(ctx, r)
	if err != nil {
		return nodeView{}, err
	}
	v := viewOfNode(&n)
	if q.Servers {
		v.Servers, err = a.serversOf(ctx, r, &n)
	}
	views := []nodeView{v}
	a.withUptimes(ctx, r, []hosts.Node{n}, views)
	return views[0], err
}

type uptimeView struct {
	nodeBrief
	Uptime string `wire:"uptime"`
}

func (a *hypervisorsAPI) uptime(ctx context.Context, r *api.Request, _ *api.None) (uptimeView, error) {
	n, err := a.node(ctx, r)
	if err != nil {
		return uptimeView{}, err
	}
	text, err := a.Hosts.UptimeOf(ctx, &n)
	if fault.Is(err, fault.Unavailable) {
		err = api.WithStatus(http.StatusBadRequest, err)
	}
	return uptimeView{briefNode(&n), text}, err
}

// withUptimes sets the uptimes, which views show since 2.88.
func (a *hypervisorsAPI) withUptimes(ctx context.Context, r *api.Request, nodes []hosts.Node, views []nodeView) {
	if !r.AtLeast(88) {
		return
	}
	for id, text := range a.Hosts.Uptimes(ctx, nodes) {
		for i := range views {
			if views[i].ID == id {
				views[i].Uptime = &text
			}
		}
	}
}

// named lists the hypervisors whose name contains the path's text.
func (a *hypervisorsAPI) named(ctx context.Context, r *api.Request) ([]hosts.Node, error) {
	pattern := r.Param("hypervisor_id")
	nodes, err := a.Hosts.Nodes(ctx, hosts.NodeQuery{Pattern: strings.ReplaceAll(pattern, "%", "")})
	if err == nil && len(nodes) == 0 {
		err = fault.NotFoundf("No hypervisor matching '%s' could be found.", pattern)
	}
	return nodes, err
}

func (a *hypervisorsAPI) search(ctx context.Context, r *api.Request, _ *api.None) (api.Page[nodeBrief], error) {
	nodes, err := a.named(ctx, r)
	p := api.Page[nodeBrief]{}
	for i := range nodes {
		p.Items = append(p.Items, briefNode(&nodes[i]))
	}
	return p, err
}

func (a *hypervisorsAPI) servers(ctx context.Context, r *api.Request, _ *api.None) (api.Page[nodeBrief], error) {
	nodes, err := a.named(ctx, r)
	p := api.Page[nodeBrief]{}
	for i := range nodes {
		v := briefNode(&nodes[i])
		if v.Servers, err = a.serversOf(ctx, r, &nodes[i]); err != nil {
			return p, err
		}
		p.Items = append(p.Items, v)
	}
	return p, err
}

type nodeSums struct {
	Count        int   `wire:"count"`
	Workload     int   `wire:"current_workload"`
	VCPUs        int64 `wire:"vcpus"`
	VCPUsUsed    int64 `wire:"vcpus_used"`
	Memory       int64 `wire:"memory_mb"`
	MemoryUsed   int64 `wire:"memory_mb_used"`
	MemoryFree   int64 `wire:"free_ram_mb"`
	Disk         int64 `wire:"local_gb"`
	DiskUsed     int64 `wire:"local_gb_used"`
	DiskFree     int64 `wire:"free_disk_gb"`
	DiskMeasured int64 `wire:"disk_available_least"`
	Running      int   `wire:"running_vms"`
}

func (a *hypervisorsAPI) statistics(ctx context.Context, _ *api.Request, _ *api.None) (nodeSums, error) {
	nodes, err := a.Hosts.Nodes(ctx, hosts.NodeQuery{})
	var s nodeSums
	for i := range nodes {
		if nodes[i].Service.Disabled {
			continue
		}
		v := viewOfNode(&nodes[i])
		s.Count++
		s.Workload += v.Workload
		s.VCPUs += v.VCPUs
		s.VCPUsUsed += v.VCPUsUsed
		s.Memory += v.Memory
		s.MemoryUsed += v.MemoryUsed
		s.MemoryFree += v.MemoryFree
		s.Disk += v.Disk
		s.DiskUsed += v.DiskUsed
		s.DiskFree += v.DiskFree
		s.DiskMeasured += v.DiskMeasured
		s.Running += v.Running
	}
	return s, err
}
