package nft

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"hypernova/neutron"
)

// Mode is how connection state reaches the bridge family.
type Mode string

// The two forms of the ruleset.
const (
	Native Mode = "native"
	Mark   Mode = "mark"
)

// The tables that are the agent's, whole.
const (
	portsTable   = "bridge hypernova_ports"
	zonesTable   = "inet hypernova_zones"
	guardTable   = "bridge hypernova_guard"
	outsideTable = "inet hypernova_outside"
)

// owned is the name of a table of one owner.
func owned(table string, owner uint32) string {
	if owner == 0 {
		return table
	}
	return fmt.Sprintf("%s_%08x", table, owner)
}

// Bits of the packet mark; the others are left alone. The first two are of mark mode. The next three say which chains
// of the ports' table a frame has passed: the guard drops a frame that lacks one, so that losing that table closes the
// ports instead of opening them.
const (
	markEstablished = 0x00040000
	markInvalid     = 0x00080000
	markSource      = 0x00100000
	markSent        = 0x00200000
	markReceived    = 0x00400000
	markChecked     = markSource | markSent | markReceived
)

// Ruleset is what a host filters.
type Ruleset struct {
	Mode     Mode
	Owner    uint32 // number of the cloud, which tells its tables from those of other clouds on the same host
	Networks []Network
	Ports    []Port
	Groups   []neutron.HostGroup
	Outside  Outside // zero: none
}

// Outside is a bridge behind which the host translates addresses: what leaves the host from there gets the host's.
type Outside struct {
	Bridge string
	Subnet netip.Prefix
}

// Network is a bridge and the devices on it that are not guests.
type Network struct {
	ID, Bridge string
	Zone       uint16
	DHCP       string   // the one device whose DHCP answers reach guests; empty: none
	Tunnel     string   // empty: none
	Uplink     string   // the device to a physical network; empty: none
	Trusted    []string // devices that send and receive anything: ports of routers
}

// Port is a guest's device. A port that is not Secure is not filtered at all.
type Port struct {
	ID, Network, Device string
	MAC                 string
	Sources             []Source // what it may send from; the MAC's own link-local address is always among them
	Secure              bool
	Groups              []string
}

// Source is a MAC and addresses that may be used with it.
type Source struct {
	MAC string
	IP  netip.Prefix
}

// Tables is the ruleset in the form that can be written, whole or as a difference. Equal rulesets give equal tables.
func (r Ruleset) Tables() Tables {
	b := &builder{Ruleset: r, remotes: map[string][]netip.Prefix{}}
	b.Networks = slices.SortedFunc(slices.Values(r.Networks), func(x, y Network) int {
		return strings.Compare(x.ID, y.ID)
	})
	b.Ports = slices.SortedFunc(slices.Values(r.Ports), func(x, y Port) int { return strings.Compare(x.ID, y.ID) })
	b.Groups = slices.SortedFunc(slices.Values(r.Groups), func(x, y neutron.HostGroup) int {
		return strings.Compare(x.ID, y.ID)
	})
	var out Tables
	for _, name := range Names(r.Owner) {
		out = append(out, table{name: name})
	}
	b.table = &out[0]
	if b.Mode == Mark {
		b.zones()
	}
	b.table = &out[1]
	inside := b.ports()
	b.table = &out[2]
	b.guard(inside)
	b.table = &out[3]
	b.outside()
	return out
}

// Names are the tables of an owner, in nft's words.
func Names(owner uint32) []string {
	return []string{owned(zonesTable, owner), owned(portsTable, owner), owned(guardTable, owner),
		owned(outsideTable, owner)}
}

type builder struct {
	Ruleset
	*table                            // that is being built
	remotes map[string][]netip.Prefix // named sets by name
}

func (t *table) chain(name string, lines ...string) {
	t.chains = append(t.chains, chain{name, lines})
}

// set adds a named set or map; without elements it is empty, and matches nothing.
func (t *table) set(form, name, kind string, elements []string) {
	t.sets = append(t.sets, set{form, name, kind, elements})
}

