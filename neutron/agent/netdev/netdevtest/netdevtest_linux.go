// Package netdevtest makes network namespaces that simulate hosts and guests, for tests with real packets. Everything
// is held by open files and ends with the test, also when the test crashes.
package netdevtest

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"hypernova/neutron/agent/netdev"
)

// Space is a network namespace without a name.
type Space struct {
	t    testing.TB
	file *os.File
}

// New makes a namespace, or skips the test where that is not allowed.
func New(t testing.TB) *Space {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("real packets need network namespaces, and those need root")
	}
	type made struct {
		f   *os.File
		err error
	}
	done := make(chan made, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- made{nil, err}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		done <- made{f, err}
	}()
	m := <-done
	if m.err != nil {
		t.Skipf("real packets need network namespaces, which this machine refuses: %v", m.err)
	}
	t.Cleanup(func() { m.f.Close() })
	s := &Space{t: t, file: m.f}
	s.Must(func() error { return up("lo") })
	return s
}

// Path is a name by which the namespace can be opened while the test runs.
func (s *Space) Path() string { return fmt.Sprintf("/proc/self/fd/%d", s.file.Fd()) }

// Do runs fn on a thread inside.
func (s *Space) Do(fn func() error) error { return netdev.Enter(s.file, fn) }

// Must runs fn inside and ends the test on an error.
func (s *Space) Must(fn func() error) {
	s.t.Helper()
	if err := s.Do(fn); err != nil {
		s.t.Fatal(err)
	}
}

func up(name string) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// Join connects two namespaces by a pair of interfaces with these addresses.
func Join(a, b *Space, name string, addrA, addrB netip.Prefix) {
	a.t.Helper()
	a.Must(func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = name
		v := netlink.NewVeth(attrs)
		v.PeerName, v.PeerNamespace = name, netlink.NsFd(b.file.Fd())
		return netlink.LinkAdd(v)
	})
	a.Must(func() error { return address(name, addrA) })
	b.Must(func() error { return address(name, addrB) })
}

func address(name string, p netip.Prefix) error {
	l, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	ip := p.Addr().AsSlice()
	if err := netlink.AddrReplace(l,
		&netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(p.Bits(), 8*len(ip))}}); err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// Address gives a device of the namespace an address.
func (s *Space) Address(dev string, p netip.Prefix) {
	s.t.Helper()
	s.Must(func() error { return address(dev, p) })
}

// Links are the names of the namespace's devices that do not come with it.
func (s *Space) Links() []string {
	s.t.Helper()
	var names []string
	s.Must(func() error {
		links, err := netlink.LinkList()
		for _, l := range links {
			if l.Type() != "ifb" && l.Attrs().Name != "lo" {
				names = append(names, l.Attrs().Name)
			}
		}
		return err
	})
	return names
}

// Learned are the MACs that a bridge has seen behind one of its ports.
func (s *Space) Learned(port string) []string {
	s.t.Helper()
	var macs []string
	s.Must(func() error {
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		entries, err := netlink.NeighList(l.Attrs().Index, unix.AF_BRIDGE)
		for _, e := range entries {
			macs = append(macs, e.HardwareAddr.String())
		}
		return err
	})
	return macs
}

// Connections are the tracked IPv4 connections, in text.
func (s *Space) Connections() []string {
	s.t.Helper()
	var out []string
	s.Must(func() error {
		flows, err := netlink.ConntrackTableList(netlink.ConntrackTable, unix.AF_INET)
		for _, f := range flows {
			out = append(out, f.String())
		}
		return err
	})
	return out
}

// Device is the name of a guest's interface.
const Device = "eth0"

// Guest is a namespace whose interface is plugged into a host's tap, as a virtual machine's is.
type Guest struct {
	*Space
	wire [2]*os.File
}

// Boot makes a guest on a host's tap, which must be there.
func (s *Space) Boot(tap, mac string, mtu int) *Guest {
	s.t.Helper()
	g := &Guest{Space: New(s.t)}
	s.Must(func() (err error) { g.wire[0], err = open(tap); return err })
	g.Must(func() (err error) {
		if g.wire[1], err = open(Device); err != nil {
			return err
		}
		l, err := netlink.LinkByName(Device)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMTU(l, mtu); err != nil {
			return err
		}
		return netlink.LinkSetUp(l)
	})
	g.SetMAC(mac)
	go carry(g.wire[0], g.wire[1])
	go carry(g.wire[1], g.wire[0])
	s.t.Cleanup(func() { g.Off() })
	return g
}

// SetMAC changes the MAC that the guest sends from.
func (g *Guest) SetMAC(mac string) {
	g.t.Helper()
	g.Must(func() error {
		l, err := netlink.LinkByName(Device)
		if err != nil {
			return err
		}
		hw, err := net.ParseMAC(mac)
		if err != nil {
			return err
		}
		return netlink.LinkSetHardwareAddr(l, hw)
	})
}

// Off unplugs the guest.
func (g *Guest) Off() {
	g.wire[0].Close()
	g.wire[1].Close()
}

func carry(from, to *os.File) {
	frame := make([]byte, 65536)
	for {
		n, err := from.Read(frame)
		if err != nil {
			return
		}
		if _, err := to.Write(frame[:n]); err != nil && n > 0 {
			continue // a link that is down drops frames
		}
	}
}

// open attaches to a tap, and makes it where it is not there.
func open(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return nil, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("open tap %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Address gives the guest's interface an address.
func (g *Guest) Address(p netip.Prefix) {
	g.t.Helper()
	g.Space.Address(Device, p)
}

// Route sends a destination via a neighbour.
func (g *Guest) Route(to netip.Prefix, via netip.Addr) {
	g.t.Helper()
	g.Must(func() error {
		l, err := netlink.LinkByName(Device)
		if err != nil {
			return err
		}
		return netlink.RouteReplace(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: via.AsSlice(),
			Dst: &net.IPNet{IP: to.Addr().AsSlice(), Mask: net.CIDRMask(to.Bits(), to.Addr().BitLen())}})
	})
}
