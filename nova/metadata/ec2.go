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
	return []string{"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01", ec2Newest}
}

// ec2Tree is meta-data of the EC2 tree: leaves by their path, "placement/availability-zone".
type ec2Tree map[string]string

func ec2(s *nova.Spec) ec2Tree {
	local := ""
	for _, p := range s.Ports {
		for _, f := range p.FixedIPs {
			if f.IP.Is4() && local == "" {
				local = f.IP.String()
			}
		}
	}
	short := strings.ReplaceAll(s.ID, "-", "")
	// The manifest path is no reminder: guests get this very word from nova.
	t := ec2Tree{"ami-id": "ami-00000001", "ami-launch-index": strconv.Itoa(s.LaunchIndex), "ami-manifest-path": "FIXME",
		"block-device-mapping/ami": "vda", "block-device-mapping/root": "/dev/vda", "hostname": fqdn(s), "instance-action": "none",
		"instance-id": "i-" + short[:min(8, len(short))], "instance-type": s.Flavor.Name, "local-hostname": fqdn(s), "local-ipv4": local,
		"placement/availability-zone": s.AZ, "public-hostname": fqdn(s), "public-ipv4": "", "reservation-id": s.ReservationID}
	if s.KeyName != "" {
		t["public-keys/0/openssh-key"] = s.PublicKey
	}
	return t
}

// read answers a path below meta-data: a leaf, or the names below a folder with a slash behind those of folders.
func (t ec2Tree) read(path, keyName string) (string, bool) {
	path = strings.Trim(path, "/")
	if leaf, ok := t[path]; ok {
		return leaf, true
	}
	if path == "public-keys" && keyName != "" {
		return "0=" + keyName, true
	}
	names := map[string]bool{}
	for k := range t {
		rest := k
		if path != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(k, path+"/"); !ok {
				continue
			}
		}
		name, _, folder := strings.Cut(rest, "/")
		if folder {
			name += "/"
		}
		names[name] = true
	}
	if len(names) == 0 {
		return "", false
	}
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	sort.Strings(list)
	return strings.Join(list, "\n"), true
}

// document is the tree as one JSON document, as config drives carry it.
func (t ec2Tree) document() map[string]any {
	root := map[string]any{}
	for path, leaf := range t {
		at := root
		parts := strings.Split(path, "/")
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = leaf
	}
	return root
}