// zones is the inet table of mark mode. The zone is set before fragments are put together, which is per zone as well.
func (b *builder) zones() {
	var zones, bridges []string
	for _, n := range b.Networks {
		zones = append(zones, fmt.Sprintf("%q : %d", n.Bridge, n.Zone))
		bridges = append(bridges, fmt.Sprintf("%q", n.Bridge))
	}
	b.set("map", "zones", "typeof iifname : ct zone", zones)
	b.set("set", "bridges", "typeof iifname", bridges)
	b.chain("zone", "type filter hook prerouting priority -450;", "ct zone set iifname map @zones")
	b.chain("state", "type filter hook prerouting priority -150;",
		fmt.Sprintf("iifname @bridges meta mark set meta mark & 0x%08x", ^uint32(markEstablished|markInvalid)),
		"iifname @bridges ct state vmap { established : goto established, related : goto established, invalid : goto invalid }")
	b.chain("established", fmt.Sprintf("meta mark set meta mark | 0x%08x", markEstablished))
	b.chain("invalid", fmt.Sprintf("meta mark set meta mark | 0x%08x", markInvalid))
}

// ports is the table that filters; it returns the devices on the bridges.
func (b *builder) ports() (inside []string) {
	networks := map[string]Network{}
	var zones, answering, tunnels, filtered, limits, sources, egress, ingress []string
	for _, n := range b.Networks {
		networks[n.ID] = n
		for _, d := range append([]string{n.DHCP, n.Tunnel, n.Uplink}, n.Trusted...) {
			if d != "" {
				inside = append(inside, fmt.Sprintf("%q", d))
				zones = append(zones, fmt.Sprintf("%q : %d", d, n.Zone))
			}
		}
		if n.DHCP != "" {
			answering = append(answering, fmt.Sprintf("%q", n.DHCP))
		}
		if n.Tunnel != "" {
			tunnels = append(tunnels, fmt.Sprintf("%q", n.Tunnel))
		}
		if n.Uplink != "" && n.DHCP != "" {
			tunnels = append(tunnels, fmt.Sprintf("%q", n.Uplink)) // other hosts of the cloud are behind it as well
		}
	}
	for _, p := range b.Ports {
		inside = append(inside, fmt.Sprintf("%q", p.Device))
		zones = append(zones, fmt.Sprintf("%q : %d", p.Device, networks[p.Network].Zone))
		limits = append(limits, fmt.Sprintf("%q : jump limits-%s", p.Device, p.ID))
		if p.Secure {
			filtered = append(filtered, fmt.Sprintf("%q", p.Device))
			sources = append(sources, fmt.Sprintf("%q : jump source-%s", p.Device, p.ID))
			egress = append(egress, fmt.Sprintf("%q : jump egress-%s", p.Device, p.ID))
			ingress = append(ingress, fmt.Sprintf("%q : jump ingress-%s", p.Device, p.ID))
		}
	}
	b.set("set", "inside", "typeof iifname", inside)
	b.set("set", "answering", "typeof iifname", answering)
	b.set("set", "tunnels", "typeof oifname", tunnels)
	b.set("set", "filtered", "type ifname;", filtered)
	b.set("map", "limited", "typeof iifname : verdict", limits)
	b.set("map", "sources", "typeof iifname : verdict", sources)
	b.set("map", "senders", "typeof iifname : verdict", egress)
	b.set("map", "receivers", "typeof oifname : verdict", ingress)
	b.groupChains()
	b.remoteSets()
	b.common()
	for _, p := range b.Ports {
		b.limitsChain(p)
		if p.Secure {
			b.sourceChain(p)
			b.portChains(p, networks[p.Network])
		}
	}
	first := []string{"type filter hook prerouting priority -300;"}
	if b.Mode == Native {
		b.set("map", "zones", "typeof iifname : ct zone", zones)
		first = append(first, "ct zone set iifname map @zones")
	}
	// A chain that a port's own does not end, because it or its entry is gone, ends with a drop.
	b.chain("prerouting", append(first, setMark("iifname @inside", ^uint32(markChecked), markSource),
		"iifname vmap @sources", "iifname @filtered drop")...)
	// Guests and the host do not meet on a bridge: the host would answer ARP for all its addresses there.
	b.chain("input", "type filter hook input priority -200;", "iifname @inside drop")
	b.chain("egress", "type filter hook forward priority -200;",
		setMark("iifname @inside", ^uint32(0), markSent),
		// Each host answers its own guests, several of them perhaps by the same address.
		"oifname @tunnels iifname @answering drop",
		"oifname @tunnels arp daddr ip 169.254.169.254 drop",
		"oifname @tunnels udp sport 68 udp dport 67 drop",
		dhcpRequest+" iifname vmap @limited",
		metadataOpening+" iifname vmap @limited",
		"iifname vmap @senders",
		"iifname @filtered drop")
	b.chain("ingress", "type filter hook forward priority -199;",
		setMark("oifname @inside", ^uint32(0), markReceived), "oifname vmap @receivers", "oifname @filtered drop")
	return inside
}

