package netdev

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"hypernova/oslo/fault"
)

// setting is a sysctl of a namespace.
type setting struct{ name, value string }

// routerSettings are those of a router's namespace. An address is answered for on its own port alone, and packets may
// come by another port than the one that leads back. Forwarding is set last, when the ports and rules are in place.
func routerSettings() []setting {
	return []setting{
		{"net/ipv4/conf/all/rp_filter", "2"}, {"net/ipv4/conf/all/arp_ignore", "1"}, {"net/ipv4/conf/all/arp_announce", "2"},
		{"net/ipv6/conf/all/accept_ra", "0"}, {"net/ipv6/conf/default/accept_ra", "0"},
		{"net/ipv6/conf/default/accept_dad", "0"},
	}
}

func forwardSettings() []setting {
	return []setting{{"net/ipv4/ip_forward", "1"}, {"net/ipv6/conf/all/forwarding", "1"}}
}

// wrong returns the settings that the calling thread's namespace does not have as they must be.
func wrong(settings []setting) []setting {
	return slices.DeleteFunc(settings, func(s setting) bool {
		b, err := os.ReadFile(filepath.Join("/proc/sys", s.name))
		return errors.Is(err, fs.ErrNotExist) || strings.TrimSpace(string(b)) == s.value
	})
}

// routers are the routers of a host.
type routers struct{ *Host }

// RouterName is the namespace of a router.
func (h *Host) RouterName(id string) string { return h.routerPrefix() + id }

// routerPrefix is "qrouter-" where that of the DHCP namespaces is "qdhcp-".
func (h *Host) routerPrefix() string {
	if h.o.SpacePrefix == defaultPrefix {
		return "qrouter-"
	}
	return h.o.SpacePrefix + "router-"
}

func (h routers) snapshot(s *Snapshot) error {
	return h.eachSpace(h.routerPrefix(), func(name string, sp *space) error {
		found := Router{Name: name}
		if sp != nil {
			if err := sp.readRouter(&found); err != nil {
				return err
			}
		}
		s.Routers[name] = found
		return nil
	})
}

func (sp *space) readRouter(out *Router) error {
	links, err := list(sp.h.LinkList)
	if err != nil {
		return err
	}
	details, err := sp.wire.details(false)
	if err != nil {
		return err
	}
	var odd []string
	names := map[int]string{}
	for _, l := range links {
		a := l.Attrs()
		names[a.Index] = a.Name
		if l.Type() != string(Veth) || !routerPort(a.Name) || a.Flags&net.FlagUp == 0 {
			continue
		}
		p := RouterPort{Inside: a.Name, MAC: a.HardwareAddr.String(), MTU: a.MTU}
		if p.Addrs, err = sp.addresses(l); err != nil {
			return err
		}
		lost, err := sp.lostRoutes(l, p.Addrs)
		if err != nil {
			return err
		}
		for _, r := range lost {
			odd = append(odd, "route "+r.String())
		}
		if off, ok := details[int32(a.Index)].setting(noIPv6); ok && off != 0 {
			odd = append(odd, "ipv6 of "+a.Name)
		}
		out.Ports = append(out.Ports, p)
	}
	slices.SortFunc(out.Ports, func(a, b RouterPort) int { return strings.Compare(a.Inside, b.Inside) })
	routes, err := sp.routes()
	if err != nil {
		return err
	}
	for _, r := range routes {
		out.Routes = append(out.Routes, routeOf(r, names))
	}
	slices.SortFunc(out.Routes, Route.Compare)
	if err := inside(sp.file, func() error {
		for _, s := range wrong(append(routerSettings(), forwardSettings()...)) {
			odd = append(odd, s.name)
		}
		return nil
	}); err != nil {
		return err
	}
	out.Odd = strings.Join(odd, ", ")
	out.Generation, err = sp.wire.generation()
	return err
}

// addresses are a device's, without the link-local ones of IPv6 that it makes itself, sorted.
func (sp *space) addresses(l netlink.Link) ([]netip.Prefix, error) {
	found, err := list(func() ([]netlink.Addr, error) { return sp.h.AddrList(l, unix.AF_UNSPEC) })
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, x := range found {
		if ip := addr(x.IP); !ip.IsLinkLocalUnicast() || ip.Is4() {
			ones, _ := x.Mask.Size()
			out = append(out, netip.PrefixFrom(ip, ones))
		}
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return out, nil
}

// routes are those of the main table that somebody set, not the kernel.
func (sp *space) routes() ([]netlink.Route, error) {
	found, err := list(func() ([]netlink.Route, error) {
		return sp.h.RouteListFiltered(unix.AF_UNSPEC, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	})
	return slices.DeleteFunc(found, func(r netlink.Route) bool {
		return r.Protocol == unix.RTPROT_KERNEL || r.Protocol == unix.RTPROT_REDIRECT
	}), err
}

func routeOf(r netlink.Route, names map[int]string) Route {
	out := Route{Via: addr(r.Gw), Dev: names[r.LinkIndex]}
	if r.Dst != nil {
		ones, _ := r.Dst.Mask.Size()
		out.To = netip.PrefixFrom(addr(r.Dst.IP), ones)
	} else if r.Family == unix.AF_INET6 {
		out.To = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	} else {
		out.To = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return out
}

// create makes the namespace of a router, which forwards nothing yet.
func (h routers) create(want Router) error {
	if err := newSpace(want.Name, h.o.Owner); err != nil {
		return err
	}
	sp, err := h.open(want.Name)
	if err != nil {
		return err
	}
	return sp.up("lo")
}

// open opens the namespace of a router of this cloud.
func (h routers) open(name string) (*space, error) {
	sp, err := h.space(name)
	if err != nil {
		return nil, err
	}
	if owner, err := sp.owner(); err != nil || owner != h.o.Owner {
		return nil, errors.Join(err, fault.Conflictf(
			"the namespace %s belongs to another cloud on this machine (its number is %d)", name, owner))
	}
	return sp, nil
}

func (sp *space) up(name string) error {
	l, err := sp.h.LinkByName(name)
	if err != nil {
		return err
	}
	return sp.h.LinkSetUp(l)
}

// set makes settings of a namespace.
func (sp *space) set(settings []setting) error {
	return inside(sp.file, func() error {
		for _, s := range wrong(settings) {
			if err := sysctl(s.name, s.value); err != nil {
				return err
			}
		}
		return nil
	})
}

// ensure gives a router its ports, routes and settings. The namespace and its packet filter are there already.
// The neighbours are told of the addresses that are new.
func (h routers) ensure(want Router) error {
	sp, err := h.open(want.Name)
	if err != nil {
		return err
	}
	if err := sp.set(routerSettings()); err != nil {
		return err
	}
	if err := sp.dropPorts(want.Ports); err != nil {
		return err
	}
	var errs []error
	for _, p := range want.Ports {
		fresh, err := h.ensurePort(sp, p)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Inside, err))
			continue
		}
		if len(fresh) > 0 {
			errs = append(errs, sp.announce(p, fresh))
		}
	}
	return errors.Join(append(errs, sp.ensureRoutes(want.Routes), sp.set(forwardSettings()))...)
}

