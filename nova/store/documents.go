package store

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"hypernova/nova"
	"hypernova/oslo/db"
)

// The types here are the stored form of JSON columns. They are apart from the types that the rest of compute uses, so
// that a field can be renamed there without losing what is stored. testdata has a golden file for each; fields are only
// added.

type flavorJSON struct {
	ID          string            `json:"flavorid"`
	Name        string            `json:"name"`
	VCPUs       int               `json:"vcpus"`
	MemoryMB    int               `json:"ram"`
	DiskGB      int               `json:"disk"`
	EphemeralGB int               `json:"ephemeral"`
	SwapMB      int               `json:"swap"`
	RxTxFactor  float64           `json:"rxtx_factor"`
	Public      bool              `json:"public"`
	Disabled    bool              `json:"disabled"`
	Description *string           `json:"description"`
	ExtraSpecs  map[string]string `json:"extra_specs"`
	Projects    []string          `json:"projects,omitempty"`
}

func flavorForm(f *nova.Flavor) *flavorJSON {
	if f == nil {
		return nil
	}
	return &flavorJSON{ID: f.ID, Name: f.Name, VCPUs: f.VCPUs, MemoryMB: f.RAM, DiskGB: f.Disk, EphemeralGB: f.Ephemeral,
		SwapMB: f.Swap, RxTxFactor: f.RxTxFactor, Public: f.Public, Disabled: f.Disabled, Description: f.Description,
		ExtraSpecs: f.ExtraSpecs, Projects: f.Projects}
}

func (j *flavorJSON) value() *nova.Flavor {
	return &nova.Flavor{ID: j.ID, Name: j.Name, VCPUs: j.VCPUs, RAM: j.MemoryMB, Disk: j.DiskGB, Ephemeral: j.EphemeralGB,
		Swap: j.SwapMB, RxTxFactor: j.RxTxFactor, Public: j.Public, Disabled: j.Disabled, Description: j.Description,
		ExtraSpecs: j.ExtraSpecs, Projects: j.Projects}
}

type imageJSON struct {
	ID              string            `json:"ID"`
	Name            string            `json:"Name"`
	DiskFormat      string            `json:"DiskFormat"`
	ContainerFormat string            `json:"ContainerFormat"`
	Checksum        string            `json:"Checksum"`
	HashAlgo        string            `json:"HashAlgo"`
	HashValue       string            `json:"HashValue"`
	Size            int64             `json:"Size"`
	MinDisk         int64             `json:"MinDisk"`
	MinRAM          int64             `json:"MinRAM"`
	Properties      map[string]string `json:"Properties"`
}

func imageForm(i *nova.ImageMeta) *imageJSON {
	if i == nil {
		return nil
	}
	return &imageJSON{ID: i.ID, Name: i.Name, DiskFormat: i.DiskFormat, ContainerFormat: i.ContainerFormat,
		Checksum: i.Checksum, HashAlgo: i.HashAlgo, HashValue: i.HashValue, Size: i.Size, MinDisk: i.MinDisk,
		MinRAM: i.MinRAM, Properties: i.Properties}
}

func (j *imageJSON) value() *nova.ImageMeta {
	return &nova.ImageMeta{ID: j.ID, Name: j.Name, DiskFormat: j.DiskFormat, ContainerFormat: j.ContainerFormat,
		Checksum: j.Checksum, HashAlgo: j.HashAlgo, HashValue: j.HashValue, Size: j.Size, MinDisk: j.MinDisk,
		MinRAM: j.MinRAM, Properties: j.Properties}
}

type addressJSON struct {
	Network string `json:"n"`
	IP      string `json:"ip"`
	Version int    `json:"v"`
	MAC     string `json:"mac"`
	Type    string `json:"t"`
	Port    string `json:"port"`
}

func addressForm(a *nova.Address) addressJSON {
	return addressJSON{Network: a.Network, IP: a.IP, Version: a.Version, MAC: a.MAC, Type: a.Type, Port: a.Port}
}

func (j *addressJSON) value() nova.Address {
	return nova.Address{Network: j.Network, IP: j.IP, Version: j.Version, MAC: j.MAC, Type: j.Type, Port: j.Port}
}

// addressKeys are the members of addressJSON.
var addressKeys = []string{"n", "ip", "v", "mac", "t", "port"}

func decodeAddresses(text string) ([]nova.Address, error) {
	var out []nova.Address
	if db.FlatObjects(text, addressKeys, func(v []string) bool {
		version, err := strconv.Atoi(v[2])
		out = append(out, nova.Address{Network: v[0], IP: v[1], Version: version, MAC: v[3], Type: v[4], Port: v[5]})
		return err == nil
	}) {
		return out, nil
	}
	var addresses []addressJSON
	err := decode(text, &addresses)
	return each(addresses, (*addressJSON).value), err
}