// guard is the table that drops frames which the table of ports has not filtered. It runs right after that one.
func (b *builder) guard(inside []string) {
	b.set("set", "inside", "type ifname;", inside)
	b.chain("input", "type filter hook input priority -199;", "iifname @inside drop")
	b.chain("forward", "type filter hook forward priority -198;",
		fmt.Sprintf("iifname @inside meta mark & 0x%08x != 0x%08x drop", markSource|markSent, markSource|markSent),
		fmt.Sprintf("oifname @inside meta mark & 0x%08x == 0 drop", markReceived),
		setMark("oifname @inside", ^uint32(markChecked), 0)) // a tunnel's packets keep their mark
}

// outside is the table that translates what leaves the host from its outside bridge.
func (b *builder) outside() {
	if b.Outside.Bridge == "" {
		return
	}
	b.chain("postrouting", "type nat hook postrouting priority 100;",
		// Bridged packets come by here as well where the IP hooks see them.
		fmt.Sprintf("iifname %[1]q oifname != %[1]q ip saddr %[2]s masquerade", b.Outside.Bridge, b.Outside.Subnet.Masked()))
}

// setMark writes bits of the mark: those of keep stay, those of add are set.
func setMark(match string, keep, add uint32) string {
	switch {
	case add == 0:
		return fmt.Sprintf("%s meta mark set meta mark & 0x%08x", match, keep)
	case keep == ^uint32(0):
		return fmt.Sprintf("%s meta mark set meta mark | 0x%08x", match, add)
	}
	return fmt.Sprintf("%s meta mark set meta mark & 0x%08x | 0x%08x", match, keep, add)
}

// What costs the host work at a guest's will is bounded per port, in the kernel: where one guest asks too much its own
// requests are lost.
const (
	dhcpRequest     = "ether type ip udp sport 68 udp dport 67"
	metadataOpening = "ether type ip ip daddr 169.254.169.254 tcp dport 80 tcp flags & (syn | ack) == syn"
)

// limitsChain counts a port's requests to the host's servers.
func (b *builder) limitsChain(p Port) {
	b.chain("limits-"+p.ID,
		dhcpRequest+" limit rate over 10/second burst 30 packets drop",
		metadataOpening+" limit rate over 40/second burst 200 packets drop")
}

// established and invalid match a packet by its connection's state.
func (b *builder) established() string {
	if b.Mode == Native {
		return "ct state established,related"
	}
	return fmt.Sprintf("meta mark & 0x%08x != 0", markEstablished)
}

func (b *builder) invalid() string {
	if b.Mode == Native {
		return "ct state invalid"
	}
	return fmt.Sprintf("meta mark & 0x%08x != 0", markInvalid)
}

