package servers

import (
	"context"
	"slices"
	"time"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/virt"
	"hypernova/oslo/api"
	"hypernova/oslo/opt"
)

// serverBrief is a server in a list without details.
type serverBrief struct {
	ID    string      `wire:"id"`
	Name  string      `wire:"name"`
	Links []wire.Link `wire:"links"`
}

// serverCore are the members that all views of one server have.
type serverCore struct {
	ID           string            `wire:"id"`
	Name         string            `wire:"name"`
	Status       string            `wire:"status"`
	Project      string            `wire:"tenant_id"`
	User         string            `wire:"user_id"`
	Metadata     map[string]string `wire:"metadata"`
	HostID       string            `wire:"hostId"`
	Image        any               `wire:"image"`
	FlavorRef    flavorRef         `wire:"flavor" mv:"-2.46"`
	Flavor       flavorPart        `wire:"flavor" mv:"2.47-"`
	Created      time.Time         `wire:"created"`
	Updated      time.Time         `wire:"updated"`
	AccessIPv4   string            `wire:"accessIPv4"`
	AccessIPv6   string            `wire:"accessIPv6"`
	Links        []wire.Link       `wire:"links"`
	DiskConfig   string            `wire:"OS-DCF:diskConfig"`
	Progress     opt.Of[int]       `wire:"progress"`
	Fault        *faultView        `wire:"fault" omit:"empty"`
	Locked       bool              `wire:"locked" mv:"2.9-"`
	Description  *string           `wire:"description" mv:"2.19-"`
	Tags         []string          `wire:"tags" mv:"2.26-"`
	Certificates *[]string         `wire:"trusted_image_certificates" mv:"2.63-"`
	ServerGroups opt.Of[[]string]  `wire:"server_groups" mv:"2.71-"`
	LockedReason *string           `wire:"locked_reason" mv:"2.73-"`
}

// serverUpdated is the answer to PUT before 2.75.
type serverUpdated struct {
	serverCore
	Addresses map[string][]plainAddress `wire:"addresses"`
}

// serverView is a server with details.
type serverView struct {
	serverCore
	Addresses  map[string][]addressView `wire:"addresses"`
	KeyName    *string                  `wire:"key_name"`
	Drive      string                   `wire:"config_drive"`
	Groups     []nameView               `wire:"security_groups" omit:"empty"`
	Zone       string                   `wire:"OS-EXT-AZ:availability_zone"`
	Launched   time.Time                `wire:"OS-SRV-USG:launched_at" time:"micro"`
	Terminated time.Time                `wire:"OS-SRV-USG:terminated_at" time:"micro"`
	Power      int                      `wire:"OS-EXT-STS:power_state"`
	Task       *string                  `wire:"OS-EXT-STS:task_state"`
	VM         string                   `wire:"OS-EXT-STS:vm_state"`
	Volumes    []attachedVolume         `wire:"os-extended-volumes:volumes_attached"`
	HostStatus opt.Of[string]           `wire:"host_status" mv:"2.16-"`
	Pinned     *string                  `wire:"pinned_availability_zone" mv:"2.96-"`
	Hints      map[string][]string      `wire:"scheduler_hints" mv:"2.100-"`

	Host         *string         `wire:"OS-EXT-SRV-ATTR:host" policy:"os_compute_api:os-extended-server-attributes"`
	Node         *string         `wire:"OS-EXT-SRV-ATTR:hypervisor_hostname" policy:"os_compute_api:os-extended-server-attributes"`
	InstanceName string          `wire:"OS-EXT-SRV-ATTR:instance_name" policy:"os_compute_api:os-extended-server-attributes"`
	GuardedName  string          `wire:"OS-EXT-SRV-ATTR:hostname" mv:"2.3-2.89" policy:"os_compute_api:os-extended-server-attributes"`
	Hostname     string          `wire:"OS-EXT-SRV-ATTR:hostname" mv:"2.90-"`
	Kernel       string          `wire:"OS-EXT-SRV-ATTR:kernel_id" mv:"2.3-" policy:"os_compute_api:os-extended-server-attributes"`
	Ramdisk      string          `wire:"OS-EXT-SRV-ATTR:ramdisk_id" mv:"2.3-" policy:"os_compute_api:os-extended-server-attributes"`
	LaunchIndex  int             `wire:"OS-EXT-SRV-ATTR:launch_index" mv:"2.3-" policy:"os_compute_api:os-extended-server-attributes"`
	Reservation  string          `wire:"OS-EXT-SRV-ATTR:reservation_id" mv:"2.3-" policy:"os_compute_api:os-extended-server-attributes"`
	RootDevice   *string         `wire:"OS-EXT-SRV-ATTR:root_device_name" mv:"2.3-" policy:"os_compute_api:os-extended-server-attributes"`
	UserData     opt.Of[*string] `wire:"OS-EXT-SRV-ATTR:user_data" mv:"2.3-" policy:"os_compute_api:os-extended-server-attributes"`
}

