package netdev

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Options say which namespace is the host and how things are named.
type Options struct {
	Owner uint32 // number of the cloud whose host this is; 0 is one of its own that nothing else on the machine has
	Netns string // path of the namespace that plays the host; empty: the one the process is in
	// SpacePrefix is that of the names of DHCP namespaces, which all hosts of a machine share; empty: "qdhcp-", and
	// "qrouter-" for routers.
	SpacePrefix string
	TapOwner    int // uid that may open the taps unprivileged; -1: root alone
	TapGroup    int // gid likewise
}

const defaultPrefix = "qdhcp-"

// Host changes one host. Its methods block, are safe for concurrent use, and none of them remembers what it did: the
// kernel does.
type Host struct {
	o       Options
	ns      *os.File
	h       *netlink.Handle
	wire    wire
	ipHooks bool

	mu     sync.Mutex
	spaces map[string]*space // opened namespaces by name
}

type space struct {
	file *os.File
	ino  uint64
	h    *netlink.Handle
	wire wire
}

// wire are sockets for requests that the netlink package has no words for.
type wire map[int]*nl.SocketHandle

func openWire(namespace *os.File, protocols ...int) (wire, error) {
	w := wire{}
	for _, p := range protocols {
		s, err := nl.GetNetlinkSocketAt(netns.NsHandle(namespace.Fd()), netns.None(), p)
		if err != nil {
			w.close()
			return nil, fmt.Errorf("netlink: %w", err)
		}
		w[p] = &nl.SocketHandle{Socket: s}
	}
	return w, nil
}

func (w wire) close() {
	for _, s := range w {
		s.Close()
	}
}

func (w wire) do(req *nl.NetlinkRequest, protocol int, reply uint16) ([][]byte, error) {
	req.Sockets = w
	return req.Execute(protocol, reply)
}

// Open binds to the host's namespace. It needs the rights of an administrator (CAP_NET_ADMIN and CAP_SYS_ADMIN).
func Open(o Options) (*Host, error) {
	if o.SpacePrefix == "" {
		o.SpacePrefix = defaultPrefix
	}
	if o.Netns == "" {
		o.Netns = "/proc/self/ns/net"
	}
	f, err := os.Open(o.Netns)
	if err != nil {
		return nil, fmt.Errorf("host namespace: %w", err)
	}
	h, err := netlink.NewHandleAt(netns.NsHandle(f.Fd()), unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netlink: %w", err), f.Close())
	}
	w, err := openWire(f, unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
	if err != nil {
		h.Close()
		return nil, errors.Join(err, f.Close())
	}
	return &Host{o: o, ns: f, h: h, wire: w, spaces: map[string]*space{}}, nil
}

// Close lets go of the host; everything made on it stays.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.spaces {
		h.forget(name)
	}
	h.h.Close()
	h.wire.close()
	return h.ns.Close()
}

// SpaceName is the namespace of a network.
func (h *Host) SpaceName(network string) string { return h.o.SpacePrefix + network }

// Inside runs fn on a thread in the named namespace of this host; sockets that fn makes stay there.
func (h *Host) Inside(name string, fn func() error) error {
	s, err := h.space(name)
	if err != nil {
		return err
	}
	return inside(s.file, fn)
}

// Run runs a command on the host with a bound on its time and returns what it wrote; its complaint is in the error.
func (h *Host) Run(ctx context.Context, stdin []byte, argv ...string) ([]byte, error) {
	return run(ctx, h.ns, stdin, argv...)
}

// RunIn runs a command like Run, in a router's namespace.
func (h *Host) RunIn(ctx context.Context, router string, stdin []byte, argv ...string) ([]byte, error) {
	sp, err := routers{h}.open(router)
	if err != nil {
		return nil, err
	}
	return run(ctx, sp.file, stdin, argv...)
}

func run(ctx context.Context, ns *os.File, stdin []byte, argv ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var out, complaint bytes.Buffer
	err := inside(ns, func() error {
		c := exec.CommandContext(ctx, argv[0], argv[1:]...)
		c.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
		c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(stdin), &out, &complaint
		return c.Run()
	})
	if err != nil {
		return out.Bytes(), fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}

// ShowToIPHooks makes bridges that are made from now on show their packets to the IP hooks of the packet filter, where
// connections are tracked, whatever the host-wide default is. It must be called before the host is changed, if at all.
func (h *Host) ShowToIPHooks() { h.ipHooks = true }

// BridgeFilter reports that this kernel can show bridged packets to the IP hooks of the packet filter.
func (h *Host) BridgeFilter() bool {
	return inside(h.ns, func() error {
		_, err := os.Stat("/proc/sys/net/bridge/bridge-nf-call-iptables")
		return err
	}) == nil
}

// space opens a namespace by name, once; a namespace that was replaced under its name is opened anew.
func (h *Host) space(name string) (*space, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var st unix.Stat_t
	err := unix.Stat(filepath.Join(spacesDir, name), &st)
	if s := h.spaces[name]; s != nil {
		if err == nil && st.Ino == s.ino {
			return s, nil
		}
		h.forget(name)
	}
	f, err := openSpace(name)
	if err != nil {
		return nil, err
	}
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	protocols := []int{unix.NETLINK_ROUTE}
	if strings.HasPrefix(name, h.routerPrefix()) {
		protocols = append(protocols, unix.NETLINK_NETFILTER) // routers have a packet filter of their own
	}
	handle, err := netlink.NewHandleAt(netns.NsHandle(f.Fd()), protocols...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("netlink in %s: %w", name, err), f.Close())
	}
	w, err := openWire(f, protocols...)
	if err != nil {
		handle.Close()
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	s := &space{file: f, ino: st.Ino, h: handle, wire: w}
	h.spaces[name] = s
	return s, nil
}

// forget closes what was opened of a namespace; the caller holds mu.
func (h *Host) forget(name string) {
	if s := h.spaces[name]; s != nil {
		s.h.Close()
		s.wire.close()
		s.file.Close()
		delete(h.spaces, name)
	}
}

func spaceNames(prefix string) ([]string, error) {
	entries, err := os.ReadDir(spacesDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if id, ok := strings.CutPrefix(e.Name(), prefix); ok && isUUID(id) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func isUUID(s string) bool {
	parts := strings.Split(s, "-")
	return len(s) == 36 && len(parts) == 5 && shortID(s[:idLength], "") &&
		!slices.ContainsFunc(parts, func(p string) bool { return !hexDigits(p) })
}

// sysctl writes a setting of the calling thread's namespace.
func sysctl(name, value string) error {
	err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // no IPv6 in this kernel, so nothing to switch off
	}
	return err
}
