package netdev

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen opens a TCP listener in a namespace of this host. It outlives nothing: the namespace stays alive until it is
// closed.
func (h *Host) Listen(name string, at netip.AddrPort) (net.Listener, error) {
	var l net.Listener
	err := h.Inside(name, func() (err error) {
		l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(at))
		return err
	})
	return l, err
}

// Datagrams is a UDP port on one device of a namespace, whose answers are sent to a MAC: a client that has no address
// yet cannot be asked for its MAC by ARP.
type Datagrams struct {
	net.PacketConn
	raw   *os.File
	index int
}

// ListenDatagrams opens a UDP port on a device of a namespace.
func (h *Host) ListenDatagrams(ctx context.Context, name, dev string, port int) (*Datagrams, error) {
	d := &Datagrams{}
	err := h.Inside(name, func() error {
		iface, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		d.index = iface.Index
		conf := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
			var opt error
			if err := c.Control(func(fd uintptr) { opt = unix.BindToDevice(int(fd), dev) }); err != nil {
				return err
			}
			return opt
		}}
		if d.PacketConn, err = conf.ListenPacket(ctx, "udp4", fmt.Sprintf(":%d", port)); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			d.PacketConn.Close()
			return err
		}
		d.raw = os.NewFile(uintptr(fd), "packets of "+dev)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listen on %s port %d: %w", dev, port, err)
	}
	return d, nil
}

// SendTo sends an IPv4 packet, headers included, to a MAC on the device's network.
func (d *Datagrams) SendTo(mac net.HardwareAddr, packet []byte) error {
	to := &unix.SockaddrLinklayer{Protocol: 0x0008, Ifindex: d.index, Halen: 6} // ETH_P_IP in network order
	copy(to.Addr[:], mac)
	c, err := d.raw.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	if err := c.Control(func(fd uintptr) { sent = unix.Sendto(int(fd), packet, 0, to) }); err != nil {
		return err
	}
	return sent
}

// Close ends both directions; a blocked read returns.
func (d *Datagrams) Close() error {
	return errors.Join(d.PacketConn.Close(), d.raw.Close())
}
