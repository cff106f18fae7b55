package netdev

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"hypernova/oslo/fault"
)

// Do applies one operation. After an error the next snapshot shows how far it came, and doing it again is safe.
func (h *Host) Do(op Op) error {
	var err error
	switch op.Verb {
	case AddLink, SetLink:
		err = h.ensureLink(op.Link)
	case RemoveLink:
		err = h.removeLink(op.Link.Name)
	case AddSpace, SetSpace:
		err = h.ensureSpace(op.Space)
	case RemoveSpace:
		err = h.dropSpace(op.Space.Name)
	case AddRouter:
		err = routers{h}.create(op.Router)
	case SetRouter:
		err = routers{h}.ensure(op.Router)
	case RemoveRouter:
		err = h.dropSpace(op.Router.Name)
	case Announce:
		err = routers{h}.announce(op.Router)
	case AddUplink:
		err = outlets{h}.uplink(op.Uplink)
	case AddForward, RemoveFwd:
		err = h.forward(op.Forward, op.Verb == AddForward)
	case AddNeighbour, RemoveNeigh:
		err = h.neighbour(op.Neighbour, op.Verb == AddNeighbour)
	default:
		err = errors.New("unknown verb")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

func (h *Host) ensureLink(want Link) error {
	l, err := h.h.LinkByName(want.Name)
	if gone(err) {
		if err := h.makeLink(want); err != nil {
			return err
		}
		l, err = h.h.LinkByName(want.Name)
	}
	if err != nil {
		return err
	}
	a := l.Attrs()
	if a.Group != h.o.Owner {
		if a.Group != 0 {
			return fault.Conflictf("the device %s belongs to another cloud on this machine (its group is %d)", want.Name,
				a.Group)
		}
		if err := h.h.LinkSetGroup(l, int(h.o.Owner)); err != nil {
			return fmt.Errorf("owner: %w", err)
		}
	}
	// Guests' frames must only be carried: without this the host itself would take part in their IPv6 networks.
	if err := inside(h.ns, func() error { return sysctl("net/ipv6/conf/"+want.Name+"/disable_ipv6", "1") }); err != nil {
		return err
	}
	if a.MTU != want.MTU {
		if err := h.h.LinkSetMTU(l, want.MTU); err != nil {
			return fmt.Errorf("mtu: %w", err)
		}
	}
	if a.Alias != want.Note {
		if err := h.h.LinkSetAlias(l, want.Note); err != nil {
			return fmt.Errorf("alias: %w", err)
		}
	}
	if err := h.enslave(l, want); err != nil {
		return err
	}
	if err := h.setTraits(l, want); err != nil {
		return err
	}
	if want.Addr.IsValid() {
		if err := (outlets{h}).lead(l, want.Addr); err != nil {
			return err
		}
	}
	switch up := a.Flags&net.FlagUp != 0; {
	case want.Up && !up:
		err = h.h.LinkSetUp(l)
	case !want.Up && up:
		err = h.h.LinkSetDown(l)
	}
	return err
}

func (h *Host) makeLink(want Link) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.Group = want.Name, want.MTU, h.o.Owner
	switch want.Kind {
	case Bridge:
		return h.h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	case Tap:
		return inside(h.ns, func() error { return makeTap(want.Name, h.o.TapOwner, h.o.TapGroup, h.own) })
	case Tunnel:
		return h.h.LinkAdd(&netlink.Vxlan{LinkAttrs: attrs, VxlanId: int(want.VNI), SrcAddr: want.Local.AsSlice(),
			Port: want.Port, Learning: false})
	case Veth:
		if other, ok := peer(want.Name); ok {
			v := netlink.NewVeth(attrs)
			v.PeerName, v.PeerMTU = other, uint32(want.MTU)
			return h.h.LinkAdd(v)
		}
	}
	return fmt.Errorf("a link of kind %s is made with its namespace", want.Kind)
}

// own marks a link by name.
func (h *Host) own(name string) error {
	l, err := h.h.LinkByName(name)
	if err != nil {
		return err
	}
	return h.h.LinkSetGroup(l, int(h.o.Owner))
}

func (h *Host) enslave(l netlink.Link, want Link) error {
	if want.Master == "" {
		return nil
	}
	m, err := h.h.LinkByName(want.Master)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", want.Master, err)
	}
	if l.Attrs().MasterIndex != m.Attrs().Index {
		if err := h.h.LinkSetMasterByIndex(l, m.Attrs().Index); err != nil {
			return fmt.Errorf("bridge %s: %w", want.Master, err)
		}
	}
	return nil
}

func (h *Host) removeLink(name string) error {
	l, err := h.h.LinkByName(name)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if outsideBridge(name) {
		if err := (outlets{h}).leadNoMore(l); err != nil {
			return err
		}
	}
	if err := h.h.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}

// dropSpace removes a namespace with what is in it.
func (h *Host) dropSpace(name string) error {
	h.mu.Lock()
	h.forget(name)
	h.mu.Unlock()
	return removeSpace(name)
}

func (h *Host) ensureSpace(want Space) error {
	if err := newSpace(want.Name, h.o.Owner); err != nil {
		return err
	}
	sp, err := h.space(want.Name)
	if err != nil {
		return err
	}
	if owner, err := sp.owner(); err != nil || owner != h.o.Owner {
		return errors.Join(err, fault.Conflictf(
			"the namespace %s belongs to another cloud on this machine (its number is %d)", want.Name, owner))
	}
	in, err := sp.h.LinkByName(want.Inside)
	if gone(err) {
		if err := h.pair(sp, want); err != nil {
			return err
		}
		in, err = sp.h.LinkByName(want.Inside)
	}
	if err != nil {
		return err
	}
	if err := sp.shape(in, want); err != nil {
		return err
	}
	return h.ensureLink(Link{Name: want.Outside, Kind: Veth, MTU: want.MTU, Master: want.Master, Up: true})
}