type faultJSON struct {
	Code    int       `json:"Code"`
	Message string    `json:"Message"`
	Details string    `json:"Details"`
	Created time.Time `json:"Created"`
}

func faultForm(f *nova.Fault) *faultJSON {
	if f == nil {
		return nil
	}
	return &faultJSON{Code: f.Code, Message: f.Message, Details: f.Details, Created: f.Created}
}

func (j *faultJSON) value() *nova.Fault {
	return &nova.Fault{Code: j.Code, Message: j.Message, Details: j.Details, Created: j.Created}
}

// blockDeviceJSON is a row of a server's block device mapping.
type blockDeviceJSON struct {
	Source              string `json:"source_type"`
	Dest                string `json:"destination_type"`
	BootIndex           *int   `json:"boot_index"`
	Format              string `json:"guest_format,omitempty"`
	Device              string `json:"device_name,omitempty"`
	Type                string `json:"device_type,omitempty"`
	Bus                 string `json:"disk_bus,omitempty"`
	Size                int    `json:"volume_size,omitempty"`
	Image               string `json:"image_id,omitempty"`
	Volume              string `json:"volume_id,omitempty"`
	Snapshot            string `json:"snapshot_id,omitempty"`
	VolumeType          string `json:"volume_type,omitempty"`
	Tag                 string `json:"tag,omitempty"`
	DeleteOnTermination bool   `json:"delete_on_termination"`
	NoDevice            bool   `json:"no_device,omitempty"`
}

func blockDeviceForm(d *nova.BlockDevice) blockDeviceJSON { return blockDeviceJSON(*d) }

func (j *blockDeviceJSON) value() nova.BlockDevice { return nova.BlockDevice(*j) }

// nicJSON is a NIC in the network cache of a server.
type nicJSON struct {
	ID             string            `json:"ID"`
	Name           string            `json:"Name"`
	Project        string            `json:"Project"`
	Network        string            `json:"Network"`
	NetworkName    string            `json:"NetworkName"`
	MAC            string            `json:"MAC"`
	FixedIPs       []fixedIPJSON     `json:"FixedIPs"`
	Subnets        []subnetJSON      `json:"Subnets"`
	MTU            int               `json:"MTU"`
	AdminUp        bool              `json:"AdminUp"`
	Status         string            `json:"Status"`
	DeviceID       string            `json:"DeviceID"`
	DeviceOwner    string            `json:"DeviceOwner"`
	Host           string            `json:"Host"`
	VNICType       string            `json:"VNICType"`
	VIFType        string            `json:"VIFType"`
	Device         string            `json:"Device"`
	SecurityGroups []string          `json:"SecurityGroups"`
	PortSecurity   bool              `json:"PortSecurity"`
	AddressPairs   []addressPairJSON `json:"AddressPairs"`
	DNSName        string            `json:"DNSName"`
	Created        bool              `json:"Created"`
	Tag            string            `json:"Tag"`
	Floating       []floatingJSON    `json:"Floating,omitempty"`
}

type floatingJSON struct {
	Fixed netip.Addr `json:"Fixed"`
	IP    netip.Addr `json:"IP"`
}

type fixedIPJSON struct {
	Subnet string     `json:"Subnet"`
	IP     netip.Addr `json:"IP"`
}

type addressPairJSON struct {
	MAC string `json:"MAC"`
	IP  string `json:"IP"`
}

type subnetJSON struct {
	ID          string       `json:"ID"`
	Name        string       `json:"Name"`
	Network     string       `json:"Network"`
	CIDR        netip.Prefix `json:"CIDR"`
	Gateway     netip.Addr   `json:"Gateway"`
	DHCP        bool         `json:"DHCP"`
	DNS         []netip.Addr `json:"DNS"`
	Routes      []routeJSON  `json:"Routes"`
	Version     int          `json:"Version"`
	AddressMode string       `json:"AddressMode"`
}

type routeJSON struct {
	Destination netip.Prefix `json:"Destination"`
	NextHop     netip.Addr   `json:"NextHop"`
}

func nicForm(p *nova.NIC) nicJSON {
	return nicJSON{ID: p.ID, Name: p.Name, Project: p.Project, Network: p.Network, NetworkName: p.NetworkName, MAC: p.MAC,
		FixedIPs: each(p.FixedIPs, func(f *nova.FixedIP) fixedIPJSON { return fixedIPJSON(*f) }),
		Subnets:  each(p.Subnets, subnetForm), MTU: p.MTU, AdminUp: p.AdminUp, Status: p.Status, DeviceID: p.DeviceID,
		DeviceOwner: p.DeviceOwner, Host: p.Host, VNICType: p.VNICType, VIFType: p.VIFType, Device: p.Device,
		SecurityGroups: p.SecurityGroups, PortSecurity: p.PortSecurity,
		AddressPairs: each(p.AddressPairs, func(a *nova.AddressPair) addressPairJSON { return addressPairJSON(*a) }),
		DNSName:      p.DNSName, Created: p.Created, Tag: p.Tag,
		Floating: each(p.Floating, func(f *nova.FloatingPair) floatingJSON { return floatingJSON(*f) })}
}

