//go:build !linux

package netdev

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
)

// Options say which namespace is the host and how things are named.
type Options struct {
	Owner              uint32
	Netns, SpacePrefix string
	TapOwner, TapGroup int
}

// Enter exists on Linux only.
func Enter(*os.File, func() error) error { return errLinux }

// Host exists on Linux only.
type Host struct{}

var errLinux = errors.New(
	"the network agent needs a Linux kernel; on other systems use the fake hypervisor, which needs no networks")

// Open says that this system cannot be a network host.
func Open(Options) (*Host, error) { return nil, errLinux }

func (h *Host) Close() error                                           { return errLinux }
func (h *Host) SpaceName(network string) string                        { return network }
func (h *Host) Run(context.Context, []byte, ...string) ([]byte, error) { return nil, errLinux }
func (h *Host) BridgeFilter() bool                                     { return false }
func (h *Host) ShowToIPHooks()                                         {}
func (h *Host) Snapshot() (Snapshot, error)                            { return Snapshot{}, errLinux }
func (h *Host) RouterName(id string) string                            { return id }
func (h *Host) RunIn(context.Context, string, []byte, ...string) ([]byte, error) {
	return nil, errLinux
}
func (h *Host) Generation(string) (uint32, error)                   { return 0, errLinux }
func (h *Host) Filter(string, []string) (Filter, error)             { return Filter{}, errLinux }
func (h *Host) Watch(context.Context, func()) error                 { return errLinux }
func (h *Host) Do(Op) error                                         { return errLinux }
func (h *Host) Cut(string, func(Flow) bool) (int, error)            { return 0, errLinux }
func (h *Host) Listen(string, netip.AddrPort) (net.Listener, error) { return nil, errLinux }
func (h *Host) ListenDatagrams(context.Context, string, string, int) (*Datagrams, error) {
	return nil, errLinux
}

// Datagrams exists on Linux only.
type Datagrams struct{ net.PacketConn }

func (d *Datagrams) SendTo(net.HardwareAddr, []byte) error { return errLinux }
