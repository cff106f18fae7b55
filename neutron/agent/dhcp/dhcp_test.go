package dhcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"

	"hypernova/neutron"
)

var conf = Config{Lease: 24 * time.Hour, Domain: "example.org"}

func network() neutron.HostNetwork {
	a, p := netip.MustParseAddr, netip.MustParsePrefix
	return neutron.HostNetwork{
		MTU: 1450,
		Subnets: []neutron.SubnetInfo{
			{ID: "s1", CIDR: p("10.0.0.0/24"), Gateway: a("10.0.0.1"), DHCP: true, Version: 4, DNS: []netip.Addr{a("192.0.2.53"),
				a("2001:db8::53")},
				Routes: []neutron.HostRoute{{Destination: p("172.16.0.0/12"), NextHop: a("10.0.0.254")}}},
			{ID: "s2", CIDR: p("10.0.1.0/25"), Version: 4},
			{ID: "s3", CIDR: p("10.0.2.0/24"), DHCP: true, Version: 4},
		},
		DHCPIP: []neutron.FixedIP{{Subnet: "s1", IP: a("10.0.0.2")}, {Subnet: "s3", IP: a("10.0.2.2")}},
		Ports: []neutron.PortInfo{
			{MAC: "FA:16:3E:00:00:01", AdminUp: true, DNSName: "web",
				FixedIPs: []neutron.FixedIP{{Subnet: "s1", IP: a("10.0.0.5")}, {Subnet: "s3", IP: a("10.0.2.5")}}},
			{MAC: "fa:16:3e:00:00:02", AdminUp: true, FixedIPs: []neutron.FixedIP{{Subnet: "s2", IP: a("10.0.1.5")}}},
			{MAC: "fa:16:3e:00:00:03", FixedIPs: []neutron.FixedIP{{Subnet: "s1", IP: a("10.0.0.6")}}},
			{MAC: "fa:16:3e:00:00:04", AdminUp: true, FixedIPs: []neutron.FixedIP{{Subnet: "s3", IP: a("10.0.2.6")}}},
		},
	}
}

func request(t *testing.T, mac string, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	hw, err := net.ParseMAC(mac)
	if err != nil {
		t.Fatal(err)
	}
	req, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(hw),
		dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover)}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func answer(t *testing.T, req *dhcpv4.DHCPv4) *dhcpv4.DHCPv4 {
	t.Helper()
	reply, err := Reply(req, network(), conf)
	if err != nil {
		t.Fatal(err)
	}
	if reply == nil {
		return nil
	}
	parsed, err := dhcpv4.FromBytes(reply.ToBytes())
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestOffer(t *testing.T) {
	t.Parallel()
	got := answer(t, request(t, "fa:16:3e:00:00:01"))
	if got == nil || got.MessageType() != dhcpv4.MessageTypeOffer {
		t.Fatalf("answer %v, want an offer", got)
	}
	var routes []string
	for _, r := range got.ClasslessStaticRoute() {
		routes = append(routes, r.Dest.String()+" "+r.Router.String())
	}
	type offer struct {
		IP, Server, Mask, Host, Domain, Router, DNS string
		MTU                                         uint16
		Lease                                       time.Duration
		Routes                                      []string
	}
	d := cmp.Diff(offer{
		IP: "10.0.0.5", Server: "10.0.0.2", Mask: "ffffff00", Host: "web", Domain: "example.org", Router: "10.0.0.1",
		DNS: "192.0.2.53", MTU: 1450, Lease: 24 * time.Hour,
		Routes: []string{"169.254.169.254/32 10.0.0.2", "172.16.0.0/12 10.0.0.254", "10.0.1.0/25 0.0.0.0",
			"10.0.2.0/24 0.0.0.0", "0.0.0.0/0 10.0.0.1"},
	}, offer{
		IP: got.YourIPAddr.String(), Server: got.ServerIdentifier().String(), Mask: net.IPMask(got.SubnetMask()).String(),
		Host: got.HostName(), Domain: got.DomainName(),
		Router: got.Router()[0].String(), DNS: got.DNS()[0].String(),
		MTU:   binary.BigEndian.Uint16(got.Options.Get(dhcpv4.OptionInterfaceMTU)),
		Lease: got.IPAddressLeaseTime(0), Routes: routes,
	})
	if d != "" {
		t.Error(d)
	}
	if len(got.DNS()) != 1 {
		t.Errorf("name servers %v, want the IPv4 one alone", got.DNS())
	}
}

func TestWhoGetsWhat(t *testing.T) {
	t.Parallel()
	const one = "fa:16:3e:00:00:01"
	ip := func(s string) net.IP { return net.ParseIP(s).To4() }
	rows := []struct {
		name string
		req  *dhcpv4.DHCPv4
		want string
	}{
		{"unknown MAC", request(t, "fa:16:3e:00:00:99"), ""},
		{"subnet without DHCP", request(t, "fa:16:3e:00:00:02"), ""},
		{"port that is down", request(t, "fa:16:3e:00:00:03"), ""},
		{"made-up name", request(t, "fa:16:3e:00:00:04"), "OFFER 10.0.2.6 host-10-0-2-6"},
		{"request of its own", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
			dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip("10.0.0.5"))),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(ip("10.0.0.2")))), "ACK 10.0.0.5 web"},
		{"request of its second", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
			dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip("10.0.2.5")))), "ACK 10.0.2.5 web"},
		{"request of another's", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
			dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip("10.0.0.7")))), "NAK 0.0.0.0 "},
		{"another server chosen", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest),
			dhcpv4.WithOption(dhcpv4.OptServerIdentifier(ip("10.0.0.3")))), ""},
		{"renewal", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithClientIP(ip("10.0.0.5"))),
			"ACK 10.0.0.5 web"},
		{"inform", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeInform), dhcpv4.WithClientIP(ip("10.0.0.5"))),
			"ACK 0.0.0.0 web"},
		{"release", request(t, one, dhcpv4.WithMessageType(dhcpv4.MessageTypeRelease)), ""},
		{"relayed", request(t, one, dhcpv4.WithGatewayIP(ip("10.9.9.9"))), ""},
	}
	for _, r := range rows {
		got := ""
		if a := answer(t, r.req); a != nil {
			got = a.MessageType().String() + " " + a.YourIPAddr.String() + " " + a.HostName()
		}
		if got != r.want {
			t.Errorf("%s: %q, want %q", r.name, got, r.want)
		}
	}
}

