//go:build linux

package agent

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"

	"hypernova/neutron"
	"hypernova/neutron/agent/netdev"
	"hypernova/neutron/agent/netdev/netdevtest"
	"hypernova/neutron/rpcapi"
	"hypernova/oslo/ids"
)

// controller plays neutron-server and keeps what agents tell it.
type controller struct {
	mu    sync.Mutex
	state map[string]neutron.HostState
	up    map[string]bool
	down  map[string]string
	calls int
}

func newController() *controller {
	return &controller{state: map[string]neutron.HostState{}, up: map[string]bool{}, down: map[string]string{}}
}

func (c *controller) set(host string, s neutron.HostState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Revision = c.state[host].Revision + 1
	c.state[host] = s
}

type view struct{ c *controller }

func (v view) state(_ context.Context, a rpcapi.HostStateArgs) (rpcapi.HostStateReply, error) {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	s := v.c.state[a.Host]
	if s.Revision == a.Known {
		return rpcapi.HostStateReply{Unchanged: true}, nil
	}
	return rpcapi.HostStateReply{State: s}, nil
}

func (v view) wired(_ context.Context, a rpcapi.PortsWiredArgs) error {
	v.c.mu.Lock()
	defer v.c.mu.Unlock()
	v.c.calls++
	for _, id := range a.Up {
		v.c.up[id] = true
		delete(v.c.down, id)
	}
	for _, id := range a.Down {
		delete(v.c.up, id)
		v.c.down[id] = a.Reasons[id]
	}
	return nil
}

func (v view) alive(context.Context, rpcapi.AgentReportArgs) error { return nil }

// testHost is a namespace with an agent whose rounds the test runs by hand.
type testHost struct {
	t     testing.TB
	name  string
	space *netdevtest.Space
	c     *controller
	conf  Config
	agent *agent
	ctx   context.Context
	stop  context.CancelFunc
}

func newTestHost(t testing.TB, c *controller, conf Config) *testHost {
	t.Helper()
	h := &testHost{t: t, space: netdevtest.New(t), c: c, conf: conf}
	h.name = conf.Host
	h.conf.Netns = h.space.Path()
	h.conf.SpacePrefix = "qt" + ids.Hex()[:6] + "-"
	h.conf = h.conf.filled()
	h.boot()
	t.Cleanup(func() {
		c.set(h.name, neutron.HostState{})
		h.round()
		h.halt()
	})
	return h
}

// boot starts an agent on the host; halt ends it, as a restart of the process would.
func (h *testHost) boot() {
	h.t.Helper()
	l := slog.New(slog.NewTextHandler(io.Discard, nil))
	if testing.Verbose() {
		l = slog.New(slog.NewTextHandler(h.t.Output(), nil))
	}
	h.agent = newAgent(h.conf, newLinux(h.conf, l), view{h.c}, nil, serviceOptions, l)
	h.ctx, h.stop = context.WithCancel(context.WithoutCancel(h.t.Context()))
	if err := h.agent.host.open(h.ctx); err != nil {
		h.t.Fatal(err)
	}
}

func (h *testHost) halt() {
	h.stop()
	if err := h.agent.host.close(); err != nil {
		h.t.Error(err)
	}
}

func (h *testHost) round() {
	h.t.Helper()
	if err := h.agent.round(h.ctx); err != nil {
		h.t.Fatal(err)
	}
}

// apply gives the host a state and makes it so.
func (h *testHost) apply(s neutron.HostState) {
	h.t.Helper()
	h.c.set(h.name, s)
	h.round()
}

func (h *testHost) power(p neutron.PortInfo) *netdevtest.Guest {
	h.t.Helper()
	return h.space.Boot(p.Device, p.MAC, p.MTU)
}

// lan is a network under construction.
type lan struct {
	neutron.HostNetwork
	next byte
}

func newLAN(kind string, vni int64) *lan { return newLANOf(kind, vni, "10.0.0.0/24") }

// newLANOf makes a network with a subnet of 24 bits, whose first address is the gateway and second DHCP's.
func newLANOf(kind string, vni int64, cidr string) *lan {
	id := ids.UUID()
	prefix := netip.MustParsePrefix(cidr)
	gateway := prefix.Addr().Next()
	sub := neutron.SubnetInfo{ID: ids.UUID(), Network: id, CIDR: prefix, Gateway: gateway, DHCP: true,
		DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}, Version: 4}
	return &lan{next: 9, HostNetwork: neutron.HostNetwork{ID: id, Name: "lan", Type: kind, Segment: vni, MTU: 1450,
		Subnets: []neutron.SubnetInfo{sub},
		DHCPIP:  []neutron.FixedIP{{Subnet: sub.ID, IP: gateway.Next()}}, DHCPMAC: "fa:16:3e:00:00:02"}}
}

