package netdev

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// announce tells the neighbours of a router about all its addresses.
func (h routers) announce(r Router) error {
	sp, err := h.open(r.Name)
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range r.Ports {
		errs = append(errs, sp.announce(p, p.Addrs))
	}
	return errors.Join(errs...)
}

// announce tells the neighbours at a port which MAC has these addresses: gratuitous ARP, and unsolicited neighbour
// advertisements. Switches learn from it where the MAC is.
func (sp *space) announce(p RouterPort, addrs []netip.Prefix) error {
	mac, err := net.ParseMAC(p.MAC)
	if err != nil {
		return err
	}
	return inside(sp.file, func() error {
		dev, err := net.InterfaceByName(p.Inside)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("announce: %w", err)
		}
		defer unix.Close(fd)
		for _, a := range addrs {
			frame := gratuitousARP(mac, a.Addr())
			if a.Addr().Is6() {
				frame = neighbourAdvertisement(mac, a.Addr())
			}
			if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: dev.Index}); err != nil {
				return fmt.Errorf("announce %s: %w", a.Addr(), err)
			}
		}
		return nil
	})
}

// gratuitousARP is an announcement as of RFC 5227: a request for the sender's own address.
func gratuitousARP(mac net.HardwareAddr, ip netip.Addr) []byte {
	four := ip.As4()
	f := slices.Concat(net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac, []byte{0x08, 0x06})
	f = append(f, 0, 1, 8, 0, 6, 4, 0, 1)
	return slices.Concat(f, mac, four[:], make([]byte, 6), four[:])
}

// neighbourAdvertisement is one that was not asked for (RFC 4861): a router's, overriding what caches hold.
func neighbourAdvertisement(mac net.HardwareAddr, ip netip.Addr) []byte {
	const overrideFromRouter = 0xa0
	all := netip.MustParseAddr("ff02::1").As16()
	src := ip.As16()
	body := slices.Concat([]byte{136, 0, 0, 0, overrideFromRouter, 0, 0, 0}, src[:], []byte{2, 1}, mac)
	pseudo := slices.Concat(src[:], all[:], []byte{0, 0, 0, byte(len(body)), 0, 0, 0, unix.IPPROTO_ICMPV6})
	binary.BigEndian.PutUint16(body[2:], checksum(slices.Concat(pseudo, body)))
	head := []byte{0x60, 0, 0, 0, 0, byte(len(body)), unix.IPPROTO_ICMPV6, 255}
	return slices.Concat(net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}, mac, []byte{0x86, 0xdd}, head, src[:], all[:], body)
}

// checksum is that of the Internet protocols, over an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