func TestWindowsGetsItsRoutesToo(t *testing.T) {
	t.Parallel()
	got := answer(t, request(t, "fa:16:3e:00:00:01",
		dhcpv4.WithRequestedOptions(dhcpv4.GenericOptionCode(microsoftRoutes))))
	if d := cmp.Diff(got.Options.Get(dhcpv4.OptionClasslessStaticRoute),
		got.Options.Get(dhcpv4.GenericOptionCode(microsoftRoutes))); d != "" {
		t.Error(d)
	}
}

func TestPacketChecksums(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{"even", "odd"} {
		b := packet(net.IPv4(10, 0, 0, 2), net.IPv4(10, 0, 0, 5), []byte(payload))
		if s := checksum(b[:20], 0); s != 0 {
			t.Errorf("%s: IP checksum does not add up: %#x", payload, s)
		}
		if s := checksum(b[20:], sum(b[12:20], 17+uint32(len(b)-20))); s != 0 {
			t.Errorf("%s: UDP checksum does not add up: %#x", payload, s)
		}
	}
}

func FuzzReply(f *testing.F) {
	req, err := dhcpv4.New(dhcpv4.WithHwAddr(net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 1}),
		dhcpv4.WithMessageType(dhcpv4.MessageTypeDiscover))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(req.ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		req, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		if reply, err := Reply(req, network(), conf); err == nil && reply != nil {
			mac, ip := destination(reply)
			if len(mac) == 0 || ip.To4() == nil {
				t.Errorf("answer to nowhere: %v %v", mac, ip)
			}
		}
	})
}

// pipe is a socket whose datagrams the test writes and reads.
type pipe struct {
	in   chan []byte
	out  chan []byte
	done context.Context
	stop context.CancelFunc
}

func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case m := <-p.in:
		return copy(b, m), nil, nil
	case <-p.done.Done():
		return 0, nil, net.ErrClosed
	}
}

func (p *pipe) SendTo(_ net.HardwareAddr, b []byte) error {
	if len(p.out) == cap(p.out) {
		return errors.New("full")
	}
	p.out <- b
	return nil
}

func (p *pipe) Close() error { p.stop(); return nil }

func TestServeSurvivesRubbishAndEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := &pipe{in: make(chan []byte), out: make(chan []byte, 1)}
	p.done, p.stop = context.WithCancel(t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	server := New(conf, func(string) {}, slog.New(slog.DiscardHandler))
	go func() { ended <- server.Serve(ctx, p, network) }()
	p.in <- []byte("rubbish")
	p.in <- nil
	p.in <- request(t, "fa:16:3e:00:00:01").ToBytes()
	reply, err := dhcpv4.FromBytes((<-p.out)[28:])
	if err != nil || reply.YourIPAddr.String() != "10.0.0.5" {
		t.Errorf("answer %v %v, want 10.0.0.5", reply, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v, want nil", err)
	}
}

// TestOneGuestCannotHaveItAll: what it asks too much is counted, not answered and not logged, and its neighbour is
// answered.
func TestOneGuestCannotHaveItAll(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	server := New(conf, func(string) {}, slog.New(slog.NewTextHandler(&lines, nil)))
	p := &pipe{out: make(chan []byte, 2000)}
	said := map[string]int{}
	greedy := request(t, "fa:16:3e:00:00:01").ToBytes()
	for range 1000 {
		said[server.request(p, greedy, network())]++
	}
	if said["answered"] < burst || said["answered"] > 10*burst || said["answered"]+said["limited"] != 1000 {
		t.Errorf("a thousand requests were %v, want about %d answered and the others limited", said, burst)
	}
	two := network()
	two.Ports = append(two.Ports, neutron.PortInfo{MAC: "fa:16:3e:00:00:77", AdminUp: true,
		FixedIPs: two.Ports[0].FixedIPs})
	if got := server.request(p, request(t, "fa:16:3e:00:00:77").ToBytes(), two); got != "answered" {
		t.Errorf("the neighbour's request was %s, want answered", got)
	}
	if got := server.request(p, request(t, "fa:16:3e:ff:ff:ff").ToBytes(), network()); got != "stranger" {
		t.Errorf("a stranger's request was %s", got)
	}
	if lines.Len() > 0 {
		t.Errorf("guests wrote the log:\n%s", &lines)
	}
	p.out = nil // full
	for range 1000 {
		server.request(p, greedy, two)
	}
	for i := range 1000 {
		two.ID = fmt.Sprint(i) // each with rates of its own
		server.request(p, greedy, two)
	}
	if n := strings.Count(lines.String(), "\n"); n != 1 {
		t.Errorf("%d lines of answers that were not sent, want one", n)
	}
}