func (l *lan) port(groups ...string) neutron.PortInfo {
	l.next++
	id := ids.UUID()
	fixed := l.Subnets[0].CIDR.Addr().As4()
	fixed[3] = l.next
	p := neutron.PortInfo{ID: id, Network: l.ID, MAC: fmt.Sprintf("fa:16:3e:00:01:%02x", l.next), MTU: l.MTU,
		AdminUp: true, Device: netdev.TapName(id),
		FixedIPs: []neutron.FixedIP{{Subnet: l.Subnets[0].ID, IP: netip.AddrFrom4(fixed)}},
		DeviceID: ids.UUID(), Project: ids.Hex(), DeviceOwner: "compute:nova", VIFType: "tap", PortSecurity: true,
		SecurityGroups: groups}
	l.Ports = append(l.Ports, p)
	return p
}

func ip(p neutron.PortInfo) netip.Addr { return p.FixedIPs[0].IP }

func group(rules ...neutron.HostRule) neutron.HostGroup {
	out := neutron.HostRule{Ether: 4, PortMin: -1, PortMax: -1, RemoteAny: true}
	return neutron.HostGroup{ID: ids.UUID(), Rules: append(rules, out)}
}

func allow(protocol string, port int) neutron.HostRule {
	return neutron.HostRule{Ingress: true, Ether: 4, Protocol: protocol, PortMin: port, PortMax: port, RemoteAny: true}
}

// lease asks for an address as a guest that has none does, and takes it.
func lease(t *testing.T, g *netdevtest.Guest, mac string) *dhcpv4.DHCPv4 {
	t.Helper()
	var ack *dhcpv4.DHCPv4
	g.Must(func() error {
		hw, err := net.ParseMAC(mac)
		if err != nil {
			return err
		}
		c, err := nclient4.New(netdevtest.Device, nclient4.WithHWAddr(hw), nclient4.WithTimeout(2*time.Second))
		if err != nil {
			return err
		}
		defer c.Close()
		l, err := c.Request(t.Context())
		if err != nil {
			return fmt.Errorf("no lease: %w", err)
		}
		ack = l.ACK
		return nil
	})
	return ack
}

// take configures the guest as the lease says.
func take(g *netdevtest.Guest, ack *dhcpv4.DHCPv4) {
	addr, _ := netip.AddrFromSlice(ack.YourIPAddr.To4())
	ones, _ := net.IPMask(ack.SubnetMask()).Size()
	g.Address(netip.PrefixFrom(addr, ones))
	for _, r := range ack.ClasslessStaticRoute() {
		if r.Router.IsUnspecified() {
			continue // another subnet on the same wire
		}
		dst, _ := netip.AddrFromSlice(r.Dest.IP.To4())
		bits, _ := r.Dest.Mask.Size()
		via, _ := netip.AddrFromSlice(r.Router.To4())
		g.Route(netip.PrefixFrom(dst, bits), via)
	}
}

// serve listens for TCP in a guest and echoes.
func serve(t *testing.T, g *netdevtest.Guest, port uint16) {
	t.Helper()
	g.Must(func() error {
		l, err := net.Listen("tcp4", fmt.Sprintf(":%d", port))
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() { defer c.Close(); io.Copy(c, c) }()
			}
		}()
		return nil
	})
}

// dial connects from a guest, whose end the test closes.
func dial(t *testing.T, g interface{ Do(func() error) error }, to netip.Addr, port uint16,
	patience time.Duration) (net.Conn, error) {
	t.Helper()
	var c net.Conn
	err := g.Do(func() (err error) {
		c, err = net.DialTimeout("tcp4", netip.AddrPortFrom(to, port).String(), patience)
		return err
	})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

const (
	soon  = 3 * time.Second        // what is allowed must happen within
	never = 400 * time.Millisecond // what is refused must not happen within
)

func reaches(t *testing.T, g interface{ Do(func() error) error }, to netip.Addr, port uint16) {
	t.Helper()
	if _, err := dial(t, g, to, port, soon); err != nil {
		t.Errorf("connection to %s port %d: %v, want success", to, port, err)
	}
}

func refused(t *testing.T, g interface{ Do(func() error) error }, to netip.Addr, port uint16) {
	t.Helper()
	if _, err := dial(t, g, to, port, never); err == nil {
		t.Errorf("connection to %s port %d succeeded, want refusal", to, port)
	}
}

func echo(c net.Conn, text string, patience time.Duration) error {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.Write([]byte(text)); err != nil {
		return err
	}
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(c, buf); err != nil {
		return err
	}
	if string(buf) != text {
		return fmt.Errorf("echo %q, want %q", buf, text)
	}
	return nil
}

// get reads a URL from within a guest.
func get(g *netdevtest.Guest, url string, header http.Header) (int, string, error) {
	var status int
	var body []byte
	err := g.Do(func() error {
		d := &net.Dialer{Timeout: soon}
		c, err := d.Dial("tcp4", "169.254.169.254:80") // on this thread, thus in the guest
		if err != nil {
			return err
		}
		tr := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			return c, nil
		}}
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		req.Header = header
		resp, err := (&http.Client{Transport: tr, Timeout: soon}).Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		status = resp.StatusCode
		body, err = io.ReadAll(resp.Body)
		return err
	})
	return status, string(body), err
}
