package nft

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/neutron"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", name, d)
	}
}

func example(mode Mode) Ruleset {
	const web, db = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
	src := func(mac, p string) Source { return Source{MAC: mac, IP: netip.MustParsePrefix(p)} }
	return Ruleset{
		Mode: mode,
		Networks: []Network{
			{ID: "net-b", Bridge: "brqbbbbbbbb-bb", Zone: 16385, DHCP: "tapbbbbbbbb-bb", Tunnel: "vxlan-7"},
			{ID: "net-a", Bridge: "brqaaaaaaaa-aa", Zone: 16384},
		},
		Ports: []Port{
			{ID: "aaaa0000-1", Network: "net-b", Device: "tapaaaa0000-1a", MAC: "fa:16:3e:00:00:01", Secure: true,
				Groups: []string{web, db, "unknown"}, Sources: []Source{
					src("fa:16:3e:00:00:01", "10.0.0.5/32"), src("fa:16:3e:00:00:01", "2001:db8::5/128"),
					src("fa:16:3e:00:00:01", "10.0.0.0/28"),
					src("fa:16:3e:00:00:99", "10.0.1.0/24"), src("fa:16:3e:00:00:01", "2001:db8:1::/64")}},
			{ID: "bbbb0000-2", Network: "net-a", Device: "tapbbbb0000-2b", MAC: "fa:16:3e:00:00:02", Secure: true,
				Sources: []Source{src("fa:16:3e:00:00:02", "10.0.0.5/32")}},
			{ID: "cccc0000-3", Network: "net-a", Device: "tapcccc0000-3c", MAC: "fa:16:3e:00:00:03"},
		},
		Groups: []neutron.HostGroup{
			{ID: web, Rules: []neutron.HostRule{
				{Ingress: true, Ether: 4, Protocol: "tcp", PortMin: 80, PortMax: 80, RemoteAny: true},
				{Ingress: true, Ether: 4, Protocol: "tcp", PortMin: 8000, PortMax: 8100,
					Remote: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24"), netip.MustParsePrefix("192.0.2.9/32")}},
				{Ingress: true, Ether: 6, Protocol: "icmp", PortMin: 128, PortMax: 0, RemoteAny: true},
				{Ingress: true, Ether: 4, Protocol: "icmp", PortMin: 8, PortMax: -1, RemoteAny: true},
				{Ingress: true, Ether: 4, Protocol: "112", PortMin: -1, PortMax: -1,
					Remote: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
				// a remote group without members
				{Ingress: true, Ether: 4, Protocol: "tcp", PortMin: 1, PortMax: 2},
				{Ingress: true, Ether: 4, Protocol: "nonsense", PortMin: -1, PortMax: -1, RemoteAny: true}, // allows nothing
				{Ether: 4, PortMin: -1, PortMax: -1, RemoteAny: true},
			}},
			{ID: db, Rules: []neutron.HostRule{
				{Ether: 6, Protocol: "udp", PortMin: 53, PortMax: 53,
					Remote: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
			}},
			{ID: "33333333-0000-4000-8000-000000000003", Stateless: true},
		},
	}
}

func TestRulesetGolden(t *testing.T) {
	t.Parallel()
	golden(t, "mark.nft", example(Mark).Tables().Whole())
	golden(t, "native.nft", example(Native).Tables().Whole())
	golden(t, "empty.nft", Ruleset{Mode: Mark}.Tables().Whole())
}

func TestDifferenceGolden(t *testing.T) {
	t.Parallel()
	was, now := example(Mark), example(Mark)
	now.Ports = now.Ports[1:]
	now.Ports[0].Groups = []string{was.Groups[0].ID}
	now.Groups[0].Rules = now.Groups[0].Rules[:1]
	golden(t, "difference.nft", now.Tables().Since(was.Tables()))
	if d := now.Tables().Since(now.Tables()); d != "" {
		t.Errorf("difference of equal rulesets: %s", d)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	keep := example(Mark).Keeps()
	ip := netip.MustParseAddr
	rows := []struct {
		name string
		flow Flow
		want bool
	}{
		{"not of a network", Flow{Zone: 0, Src: ip("1.1.1.1"), Dst: ip("2.2.2.2"), Proto: 6}, true},
		{"a network that is gone", Flow{Zone: 20000, Src: ip("10.0.0.5"), Dst: ip("10.0.0.6"), Proto: 6}, false},
		{"an address that is gone", Flow{Zone: 16385, Src: ip("10.0.0.99"), Dst: ip("10.0.0.98"), Proto: 6}, false},
		{"allowed in", Flow{Zone: 16385, Src: ip("10.0.0.99"), Dst: ip("10.0.0.5"), Proto: 6, DstPort: 80}, true},
		{"not allowed in", Flow{Zone: 16385, Src: ip("10.0.0.99"), Dst: ip("10.0.0.5"), Proto: 6, DstPort: 81}, false},
		{"allowed in from a prefix", Flow{Zone: 16385, Src: ip("192.0.2.200"), Dst: ip("10.0.0.5"), Proto: 6, DstPort: 8050},
			true},
		{"from outside that prefix", Flow{Zone: 16385, Src: ip("192.0.3.200"), Dst: ip("10.0.0.5"), Proto: 6, DstPort: 8050},
			false},
		{"allowed out", Flow{Zone: 16385, Src: ip("10.0.0.5"), Dst: ip("8.8.8.8"), Proto: 17, DstPort: 53}, true},
		{"a port without groups sends nothing", Flow{Zone: 16384, Src: ip("10.0.0.5"), Dst: ip("8.8.8.8"), Proto: 17,
			DstPort: 53}, false},
		{"but DHCP", Flow{Zone: 16384, Src: ip("10.0.0.5"), Dst: ip("10.0.0.2"), Proto: 17, DstPort: 67}, true},
		{"an address pair", Flow{Zone: 16385, Src: ip("10.0.1.77"), Dst: ip("8.8.8.8"), Proto: 6, DstPort: 1}, true},
	}
	for _, r := range rows {
		if got := keep(r.flow); got != r.want {
			t.Errorf("%s: keep %t, want %t", r.name, got, r.want)
		}
	}
}

func TestNarrows(t *testing.T) {
	t.Parallel()
	base := example(Mark)
	rows := []struct {
		name   string
		change func(*Ruleset)
		want   bool
	}{
		{"nothing", func(*Ruleset) {}, false},
		{"a further rule", func(r *Ruleset) {
			r.Groups[0].Rules = append(r.Groups[0].Rules, neutron.HostRule{Ether: 6, RemoteAny: true})
		}, false},
		{"a rule less", func(r *Ruleset) { r.Groups[0].Rules = r.Groups[0].Rules[1:] }, true},
		{"a port less", func(r *Ruleset) { r.Ports = r.Ports[1:] }, true},
		{"a port's group less", func(r *Ruleset) { r.Ports[0].Groups = r.Ports[0].Groups[1:] }, true},
		{"port security switched on", func(r *Ruleset) { r.Ports[2].Secure = true }, true},
	}
	for _, r := range rows {
		now := example(Mark)
		r.change(&now)
		if got := now.Narrows(base); got != r.want {
			t.Errorf("%s: narrows %t, want %t", r.name, got, r.want)
		}
	}
}

func TestDisjoint(t *testing.T) {
	t.Parallel()
	var in []netip.Prefix
	for _, p := range []string{"10.0.0.5/32", "10.0.0.0/24", "10.0.0.0/24", "10.1.0.1/16", "10.0.0.128/25", "9.0.0.0/8"} {
		in = append(in, netip.MustParsePrefix(p))
	}
	got := texts(disjoint(in))
	if d := cmp.Diff([]string{"9.0.0.0/8", "10.0.0.0/24", "10.1.0.0/16"}, got); d != "" {
		t.Error(d)
	}
}