// common are the chains that all ports pass: what no security group needs to allow.
func (b *builder) common() {
	// filtered by their source already; 0x8035 announces a guest that moved here
	b.chain("sending", "ether type { arp, 0x8035 } accept",
		"ether type ip udp sport 68 udp dport 67 accept",
		"ether type ip6 udp sport 546 udp dport 547 accept",
		"ether type ip6 icmpv6 type { mld-listener-query, mld-listener-report, mld-listener-done, nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report } accept")
	b.chain("receiving", "ether type { arp, 0x8035 } accept",
		"ether type ip6 icmpv6 type { mld-listener-query, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept")
}

// portChains are what a port may send and receive. One whose groups are stateless must be allowed both directions by
// them.
func (b *builder) portChains(p Port, n Network) {
	var out, in []string
	if !b.stateless(p) {
		out = []string{b.established() + " accept", b.invalid() + " drop"}
		in = slices.Clone(out)
	}
	out, in = append(out, "jump sending"), append(in, "jump receiving")
	if n.DHCP != "" {
		in = append(in, fmt.Sprintf("iifname %q udp sport 67 udp dport 68 accept", n.DHCP))
	}
	for _, g := range slices.Sorted(slices.Values(p.Groups)) {
		if slices.ContainsFunc(b.Groups, func(x neutron.HostGroup) bool { return x.ID == g }) {
			out = append(out, "jump out-"+g)
			in = append(in, "jump in-"+g)
		}
	}
	b.chain("egress-"+p.ID, append(out, "drop")...)
	b.chain("ingress-"+p.ID, append(in, "drop")...)
}

func (b *builder) stateless(p Port) bool {
	found := false
	for _, g := range b.Groups {
		if slices.Contains(p.Groups, g.ID) {
			if !g.Stateless {
				return false
			}
			found = true
		}
	}
	return found
}

// groupChains adds the security groups and collects the sets that they use.
func (b *builder) groupChains() {
	for _, g := range b.Groups {
		var in, out []string
		for _, r := range g.Rules {
			match, ok := b.rule(r)
			switch {
			case !ok:
			case r.Ingress:
				in = append(in, match+" accept")
			default:
				out = append(out, match+" accept")
			}
		}
		slices.Sort(in)
		slices.Sort(out)
		b.chain("in-"+g.ID, slices.Compact(in)...)
		b.chain("out-"+g.ID, slices.Compact(out)...)
	}
}

func (b *builder) remoteSets() {
	names := make([]string, 0, len(b.remotes))
	for n := range b.remotes {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		prefixes := b.remotes[n]
		kind := "type ipv4_addr; flags interval;"
		if prefixes[0].Addr().Is6() {
			kind = "type ipv6_addr; flags interval;"
		}
		b.set("set", n, kind, texts(prefixes))
	}
}

// remote names the set of these prefixes; equal lists share one.
func (b *builder) remote(prefixes []netip.Prefix) string {
	sum := sha256.Sum256([]byte(strings.Join(texts(prefixes), " ")))
	name := "remote-" + hex.EncodeToString(sum[:8])
	b.remotes[name] = prefixes
	return name
}

func texts(prefixes []netip.Prefix) []string {
	out := make([]string, len(prefixes))
	for i, p := range prefixes {
		out[i] = prefixText(p)
	}
	return out
}

// prefixText writes a prefix of one address as nft prints it, so that texts can be compared.
func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// disjoint sorts prefixes and leaves out those within others: nft refuses sets whose intervals overlap.
func disjoint(prefixes []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(prefixes)
	for i := range sorted {
		sorted[i] = netip.PrefixFrom(sorted[i].Addr().Unmap(), sorted[i].Bits()).Masked()
	}
	slices.SortFunc(sorted, netip.Prefix.Compare) // by address, then the wider first
	out := sorted[:0]
	for _, p := range sorted {
		if n := len(out); n > 0 && out[n-1].Bits() <= p.Bits() && out[n-1].Contains(p.Addr()) {
			continue
		}
		out = append(out, p)
	}
	return out
}