func (j *nicJSON) value() nova.NIC {
	return nova.NIC{ID: j.ID, Name: j.Name, Project: j.Project, Network: j.Network, NetworkName: j.NetworkName,
		MAC:      j.MAC,
		FixedIPs: each(j.FixedIPs, func(f *fixedIPJSON) nova.FixedIP { return nova.FixedIP(*f) }),
		Subnets:  each(j.Subnets, (*subnetJSON).value), MTU: j.MTU, AdminUp: j.AdminUp, Status: j.Status,
		DeviceID: j.DeviceID, DeviceOwner: j.DeviceOwner, Host: j.Host, VNICType: j.VNICType, VIFType: j.VIFType,
		Device: j.Device, SecurityGroups: j.SecurityGroups, PortSecurity: j.PortSecurity,
		AddressPairs: each(j.AddressPairs, func(a *addressPairJSON) nova.AddressPair { return nova.AddressPair(*a) }),
		DNSName:      j.DNSName, Created: j.Created, Tag: j.Tag,
		Floating: each(j.Floating, func(f *floatingJSON) nova.FloatingPair { return nova.FloatingPair(*f) })}
}

func subnetForm(s *nova.Subnet) subnetJSON {
	return subnetJSON{ID: s.ID, Name: s.Name, Network: s.Network, CIDR: s.CIDR, Gateway: s.Gateway, DHCP: s.DHCP,
		DNS:     s.DNS,
		Routes:  each(s.Routes, func(r *nova.HostRoute) routeJSON { return routeJSON(*r) }),
		Version: s.Version, AddressMode: s.AddressMode}
}

func (j *subnetJSON) value() nova.Subnet {
	return nova.Subnet{ID: j.ID, Name: j.Name, Network: j.Network, CIDR: j.CIDR, Gateway: j.Gateway, DHCP: j.DHCP,
		DNS:     j.DNS,
		Routes:  each(j.Routes, func(r *routeJSON) nova.HostRoute { return nova.HostRoute(*r) }),
		Version: j.Version, AddressMode: j.AddressMode}
}

// each converts the elements of a slice; nil stays nil, since the two have different JSON.
func each[A, B any](in []A, convert func(*A) B) []B {
	if in == nil {
		return nil
	}
	out := make([]B, len(in))
	for i := range in {
		out[i] = convert(&in[i])
	}
	return out
}

// empty reports a document without content, which needs no decoder.
func empty(text string) bool { return text == "" || text == "{}" || text == "[]" || text == "null" }

// encode is for values that always have a JSON form.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// decode reads a document, whose empty forms leave into as it is.
func decode(text string, into any) error {
	if empty(text) {
		return nil
	}
	return json.Unmarshal([]byte(text), into)
}

func decodePorts(text string) ([]nova.NIC, error) {
	var ports []nicJSON
	err := json.Unmarshal([]byte(text), &ports)
	return each(ports, (*nicJSON).value), err
}

// documents decodes the documents of the servers that one call reads. They have few different flavors, images and
// groups, so each text is decoded once and its value shared. The zero value is ready. It is not safe for concurrent
// use.
type documents struct {
	flavors map[string]*nova.Flavor
	images  map[string]*nova.ImageMeta
	groups  map[string][]string
	devices map[string][]nova.BlockDevice
}

func (d *documents) flavor(text string) (*nova.Flavor, error) {
	return once(&d.flavors, text, (*flavorJSON).value)
}

func (d *documents) image(text string) (*nova.ImageMeta, error) {
	return once(&d.images, text, (*imageJSON).value)
}

func (d *documents) groupNames(text string) ([]string, error) {
	return once(&d.groups, text, func(names *[]string) []string { return *names })
}

func (d *documents) blockDevices(text string) ([]nova.BlockDevice, error) {
	if empty(text) {
		return nil, nil
	}
	return once(&d.devices, text, func(rows *[]blockDeviceJSON) []nova.BlockDevice {
		return each(*rows, (*blockDeviceJSON).value)
	})
}

func once[J, V any](known *map[string]V, text string, value func(*J) V) (V, error) {
	if v, ok := (*known)[text]; ok {
		return v, nil
	}
	j := new(J)
	if err := json.Unmarshal([]byte(text), j); err != nil {
		var none V
		return none, fmt.Errorf("a copy kept with a server: %w", err)
	}
	if *known == nil {
		*known = map[string]V{}
	}
	v := value(j)
	(*known)[text] = v
	return v, nil
}
