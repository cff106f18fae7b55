package servers

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"hypernova/nova/api/policies"
	"hypernova/nova/api/wire"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/opt"
)

type serverCreateBody struct {
	Server   serverCreate    `wire:"server" is:"required"`
	Hints    json.RawMessage `wire:"os:scheduler_hints"`
	OldHints json.RawMessage `wire:"OS-SCH-HNT:scheduler_hints"`
}

type serverCreate struct {
	Name          string            `wire:"name" is:"required,name,narrow"`
	Flavor        string            `wire:"flavorRef" is:"required,intish,minlen=1"`
	Image         string            `wire:"imageRef"`
	AdminPass     opt.Of[string]    `wire:"adminPass"`
	Metadata      map[string]string `wire:"metadata" is:"keys(pattern=^[a-zA-Z0-9-_:. ]{1,255}$),each(maxlen=255)"`
	OldNetworks   []nic             `wire:"networks" mv:"-2.36"`
	Networks37    nicChoice37       `wire:"networks" mv:"2.37-2.41" is:"required"`
	Networks      nicChoice         `wire:"networks" mv:"2.42-" is:"required"`
	DiskConfig    string            `wire:"OS-DCF:diskConfig" is:"enum=AUTO|MANUAL"`
	AccessIPv4    string            `wire:"accessIPv4" is:"ipv4"`
	AccessIPv6    string            `wire:"accessIPv6" is:"ipv6"`
	Files         []file            `wire:"personality" mv:"-2.56"`
	Zone          string            `wire:"availability_zone" is:"name,narrow"`
	OldDisks      []oldDisk         `wire:"block_device_mapping"`
	Disks         []disk            `wire:"block_device_mapping_v2"`
	ConfigDrive   bool              `wire:"config_drive" is:"boolword"`
	KeyName       string            `wire:"key_name" is:"name,narrow"`
	Min           int               `wire:"min_count" is:"digits,min=1,max=1000"`
	Max           int               `wire:"max_count" is:"digits,min=1,max=1000"`
	ReservationID bool              `wire:"return_reservation_id" is:"boolword"`
	Groups        []groupName       `wire:"security_groups"`
	UserData      string            `wire:"user_data" is:"oldnull,maxlen=65535,base64"`
	Description   opt.Of[string]    `wire:"description" mv:"2.19-" is:"nullable,text,pattern=^[^\\p{C}\\p{Zl}\\p{Zp}\\x{FFFF}-\\x{10FFFF}]*$"`
	Tags          []string          `wire:"tags" mv:"2.52-" is:"maxitems=50,each(minlen=1,maxlen=60,pattern=^[^,/]*$)"`
	Certificates  opt.Of[[]string]  `wire:"trusted_image_certificates" mv:"2.63-" is:"nullable,minitems=1,maxitems=50,unique,each(minlen=1)"`
	Host          string            `wire:"host" mv:"2.74-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
	Node          string            `wire:"hypervisor_hostname" mv:"2.74-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
	Hostname      string            `wire:"hostname" mv:"2.90-2.93" is:"hostname,minlen=2"`
	FQDN          string            `wire:"hostname" mv:"2.94-" is:"minlen=1,maxlen=255,pattern=^[a-zA-Z0-9-._]*$"`
}

// hints are scheduler hints: those whose form is fixed. Others may be anything.
type hints struct {
	Group      string                     `wire:"group"`
	Different  hintIDs                    `wire:"different_host"`
	Same       hintIDs                    `wire:"same_host"`
	Query      json.RawMessage            `wire:"query"`
	TargetCell string                     `wire:"target_cell" is:"name,narrow"`
	Near       string                     `wire:"build_near_host_ip" is:"ip"`
	CIDR       string                     `wire:"cidr" is:"pattern=^/[0-9a-f.:]+$"`
	Others     map[string]json.RawMessage `wire:"*"`
}

// Validate checks the one member that has two forms.
func (h *hints) Validate(api.Version) error {
	if len(h.Query) > 0 && h.Query[0] != '"' && h.Query[0] != '{' {
		return fault.Invalidf("Invalid input for field/attribute query: it is neither a string nor an object.")
	}
	return nil
}

// hintIDs are one id or a list of them; what they name is looked up later.
type hintIDs []string

// UnmarshalJSON reads either form.
func (h *hintIDs) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		*h = make([]string, 1)
		return api.Decode(raw, api.Version{}, &(*h)[0])
	}
	return api.Decode(raw, api.Version{}, (*[]string)(h))
}

type groupName struct {
	Name string `wire:"name" is:"name,narrow"`
}

type file struct {
	Path     string `wire:"path"`
	Contents string `wire:"contents" is:"base64"`
}

