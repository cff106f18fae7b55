package servers

import (
	"context"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/clock"
	"hypernova/oslo/fault"
)

// guestAPI tells what a server's guest does: its password, its figures, and its NUMA topology.
type guestAPI struct {
	wire.ServerLoader
	now clock.Now
}

var guestOps = api.Resource[*guestAPI]{Name: "server", Plural: "servers", Ops: api.Ops[*guestAPI]{
	api.On("GET /servers/{server_id}/os-server-password", policies.ServerPasswordShow, 200, (*guestAPI).Server,
		(*guestAPI).password, api.Bare()),
	api.On("DELETE /servers/{server_id}/os-server-password", policies.ServerPasswordClear, 204, (*guestAPI).Server,
		(*guestAPI).forgetPassword),
	api.On("GET /servers/{server_id}/diagnostics", policies.ServerDiagnostics, 200, (*guestAPI).Server,
		(*guestAPI).plainDiagnostics, api.Bare(), api.Span("-2.47")),
	api.On("GET /servers/{server_id}/diagnostics", policies.ServerDiagnostics, 200, (*guestAPI).Server,
		(*guestAPI).diagnostics, api.Bare(), api.Span("2.48-")),
	api.On("GET /servers/{server_id}/topology", policies.ServerTopologyIndex, 200, (*guestAPI).Server,
		(*guestAPI).topology, api.Bare(), api.Span("2.78-")),
}}

func (a *guestAPI) guests() servers.Guests { return servers.Guests{Servers: a.Servers} }

type passwordView struct {
	Password string `wire:"password"`
}

func (a *guestAPI) password(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (passwordView, error) {
	p, err := a.guests().Password(ctx, v.ID)
	return passwordView{p}, err
}

func (a *guestAPI) forgetPassword(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (api.None, error) {
	return api.None{}, a.guests().ForgetPassword(ctx, v.ID)
}

// figures are what a guest's host measures. A hypervisor that measures nothing is fault.NotImplemented.
func (a *guestAPI) figures(ctx context.Context, v *nova.Server) (nova.Diagnostics, nova.PowerState, error) {
	d, power, err := a.guests().Diagnose(ctx, v)
	if fault.Is(err, fault.NotImplemented) {
		err = fault.New(fault.NotImplemented, "The requested functionality is not supported.").Because(err)
	}
	return d, power, err
}

// plainView is the answer before 2.48: what the hypervisor says, by its own names.
type plainView struct {
	Figures map[string]int64 `wire:"*"`
}

func (a *guestAPI) plainDiagnostics(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (plainView,
	error) {
	d, _, err := a.figures(ctx, v)
	return plainView{d.Plain}, err
}

type diagnosticsView struct {
	State       string     `wire:"state"`
	Driver      string     `wire:"driver"`
	Hypervisor  *string    `wire:"hypervisor"`
	OS          *string    `wire:"hypervisor_os"`
	Uptime      *int64     `wire:"uptime"`
	ConfigDrive bool       `wire:"config_drive"`
	NumCPUs     int        `wire:"num_cpus"`
	NumNICs     int        `wire:"num_nics"`
	NumDisks    int        `wire:"num_disks"`
	Disks       []diskView `wire:"disk_details"`
	CPUs        []cpuView  `wire:"cpu_details"`
	NICs        []nicView  `wire:"nic_details"`
	Memory      memoryView `wire:"memory_details"`
}

type diskView struct {
	ReadBytes     int64 `wire:"read_bytes"`
	ReadRequests  int64 `wire:"read_requests"`
	WriteBytes    int64 `wire:"write_bytes"`
	WriteRequests int64 `wire:"write_requests"`
	Errors        int64 `wire:"errors_count"`
}

type cpuView struct {
	ID          int64  `wire:"id"`
	Time        *int64 `wire:"time"`
	Utilisation *int64 `wire:"utilisation"`
}

type nicView struct {
	MAC       string `wire:"mac_address"`
	RxOctets  *int64 `wire:"rx_octets"`
	RxErrors  *int64 `wire:"rx_errors"`
	RxDrop    *int64 `wire:"rx_drop"`
	RxPackets *int64 `wire:"rx_packets"`
	RxRate    *int64 `wire:"rx_rate"`
	TxOctets  *int64 `wire:"tx_octets"`
	TxErrors  *int64 `wire:"tx_errors"`
	TxDrop    *int64 `wire:"tx_drop"`
	TxPackets *int64 `wire:"tx_packets"`
	TxRate    *int64 `wire:"tx_rate"`
}

type memoryView struct {
	Maximum *int64 `wire:"maximum"`
	Used    *int64 `wire:"used"`
}

func (a *guestAPI) diagnostics(ctx context.Context, _ *api.Request, v *nova.Server, _ *api.None) (diagnosticsView,
	error) {
	d, power, err := a.figures(ctx, v)
	if err != nil {
		return diagnosticsView{}, err
	}
	out := diagnosticsView{State: stateOf(power), Driver: d.Driver, Hypervisor: wire.OrNull(d.Hypervisor),
		OS: wire.OrNull(d.OS), ConfigDrive: v.ConfigDrive, NumCPUs: len(d.CPUs), NumNICs: len(d.NICs),
		NumDisks: len(d.Disks), Memory: memoryView{d.MemoryMaxMB, d.MemoryUsedMB}, Disks: []diskView{}, CPUs: []cpuView{},
		NICs: []nicView{}}
	if !v.Launched.IsZero() {
		up := int64(a.now().Sub(v.Launched).Seconds())
		out.Uptime = &up
	}
	for _, k := range d.Disks {
		out.Disks = append(out.Disks, diskView(k))
	}
	for _, c := range d.CPUs {
		out.CPUs = append(out.CPUs, cpuView(c))
	}
	for _, n := range d.NICs {
		x := nicView{MAC: n.MAC}
		if t := n.Rx; t != nil {
			x.RxOctets, x.RxErrors, x.RxDrop, x.RxPackets, x.RxRate = &t.Octets, &t.Errors, &t.Drops, &t.Packets, t.Rate
		}
		if t := n.Tx; t != nil {
			x.TxOctets, x.TxErrors, x.TxDrop, x.TxPackets, x.TxRate = &t.Octets, &t.Errors, &t.Drops, &t.Packets, t.Rate
		}
		out.NICs = append(out.NICs, x)
	}
	return out, nil
}

// stateOf is nova's word for a power state.
func stateOf(p nova.PowerState) string {
	switch p {
	case nova.Running:
		return "running"
	case nova.PowerPaused:
		return "paused"
	case nova.Shutdown:
		return "shutdown"
	case nova.Crashed:
		return "crashed"
	case nova.PowerSuspended:
		return "suspended"
	case nova.NoState:
	}
	return "pending"
}

// topologyView is the NUMA topology of a server. No server of this cloud has one.
type topologyView struct {
	Nodes    []api.None `wire:"nodes"`
	PageSize *int64     `wire:"pagesize_kb"`
}

func (a *guestAPI) topology(context.Context, *api.Request, *nova.Server, *api.None) (topologyView, error) {
	return topologyView{Nodes: []api.None{}}, nil
}