// dropPorts removes the ports that are not wanted any more, with their outer ends.
func (sp *space) dropPorts(want []RouterPort) error {
	links, err := list(sp.h.LinkList)
	if err != nil {
		return err
	}
	for _, l := range links {
		name := l.Attrs().Name
		wanted := slices.ContainsFunc(want, func(p RouterPort) bool { return p.Inside == name })
		if wanted || !routerPort(name) {
			continue
		}
		if err := sp.h.LinkDel(l); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// ensurePort makes one port and returns its addresses that the network may not know to be here.
func (h routers) ensurePort(sp *space, want RouterPort) (fresh []netip.Prefix, err error) {
	in, err := sp.h.LinkByName(want.Inside)
	made := gone(err)
	if made {
		pair := Space{Name: want.Inside, Outside: want.Outside, Inside: want.Inside, MAC: want.MAC, MTU: want.MTU}
		if err := h.pair(sp, pair); err != nil {
			return nil, err
		}
		in, err = sp.h.LinkByName(want.Inside)
	}
	if err != nil {
		return nil, err
	}
	if out, err := h.h.LinkByName(want.Outside); err != nil || out.Attrs().MasterIndex == 0 ||
		out.Attrs().Flags&net.FlagUp == 0 || in.Attrs().HardwareAddr.String() != want.MAC {
		made = true // it was not heard until now
	}
	if fresh, err = sp.shapePort(in, want); err != nil {
		return nil, err
	}
	if made {
		fresh = want.Addrs
	}
	return fresh, h.ensureLink(Link{Name: want.Outside, Kind: Veth, MTU: want.MTU, Master: want.Master, Up: true})
}

// shapePort gives the inner end its settings, MAC, MTU, addresses and their routes, and returns the addresses that it
// did not have.
func (sp *space) shapePort(in netlink.Link, want RouterPort) (fresh []netip.Prefix, err error) {
	conf := "net/ipv6/conf/" + want.Inside
	if err := sp.set([]setting{{conf + "/disable_ipv6", "0"}, {conf + "/accept_ra", "0"},
		{conf + "/accept_dad", "0"}}); err != nil {
		return nil, err
	}
	if err := sp.like(in, want.MAC, want.MTU); err != nil {
		return nil, err
	}
	have, err := sp.addresses(in)
	if err != nil {
		return nil, err
	}
	return sp.ensureAddresses(in, have, want.Addrs)
}

// like gives a device its MAC and MTU, and switches it on.
func (sp *space) like(in netlink.Link, mac string, mtu int) error {
	if in.Attrs().HardwareAddr.String() != mac {
		hw, err := net.ParseMAC(mac)
		if err != nil {
			return err
		}
		if err := sp.h.LinkSetHardwareAddr(in, hw); err != nil {
			return fmt.Errorf("mac: %w", err)
		}
	}
	if in.Attrs().MTU != mtu {
		if err := sp.h.LinkSetMTU(in, mtu); err != nil {
			return fmt.Errorf("mtu: %w", err)
		}
	}
	return sp.h.LinkSetUp(in)
}

// ensureRoutes makes the routes of a router the wanted ones. One that the kernel refuses does not hold up the others.
func (sp *space) ensureRoutes(want []Route) error {
	links, err := list(sp.h.LinkList)
	if err != nil {
		return err
	}
	names, indexes := map[int]string{}, map[string]int{}
	for _, l := range links {
		names[l.Attrs().Index], indexes[l.Attrs().Name] = l.Attrs().Name, l.Attrs().Index
	}
	found, err := sp.routes()
	if err != nil {
		return err
	}
	var errs []error
	have := map[Route]bool{}
	for _, r := range found {
		if one := routeOf(r, names); slices.Contains(want, one) {
			have[one] = true
			continue
		}
		if err := sp.h.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("remove the route %s: %w", r, err))
		}
	}
	for _, w := range want {
		if have[w] {
			continue
		}
		r := &netlink.Route{LinkIndex: indexes[w.Dev], Dst: address(w.To).IPNet, Protocol: unix.RTPROT_STATIC}
		if w.Via.IsValid() {
			r.Gw = w.Via.AsSlice()
		}
		if err := sp.h.RouteReplace(r); err != nil {
			errs = append(errs, fmt.Errorf("route %s via %s: %w", w.To, w.Via, err))
		}
	}
	return errors.Join(errs...)
}
