package netdev

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"hypernova/oslo/fault"
)

// peer is the other end of a pair between a network's bridge and a bridge of the host.
func peer(name string) (string, bool) {
	if shortID(name, "int") {
		return "phy" + name[3:], true
	}
	if shortID(name, "phy") {
		return "int" + name[3:], true
	}
	return "", false
}

// outlets are what leads outside from a host.
type outlets struct{ *Host }

// uplink makes a device of the host a port of a bridge. One that has addresses, or is a port of another bridge, is in
// use for something else and is left alone.
func (h outlets) uplink(u Uplink) error {
	l, err := h.h.LinkByName(u.Dev)
	if err != nil {
		return fmt.Errorf("the device %s: %w", u.Dev, err)
	}
	m, err := h.h.LinkByName(u.Master)
	if err != nil {
		return fmt.Errorf("bridge %s: %w", u.Master, err)
	}
	switch l.Attrs().MasterIndex {
	case m.Attrs().Index:
		return nil
	case 0:
	default:
		return fault.Conflictf("the device %s is a port of another bridge: name that bridge in bridge_mappings", u.Dev)
	}
	addrs, err := list(func() ([]netlink.Addr, error) { return h.h.AddrList(l, unix.AF_UNSPEC) })
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if ip := addr(a.IP); !ip.IsLinkLocalUnicast() {
			return fault.Conflictf("the device %s has the address %s: put it on a bridge of the host and name that bridge in "+
				"bridge_mappings", u.Dev, ip)
		}
	}
	if err := h.h.LinkSetMasterByIndex(l, m.Attrs().Index); err != nil {
		return err
	}
	return h.h.LinkSetUp(l)
}

const ipForward = "net/ipv4/ip_forward"

// forwarding reports that the host forwards packets.
func (h outlets) forwarding() (on bool, err error) {
	err = inside(h.ns, func() error {
		b, err := os.ReadFile("/proc/sys/" + ipForward)
		on = strings.TrimSpace(string(b)) == "1"
		return err
	})
	return on, err
}

// lead gives the outside bridge the host's address, and has the host forward packets. An address within a network that
// another device has is refused.
func (h outlets) lead(l netlink.Link, want netip.Prefix) error {
	all, err := list(func() ([]netlink.Addr, error) { return h.h.AddrList(nil, unix.AF_INET) })
	if err != nil {
		return err
	}
	for _, a := range all {
		ones, _ := a.Mask.Size()
		have := netip.PrefixFrom(addr(a.IP), ones)
		switch {
		case a.LinkIndex != l.Attrs().Index && have.Overlaps(want):
			return fault.Conflictf("this host has addresses of %s on another device: choose another network with "+
				"external_address", want.Masked())
		case a.LinkIndex == l.Attrs().Index && have != want:
			if err := h.h.AddrDel(l, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
				return fmt.Errorf("address %s: %w", have, err)
			}
		}
	}
	if err := h.h.AddrReplace(l, address(want)); err != nil {
		return fmt.Errorf("address %s: %w", want, err)
	}
	return inside(h.ns, func() error { return sysctl(ipForward, "1") })
}

// leadNoMore has the host forward no packets any more where it did not before there was an outside bridge, unless
// another cloud has one.
func (h outlets) leadNoMore(l netlink.Link) error {
	if l.Attrs().Alias != ForwardNote {
		return nil
	}
	links, err := list(h.h.LinkList)
	if err != nil {
		return err
	}
	for _, other := range links {
		if name := other.Attrs().Name; outsideBridge(name) && name != l.Attrs().Name {
			return nil
		}
	}
	return inside(h.ns, func() error { return sysctl(ipForward, "0") })
}

// outsideAddress is the host's address on the outside bridge; invalid where it has none, or another besides.
func (h outlets) outsideAddress(l netlink.Link) (netip.Prefix, error) {
	found, err := list(func() ([]netlink.Addr, error) { return h.h.AddrList(l, unix.AF_INET) })
	if err != nil || len(found) != 1 {
		return netip.Prefix{}, err
	}
	ones, _ := found[0].Mask.Size()
	return netip.PrefixFrom(addr(found[0].IP), ones), nil
}