// attachedVolume is a volume among the block devices of a server.
type attachedVolume struct {
	ID     string `wire:"id"`
	Delete bool   `wire:"delete_on_termination" mv:"2.3-"`
}

type nameView struct {
	Name string `wire:"name"`
}

type imageRef struct {
	ID         string            `wire:"id"`
	Links      []wire.Link       `wire:"links"`
	Properties map[string]string `wire:"properties" mv:"2.98-"`
}

type flavorRef struct {
	ID    string      `wire:"id"`
	Links []wire.Link `wire:"links"`
}

// flavorPart is the server's own copy of its flavor.
type flavorPart struct {
	Name       string            `wire:"original_name"`
	VCPUs      int               `wire:"vcpus"`
	RAM        int               `wire:"ram"`
	Disk       int               `wire:"disk"`
	Ephemeral  int               `wire:"ephemeral"`
	Swap       int               `wire:"swap"`
	ExtraSpecs map[string]string `wire:"extra_specs" policy:"os_compute_api:servers:show:flavor-extra-specs"`
}

type plainAddress struct {
	Version int    `wire:"version"`
	Addr    string `wire:"addr"`
}

type addressView struct {
	Version int    `wire:"version"`
	Addr    string `wire:"addr"`
	Type    string `wire:"OS-EXT-IPS:type"`
	MAC     string `wire:"OS-EXT-IPS-MAC:mac_addr"`
}

type faultView struct {
	Code    int            `wire:"code"`
	Created time.Time      `wire:"created"`
	Message string         `wire:"message"`
	Details opt.Of[string] `wire:"details"`
}

// serverViews makes the views of the servers of one request and caches what they share.
type serverViews struct {
	r               *api.Request
	self, bookmark  string
	flavors, images string
	hostIDs         map[[2]string]string
	status          map[string]string   // of hosts; nil: not asked for
	groups          map[string][]string // names of the security groups of servers' ports
	serverGroups    []string            // ids of the server groups, in views of one server; lists do not show them
	plainRefs       bool
	unknownOnly     bool // of the statuses of hosts the caller may see UNKNOWN only
}