// Validate checks rules that span several members.
func (b *serverCreateBody) Validate(v api.Version) error {
	for _, raw := range []json.RawMessage{b.Hints, b.OldHints} {
		if len(raw) == 0 {
			continue
		}
		if err := api.Decode(raw, v, &hints{}); err != nil {
			return err
		}
	}
	in := &b.Server
	if in.Image != "" && !ids.IsUUID(in.Image) {
		return fault.Invalidf("Invalid input for field/attribute imageRef: '%s' is neither a UUID nor empty.", in.Image)
	}
	if in.Max > 0 && in.Min > in.Max {
		return fault.Invalidf("min_count must be <= max_count")
	}
	if in.Zone != "" && strings.Count(in.Zone, ":") > 2 {
		return fault.Invalidf("The availability zone '%s' is not in the form zone:host:node.", in.Zone)
	}
	return nil
}

type serverCreated struct {
	ID         string         `wire:"id"`
	Links      []wire.Link    `wire:"links"`
	DiskConfig string         `wire:"OS-DCF:diskConfig"`
	AdminPass  opt.Of[string] `wire:"adminPass"`
	Groups     []nameView     `wire:"security_groups" omit:"empty"`
}

type serverEnvelope struct {
	Server serverCreated `wire:"server"`
}

type reserved struct {
	ReservationID string `wire:"reservation_id"`
}

func (a *serversAPI) create(ctx context.Context, r *api.Request, body *serverCreateBody) (any, error) {
	args, err := createArgs(r, body)
	if err != nil {
		return nil, err
	}
	if err := a.zeroDisk(ctx, r, args.Flavor); err != nil {
		return nil, err
	}
	made, err := a.Servers.Create(ctx, args)
	if err != nil {
		return nil, err
	}
	if body.Server.ReservationID {
		return reserved{made.ReservationID}, nil
	}
	v := made.Servers[0]
	out := serverCreated{ID: v.ID, Links: wire.SelfLinks(r, "/servers/"+v.ID), DiskConfig: v.DiskConfig,
		AdminPass: a.AdminPass(args.AdminPass)}
	for _, g := range v.SecurityGroups {
		out.Groups = append(out.Groups, nameView{g})
	}
	r.SetHeader("Location", out.Links[0].Href)
	return serverEnvelope{out}, nil
}

// canonical is the shortest form of an address. Texts that are no address were rejected before.
func canonical(text string) string {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.String()
	}
	return text
}

func createArgs(r *api.Request, body *serverCreateBody) (servers.CreateArgs, error) {
	in := &body.Server
	args := servers.CreateArgs{Name: in.Name, Hostname: in.Hostname + in.FQDN, Description: in.Description.Ptr(),
		Flavor: in.Flavor, Image: in.Image,
		KeyName: in.KeyName, Metadata: in.Metadata, Tags: in.Tags, UserData: in.UserData, ConfigDrive: in.ConfigDrive,
		AdminPass:  wire.PasswordOr(in.AdminPass),
		AccessIPv4: in.AccessIPv4, AccessIPv6: canonical(in.AccessIPv6), DiskConfig: in.DiskConfig, Host: in.Host,
		Node: in.Node, Hints: body.Hints,
		Min: in.Min, Max: in.Max, External: r.Allowed(policies.NetworkAttachExternalNetwork, nil)}
	if i := strings.LastIndexByte(args.Flavor, '/'); i >= 0 {
		args.Flavor = args.Flavor[i+1:] // old clients send the flavor's link
	}
	if args.Max == 0 {
		args.Max = args.Min
	}
	if len(args.Hints) == 0 {
		args.Hints = body.OldHints
	}
	for _, g := range in.Groups {
		if g.Name != "" && !slices.Contains(args.SecurityGroups, g.Name) {
			args.SecurityGroups = append(args.SecurityGroups, g.Name)
		}
	}
	var err error
	if args.Files, err = filesOf(in.Files); err != nil {
		return args, err
	}
	if in.Certificates.Has() {
		return args, fault.Invalidf(noCertificates)
	}
	if err := blockDevices(r, in, &args); err != nil {
		return args, err
	}
	if err := placement(r, in, &args); err != nil {
		return args, err
	}
	return args, chooseNetworks(r, in, &args)
}

// placement reads the requested zone, host and node, and checks whether the caller may choose them.
func placement(r *api.Request, in *serverCreate, args *servers.CreateArgs) error {
	zone, rest, forced := strings.Cut(in.Zone, ":")
	args.AZ = zone
	if forced {
		if in.Host != "" || in.Node != "" {
			return fault.Invalidf("The availability zone names a host, so host and hypervisor_hostname must not.")
		}
		if err := r.Require(policies.ServersCreateForcedHost, nil); err != nil {
			return err
		}
		args.Host, args.Node, _ = strings.Cut(rest, ":")
		args.Force = args.Host != "" || args.Node != ""
	}
	if in.Host != "" || in.Node != "" {
		return r.Require(policies.ServersCreateRequestedDestination, nil)
	}
	return nil
}

// zeroDisk requires a rule for flavors without a disk size: the disks of their servers are as large as the image.
func (a *serversAPI) zeroDisk(ctx context.Context, r *api.Request, id string) error {
	f, err := a.Flavors.Flavor(ctx, id)
	if err != nil || f.Disk != 0 {
		return fault.Body(err)
	}
	return r.Require(policies.ServersCreateZeroDiskFlavor, nil)
}
