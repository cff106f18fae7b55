package servers

import (
	"encoding/json"
	"net/netip"

	"hypernova/nova"
	"hypernova/nova/api/policies"
	"hypernova/nova/servers"
	"hypernova/oslo/api"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// nic is one network interface that is asked for.
type nic struct {
	Network string         `wire:"uuid" is:"uuid"`
	FixedIP string         `wire:"fixed_ip" is:"ip"`
	Port    opt.Of[string] `wire:"port" is:"uuid,nullable"`
	Tag     string         `wire:"tag" mv:"2.32-2.36,2.42-" is:"minlen=1,maxlen=60,pattern=^[^,/]*$"`
}

// nicChoice is "auto", "none", or a list.
type nicChoice struct {
	Mode servers.NetworkMode
	NICs []nic
}

// UnmarshalJSON reads either form.
func (n *nicChoice) UnmarshalJSON(raw []byte) error {
	return n.read(raw, api.Version{Major: 2, Minor: 42})
}

func (n *nicChoice) read(raw []byte, v api.Version) error {
	if raw[0] != '"' {
		n.Mode = servers.NetworksListed
		return api.Decode(raw, v, &n.NICs)
	}
	var word string
	if err := json.Unmarshal(raw, &word); err != nil {
		return err
	}
	switch n.Mode = servers.NetworkMode(word); n.Mode {
	case servers.NetworksAuto, servers.NetworksNone:
		return nil
	}
	return fault.Invalidf("'%s' is neither auto nor none", word)
}

// nicChoice37 is the form of the versions that had lost the interfaces' tags.
type nicChoice37 struct{ nicChoice }

// UnmarshalJSON reads either form.
func (n *nicChoice37) UnmarshalJSON(raw []byte) error {
	return n.read(raw, api.Version{Major: 2, Minor: 37})
}

func chooseNetworks(r *api.Request, in *serverCreate, args *servers.CreateArgs) error {
	choice := in.Networks
	switch {
	case !r.AtLeast(37):
		choice = nicChoice{servers.NetworksListed, in.OldNetworks}
	case !r.AtLeast(42):
		choice = in.Networks37.nicChoice
	}
	args.Networks = choice.Mode
	if choice.Mode != servers.NetworksListed {
		return nil
	}
	if len(choice.NICs) == 0 {
		args.Networks = servers.NetworksUnsaid
		return nil
	}
	if err := r.Require(policies.ServersCreateAttachNetwork, nil); err != nil {
		return err
	}
	for _, n := range choice.NICs {
		s := nova.NICRequest{Port: n.Port.Or(""), Network: n.Network, Tag: n.Tag}
		switch {
		case s.Port == "" && s.Network == "":
			return fault.Invalidf("Bad networks format: network uuid is not in proper format ()")
		case s.Port != "" && n.FixedIP != "":
			return fault.Invalidf("Specified Fixed IP '%s' cannot be used with port '%s': the two cannot be specified together.",
				n.FixedIP, s.Port)
		case s.Port != "":
			s.Network = ""
		case n.FixedIP != "":
			s.FixedIP = netip.MustParseAddr(n.FixedIP) // checked when it was read
		}
		args.NICs = append(args.NICs, s)
	}
	return nil
}
