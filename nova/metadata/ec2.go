package metadata

import (
	"sort"
	"strconv"
	"strings"

	"hypernova/nova"
)

// ec2Newest is the newest version of the EC2 tree.
const ec2Newest = "2009-04-04"

func ec2Versions() []string {
	return []string{"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01",
		"2008-09-01", ec2Newest}
}

// ec2Since reports whether a version of the EC2 tree has what came with another; latest has everything. Versions sort
// as text.
func ec2Since(version, with string) bool { return version == latest || version >= with }

// nameKey is the member of a folder that says how the folder is called in the listing above it.
const nameKey = "_name"

// folder is a part of the EC2 tree: its members are texts, lists of texts, null and folders.
type folder map[string]any

// ec2 is the tree below a version. asker is the address that the request came from, nil where nobody asked over the
// network: it stands in for a server without an IPv4 address.
func (c Config) ec2(s *nova.Spec, version string, asker any) folder {
	name := c.fqdn(s)
	groups := s.SecurityGroups
	if groups == nil {
		groups = []string{}
	}
	short := strings.ReplaceAll(s.ID, "-", "")
	// The manifest path is no reminder: guests get this very word from nova.
	t := folder{"ami-id": "ami-00000001", "ami-launch-index": s.LaunchIndex, "ami-manifest-path": "FIXME",
		"hostname":    name,
		"instance-id": "i-" + short[:min(8, len(short))], "local-ipv4": asker, "reservation-id": s.ReservationID,
		"security-groups": groups}
	for _, p := range s.Ports {
		for _, f := range p.FixedIPs {
			if _, found := t["local-ipv4"].(address); f.IP.Is4() && !found {
				t["local-ipv4"] = address(f.IP.String())
			}
		}
	}
	if s.KeyName != "" {
		t["public-keys"] = folder{"0": folder{nameKey: "0=" + s.KeyName, "openssh-key": s.PublicKey}}
	}
	if ec2Since(version, "2007-01-19") {
		t["local-hostname"], t["public-hostname"], t["public-ipv4"] = name, name, ""
	}
	if ec2Since(version, "2007-08-29") {
		t["instance-type"] = s.Flavor.Name
	}
	if ec2Since(version, "2007-12-15") {
		t["block-device-mapping"] = mappings(s)
	}
	if ec2Since(version, "2008-02-01") {
		t["placement"] = folder{"availability-zone": s.AZ}
	}
	if ec2Since(version, "2008-09-01") {
		t["instance-action"] = "none"
	}
	return t
}

// address is an address of the server itself.
type address string

// mappings names the server's disks: the root disk, then the ephemeral ones, then swap.
func mappings(s *nova.Spec) folder {
	d := s.Disks()
	root := d.Root.Device
	if root == "" {
		root = "/dev/vda"
	}
	m := folder{"ami": strings.TrimPrefix(root, "/dev/"), "root": root}
	for i, e := range d.Ephemerals {
		m["ephemeral"+strconv.Itoa(i)] = e.Device
	}
	if d.Swap != nil {
		m["swap"] = d.Swap.Device
	}
	return m
}

// read answers a path in the tree: a leaf, or the names below a folder with a slash behind those of folders.
func (t folder) read(path []string) (string, bool) {
	var at any = t
	for _, name := range path {
		f, ok := at.(folder)
		if !ok {
			return "", false
		}
		if at, ok = f[name]; !ok {
			return "", false
		}
	}
	switch v := at.(type) {
	case folder:
		return v.listing(), true
	case []string:
		return strings.Join(v, "\n"), true
	case []byte:
		return string(v), true
	case string:
		return v, true
	case address:
		return string(v), true
	case int:
		return strconv.Itoa(v), true
	}
	return "None", true // as nova writes what is not known
}

func (t folder) listing() string {
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	sort.Strings(names)
	lines := make([]string, 0, len(names))
	for _, name := range names {
		below, isFolder := t[name].(folder)
		switch shown, ok := below[nameKey].(string); {
		case name == nameKey:
			continue
		case ok:
			lines = append(lines, shown)
		case isFolder:
			lines = append(lines, name+"/")
		default:
			lines = append(lines, name)
		}
	}
	return strings.Join(lines, "\n")
}