// pair makes the veth pair of a namespace; an outer end that lost its inner one is replaced.
func (h *Host) pair(sp *space, want Space) error {
	if err := h.removeLink(want.Outside); err != nil {
		return err
	}
	mac, err := net.ParseMAC(want.MAC)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.Group = want.Outside, want.MTU, h.o.Owner
	v := netlink.NewVeth(attrs)
	v.PeerName, v.PeerHardwareAddr, v.PeerNamespace, v.PeerMTU = want.Inside, mac, netlink.NsFd(sp.file.Fd()),
		uint32(want.MTU)
	if err := h.h.LinkAdd(v); err != nil {
		return fmt.Errorf("veth pair: %w", err)
	}
	return nil
}

// shape gives the inner end its settings, MAC, MTU, addresses and their routes.
func (sp *space) shape(in netlink.Link, want Space) error {
	if err := inside(sp.file, func() error {
		conf := "net/ipv6/conf/" + want.Inside
		return errors.Join(sysctl(conf+"/accept_ra", "0"), sysctl(conf+"/accept_dad", "0"))
	}); err != nil {
		return err
	}
	if err := sp.up("lo"); err != nil {
		return err
	}
	if err := sp.like(in, want.MAC, want.MTU); err != nil {
		return err
	}
	have := Space{Name: want.Name}
	if err := sp.read(&have); err != nil {
		return err
	}
	_, err := sp.ensureAddresses(in, have.Addrs, want.Addrs)
	return err
}

// ensureAddresses gives a device its addresses and their routes, and returns the addresses that it did not have.
func (sp *space) ensureAddresses(in netlink.Link, have, want []netip.Prefix) (fresh []netip.Prefix, err error) {
	for _, p := range have {
		if !slices.Contains(want, p) {
			if err := sp.h.AddrDel(in, address(p)); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return nil, fmt.Errorf("address %s: %w", p, err)
			}
		}
	}
	for _, p := range want {
		if !slices.Contains(have, p) {
			if err := sp.h.AddrReplace(in, address(p)); err != nil {
				return nil, fmt.Errorf("address %s: %w", p, err)
			}
			fresh = append(fresh, p)
		}
	}
	lost, err := sp.lostRoutes(in, want)
	if err != nil {
		return nil, err
	}
	for _, p := range lost {
		route := &netlink.Route{LinkIndex: in.Attrs().Index, Dst: address(p).IPNet, Scope: netlink.SCOPE_LINK,
			Protocol: unix.RTPROT_KERNEL}
		if err := sp.h.RouteReplace(route); err != nil {
			return nil, fmt.Errorf("route %s: %w", p, err)
		}
	}
	return fresh, nil
}

func address(p netip.Prefix) *netlink.Addr {
	ip := p.Addr().AsSlice()
	return &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(p.Bits(), 8*len(ip))}}
}

// forward writes or removes both halves of an entry: the tunnel's (which end) and the bridge's (which port).
func (h *Host) forward(f Forward, add bool) error {
	l, err := h.h.LinkByName(f.Dev)
	if gone(err) && !add {
		return nil
	}
	if err != nil {
		return err
	}
	mac, err := net.ParseMAC(f.MAC)
	if err != nil {
		return err
	}
	outer := &netlink.Neigh{LinkIndex: l.Attrs().Index, Family: unix.AF_BRIDGE, Flags: netlink.NTF_SELF,
		State: unix.NUD_PERMANENT | unix.NUD_NOARP, IP: f.To.AsSlice(), HardwareAddr: mac}
	inner := &netlink.Neigh{LinkIndex: l.Attrs().Index, Family: unix.AF_BRIDGE, Flags: netlink.NTF_MASTER,
		State: unix.NUD_NOARP, HardwareAddr: mac}
	flood := f.MAC == FloodMAC
	switch {
	case add && flood:
		return ignore(h.h.NeighAppend(outer), unix.EEXIST)
	case add:
		return errors.Join(h.h.NeighSet(outer), h.h.NeighSet(inner))
	case flood:
		return ignore(h.h.NeighDel(outer), unix.ENOENT)
	}
	return errors.Join(ignore(h.h.NeighDel(outer), unix.ENOENT), ignore(h.h.NeighDel(inner), unix.ENOENT))
}

func (h *Host) neighbour(n Neighbour, add bool) error {
	l, err := h.h.LinkByName(n.Dev)
	if gone(err) && !add {
		return nil
	}
	if err != nil {
		return err
	}
	mac, err := net.ParseMAC(n.MAC)
	if err != nil {
		return err
	}
	entry := &netlink.Neigh{LinkIndex: l.Attrs().Index, Family: unix.AF_INET, State: unix.NUD_PERMANENT,
		IP: n.IP.AsSlice(), HardwareAddr: mac}
	if add {
		return h.h.NeighSet(entry)
	}
	return ignore(h.h.NeighDel(entry), unix.ENOENT)
}

func gone(err error) bool {
	var missing netlink.LinkNotFoundError
	return errors.As(err, &missing)
}

func ignore(err, harmless error) error {
	if errors.Is(err, harmless) {
		return nil
	}
	return err
}