// views prepares the views of these servers. The names of their security groups come from networking.
func (a *serversAPI) views(ctx context.Context, r *api.Request, vs ...nova.Server) (*serverViews, error) {
	v := &serverViews{r: r, self: r.URL("/servers/"), bookmark: r.RootURL("/servers/"), flavors: r.RootURL("/flavors/"),
		images:  r.RootURL("/images/"),
		hostIDs: map[[2]string]string{}, plainRefs: !r.AtLeast(47)}
	ids := make([]string, len(vs))
	for i := range vs {
		ids[i] = vs[i].ID
	}
	var err error
	if len(ids) > 0 {
		if v.groups, err = a.Networks.GroupNames(ctx, ids); err != nil {
			return nil, err
		}
	}
	if !r.AtLeast(16) {
		return v, nil
	}
	if !r.Allowed(policies.ServersShowHostStatus, nil) {
		if v.unknownOnly = r.Allowed(policies.ServersShowHostStatusUnknownOnly, nil); !v.unknownOnly {
			return v, nil
		}
	}
	var hosts []string
	for i := range vs {
		if h := vs[i].Host; h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	v.status, err = a.Hosts.Statuses(ctx, hosts)
	return v, err
}

func (b *serverViews) links(id string) []wire.Link {
	return wire.Links("self", b.self+id, "bookmark", b.bookmark+id)
}

func (b *serverViews) brief(v nova.ServerName) serverBrief {
	return serverBrief{v.ID, v.Name, b.links(v.ID)}
}

func (b *serverViews) core(v *nova.Server) serverCore {
	out := serverCore{ID: v.ID, Name: v.Name, Status: v.Status(), Project: v.Project, User: v.User, Metadata: v.Metadata,
		HostID: b.hostID(v.Project,
			v.Host), Image: "", Created: v.Created, Updated: v.Updated, AccessIPv4: v.AccessIPv4, AccessIPv6: v.AccessIPv6,
		Links: b.links(v.ID), DiskConfig: v.DiskConfig, Locked: v.Locked, Description: v.Description, Tags: v.Tags,
		LockedReason: wire.OrNull(v.LockedReason)}
	if v.Image.ID != "" {
		out.Image = imageRef{v.Image.ID, wire.Links("bookmark", b.images+v.Image.ID), v.Image.KnownProperties()}
	}
	f := v.Flavor
	if b.plainRefs {
		out.FlavorRef = flavorRef{f.ID, wire.Links("bookmark", b.flavors+f.ID)}
	} else {
		out.Flavor = flavorPart{f.Name, f.VCPUs, f.RAM, f.Disk, f.Ephemeral, f.Swap, f.ExtraSpecs}
	}
	switch out.Status {
	case "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING":
		out.Progress = opt.Some(v.Progress)
	case "ERROR", "DELETED":
		out.Fault = b.fault(v)
	}
	return out
}

// fault shows details to administrators, and to all callers if the error is not 500.
func (b *serverViews) fault(v *nova.Server) *faultView {
	if v.Fault == nil {
		return nil
	}
	f := &faultView{Code: v.Fault.Code, Created: v.Fault.Created, Message: v.Fault.Message}
	if v.Fault.Details != "" && (f.Code != 500 || b.r.Caller.Admin()) {
		f.Details = opt.Some(v.Fault.Details)
	}
	return f
}

// one is the view of a single server.
func (b *serverViews) one(v *nova.Server) serverView {
	out := b.detail(v)
	out.ServerGroups = opt.Some(b.serverGroups)
	return out
}

// updated is the answer to PUT before 2.75.
func (b *serverViews) updated(v *nova.Server) serverUpdated {
	out := serverUpdated{b.core(v), map[string][]plainAddress{}}
	out.ServerGroups = opt.Some(b.serverGroups)
	for _, a := range v.Addresses {
		out.Addresses[a.Network] = append(out.Addresses[a.Network], plainAddress{a.Version, a.IP})
	}
	return out
}

func (b *serverViews) detail(v *nova.Server) serverView {
	out := serverView{serverCore: b.core(v), Addresses: addresses(v), KeyName: wire.OrNull(v.KeyName), Zone: v.AZ,
		Launched:   v.Launched,
		Terminated: v.Terminated, Power: int(v.Power), Task: wire.OrNull(string(v.Task)), VM: string(v.VM),
		Pinned: wire.OrNull(v.RequestedAZ),
		Host:   wire.OrNull(v.Host), Node: wire.OrNull(v.Node), InstanceName: virt.DomainName(v.ID), GuardedName: v.Hostname,
		Hostname:    v.Hostname,
		LaunchIndex: v.LaunchIndex, Reservation: v.ReservationID, RootDevice: wire.OrNull(v.RootDevice),
		UserData: opt.Some(wire.OrNull(v.UserData))}
	if v.Host == "" {
		out.Zone = v.RequestedAZ
	}
	if b.r.AtLeast(100) {
		out.Hints = hintsView(v.Hints)
	}
	for i := range v.BlockDevices {
		if d := &v.BlockDevices[i]; d.Dest == nova.DestVolume && d.Volume != "" {
			out.Volumes = append(out.Volumes, attachedVolume{d.Volume, d.DeleteOnTermination})
		}
	}
	if v.ConfigDrive {
		out.Drive = "True"
	}
	for _, g := range b.groups[v.ID] {
		out.Groups = append(out.Groups, nameView{g})
	}
	if b.status != nil && (!b.unknownOnly || b.status[v.Host] == "UNKNOWN") {
		out.HostStatus = opt.Some(b.status[v.Host])
	}
	return out
}

func addresses(v *nova.Server) map[string][]addressView {
	m := make(map[string][]addressView, 1)
	for _, a := range v.Addresses {
		m[a.Network] = append(m[a.Network], addressView{a.Version, a.IP, a.Type, a.MAC})
	}
	return m
}

// hostID hides a host's name but lets the owner see whether two servers share one.
func (b *serverViews) hostID(project, host string) string {
	if host == "" {
		return ""
	}
	key := [2]string{project, host}
	id, ok := b.hostIDs[key]
	if !ok {
		id = wire.HostID(project, host)
		b.hostIDs[key] = id
	}
	return id
}
