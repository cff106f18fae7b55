package netdev

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Snapshot reads everything of the agent's making from the kernel.
func (h *Host) Snapshot() (Snapshot, error) {
	s := Snapshot{Links: map[string]Link{}, Others: map[string]Link{}, Spaces: map[string]Space{},
		Routers: map[string]Router{}, Plugged: map[string]bool{}}
	more, err := h.wire.details(h.ipHooks)
	if err != nil {
		return s, err
	}
	links, err := list(h.h.LinkList)
	if err != nil {
		return s, fmt.Errorf("list links: %w", err)
	}
	names := map[int]string{}
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	if s.Forwarding, err = (outlets{h}).forwarding(); err != nil {
		return s, err
	}
	for _, l := range links {
		found := linkOf(l, names)
		if !Ours(found.Kind, found.Name) && shortID(found.Master, "brq") {
			s.Uplinks = append(s.Uplinks, Uplink{Dev: found.Name, Master: found.Master})
		}
		if !Ours(found.Kind, found.Name) {
			continue
		}
		if l.Attrs().Group != h.o.Owner {
			s.Others[found.Name] = found
			continue
		}
		d := more[int32(l.Attrs().Index)]
		found.Odd = d.text()
		if d.carrier && found.Kind == Tap {
			s.Plugged[found.Name] = true
		}
		s.Links[found.Name] = found
		switch found.Kind {
		case Tunnel:
			if err := h.forwards(&s, l.Attrs()); err != nil {
				return s, err
			}
		case Bridge:
			if err := h.neighbours(&s, l.Attrs()); err != nil {
				return s, err
			}
			if outsideBridge(found.Name) {
				if found.Addr, err = (outlets{h}).outsideAddress(l); err != nil {
					return s, err
				}
				if !s.Forwarding {
					found.Odd = strings.Trim(found.Odd+", "+ipForward, ", ")
				}
				s.Links[found.Name] = found
			}
		}
	}
	if err := h.listSpaces(&s); err != nil {
		return s, err
	}
	if err := (routers{h}).snapshot(&s); err != nil {
		return s, err
	}
	s.Generation, err = h.wire.generation()
	return s, err
}

// list repeats a dump that the kernel says was disturbed by a change.
func list[T any](dump func() ([]T, error)) ([]T, error) {
	for range 5 {
		out, err := dump()
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return out, err
		}
	}
	return dump()
}

func linkOf(l netlink.Link, names map[int]string) Link {
	a := l.Attrs()
	out := Link{Name: a.Name, Kind: Kind(l.Type()), MTU: a.MTU, Master: names[a.MasterIndex], Up: a.Flags&net.FlagUp != 0,
		Note: a.Alias}
	if v, ok := l.(*netlink.Vxlan); ok {
		out.VNI, out.Port = int64(v.VxlanId), v.Port
		out.Local = addr(v.SrcAddr)
	}
	return out
}

func (h *Host) forwards(s *Snapshot, dev *netlink.LinkAttrs) error {
	found, err := list(func() ([]netlink.Neigh, error) { return h.h.NeighList(dev.Index, unix.AF_BRIDGE) })
	if err != nil {
		return fmt.Errorf("list forwards of %s: %w", dev.Name, err)
	}
	known := map[string]bool{} // to the bridge
	for _, n := range found {
		if n.Flags&netlink.NTF_SELF == 0 && n.State&unix.NUD_NOARP != 0 {
			known[n.HardwareAddr.String()] = true
		}
	}
	for _, n := range found {
		mac := n.HardwareAddr.String()
		if n.Flags&netlink.NTF_SELF == 0 || n.IP == nil || mac != FloodMAC && !known[mac] {
			continue // half an entry counts as none, so that it is written again
		}
		s.Forwards = append(s.Forwards, Forward{Dev: dev.Name, MAC: mac, To: addr(n.IP)})
	}
	return nil
}

func (h *Host) neighbours(s *Snapshot, dev *netlink.LinkAttrs) error {
	found, err := list(func() ([]netlink.Neigh, error) { return h.h.NeighList(dev.Index, unix.AF_INET) })
	if err != nil {
		return fmt.Errorf("list neighbours of %s: %w", dev.Name, err)
	}
	for _, n := range found {
		if n.State&unix.NUD_PERMANENT != 0 {
			s.Neighbours = append(s.Neighbours, Neighbour{Dev: dev.Name, IP: addr(n.IP), MAC: n.HardwareAddr.String()})
		}
	}
	return nil
}

func (h *Host) listSpaces(s *Snapshot) error {
	return h.eachSpace(h.o.SpacePrefix, func(name string, sp *space) error {
		found := Space{Name: name}
		if sp != nil {
			if err := sp.read(&found); err != nil {
				return err
			}
		}
		s.Spaces[name] = found
		return nil
	})
}

// eachSpace calls fn for the cloud's namespaces whose names have a prefix; with a nil space for a name that a crash
// left without one.
func (h *Host) eachSpace(prefix string, fn func(name string, sp *space) error) error {
	names, err := spaceNames(prefix)
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for _, name := range names {
		sp, err := h.space(name)
		if err != nil {
			if abandoned(name) {
				if err := fn(name, nil); err != nil {
					return err
				}
			}
			continue
		}
		owner, err := sp.owner()
		if err != nil {
			return fmt.Errorf("look into %s: %w", name, err)
		}
		if owner != h.o.Owner {
			continue
		}
		if err := fn(name, sp); err != nil {
			return fmt.Errorf("look into %s: %w", name, err)
		}
	}
	return nil
}

// owner is the group of the loopback device, set before the namespace got its name.
func (sp *space) owner() (uint32, error) {
	lo, err := sp.h.LinkByName("lo")
	if err != nil {
		return 0, err
	}
	return lo.Attrs().Group, nil
}

func (sp *space) read(out *Space) error {
	links, err := list(sp.h.LinkList)
	if err != nil {
		return err
	}
	for _, l := range links {
		a := l.Attrs()
		if l.Type() != string(Veth) || a.Flags&net.FlagUp == 0 {
			continue
		}
		out.Inside, out.MAC, out.MTU = a.Name, a.HardwareAddr.String(), a.MTU
		if out.Addrs, err = sp.addresses(l); err != nil {
			return err
		}
		if out.Odd, err = sp.oddities(l, out.Addrs); err != nil {
			return err
		}
	}
	return nil
}

func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
