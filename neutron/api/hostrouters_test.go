package api_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron"
	"hypernova/neutron/store"
	"hypernova/oslo/db"
	"hypernova/oslo/db/dbtest"
)

// TestHostsOfRouters reads what the host of a router has to realise, and what the other hosts of its networks know.
func TestHostsOfRouters(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := serverOn(t, d)
		s.carry(t, "net1")
		known := map[string]string{}
		add := func(who, call, body, name string) {
			t.Helper()
			var path string
			var method string
			if _, err := fmt.Sscan(call, &method, &path); err != nil {
				t.Fatal(err)
			}
			status, doc := s.call(t, who, method, "/v2.0"+path, body)
			if status >= 300 {
				t.Fatalf("%s: got %d %v", call, status, doc)
			}
			for _, v := range doc {
				if m, ok := v.(map[string]any); ok && name != "" {
					known[name], _ = m["id"].(string)
				}
			}
		}
		add("admin", "POST /networks", `{"network":{"router:external":true}}`, "ext")
		add("admin", "POST /subnets", `{"subnet":{"network_id":"`+known["ext"]+`","ip_version":4,"enable_dhcp":false,
			"cidr":"198.51.100.0/24","allocation_pools":[{"start":"198.51.100.100","end":"198.51.100.199"}]}}`, "exts")
		add("member", "POST /networks", `{"network":{}}`, "n")
		add("member", "POST /subnets", `{"subnet":{"network_id":"`+known["n"]+`","ip_version":4,"cidr":"10.0.0.0/24",
			"allocation_pools":[{"start":"10.0.0.100","end":"10.0.0.199"}]}}`, "s")
		add("admin", "POST /ports", `{"port":{"network_id":"`+known["n"]+`","project_id":"p","binding:host_id":"c1",
			"fixed_ips":[{"ip_address":"10.0.0.50"}]}}`, "guest")
		add("admin", "POST /ports", `{"port":{"network_id":"`+known["ext"]+`","binding:host_id":"c1"}}`, "outer")
		add("admin", "POST /routers", `{"router":{"project_id":"p","external_gateway_info":{"network_id":"`+known["ext"]+`",
			"external_fixed_ips":[{"ip_address":"198.51.100.7"}]}}}`, "r")
		state := func(host string) (neutron.HostState, neutron.Revisions) {
			t.Helper()
			got, all, err := s.n.States.Changed(t.Context(), host, nil)
			if err != nil {
				t.Fatal(err)
			}
			return got, all
		}
		add("member", "PUT /routers/"+known["r"]+"/add_router_interface", `{"subnet_id":"`+known["s"]+`"}`, "")
		_, before := state("net1")
		_, elsewhere := state("c1")
		add("admin", "POST /floatingips", `{"floatingip":{"project_id":"p","floating_network_id":"`+known["ext"]+`",
			"floating_ip_address":"198.51.100.99","port_id":"`+known["guest"]+`"}}`, "f")
		add("member", "POST /ports", `{"port":{"network_id":"`+known["n"]+`","fixed_ips":[{"ip_address":"10.0.0.51"}]}}`,
			"inner")
		add("admin", "POST /floatingips", `{"floatingip":{"project_id":"p","floating_network_id":"`+known["ext"]+`",
			"floating_ip_address":"198.51.100.98"}}`, "many")
		add("member", "POST /floatingips/"+known["many"]+"/port_forwardings", `{"port_forwarding":{"protocol":"udp",
			"internal_port_id":"`+known["inner"]+`","internal_ip_address":"10.0.0.51","internal_port_range":"80:85",
			"external_port_range":"180:185"}}`, "pf")
		got, after := state("net1")
		want := []neutron.HostRouter{{ID: known["r"], AdminUp: true, SNAT: true,
			Ports: []neutron.HostRouterPort{
				{Network: known["ext"], Gateway: true, Addrs: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/24")},
					NextHops: []netip.Addr{netip.MustParseAddr("198.51.100.1")}},
				{Network: known["n"], Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}},
			},
			Floating: []neutron.HostFloatingIP{{ID: known["f"], Floating: netip.MustParseAddr("198.51.100.99"),
				Fixed: netip.MustParseAddr("10.0.0.50")}},
			Forwards: []neutron.HostPortForward{{ID: known["pf"], Protocol: "udp", FloatingMin: 180, FloatingMax: 185,
				Floating: netip.MustParseAddr("198.51.100.98"), Fixed: netip.MustParseAddr("10.0.0.51"), FixedMin: 80,
				FixedMax: 85}}}}
		gatewayFirst := func(a, b neutron.HostRouterPort) int {
			if a.Gateway == b.Gateway {
				return 0
			}
			if a.Gateway {
				return -1
			}
			return 1
		}
		for i := range got.Routers {
			slices.SortFunc(got.Routers[i].Ports, gatewayFirst)
		}
		if diff := cmp.Diff(want, got.Routers, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}),
			cmpopts.IgnoreFields(neutron.HostRouterPort{}, "ID", "MAC", "Subnets")); diff != "" {
			t.Errorf("routers of the host (-want +got):\n%s", diff)
		}
		for _, n := range got.Networks {
			if len(n.Ports) > 0 || len(n.DHCPIP) == 0 && n.ID == known["n"] {
				t.Errorf("network %s: got ports %v and DHCP at %v, want none and that of the other host", n.ID, n.Ports, n.DHCPIP)
			}
		}
		if section := neutron.RouterSection(known["r"]); before[section] == after[section] {
			t.Errorf("the floating IP raised no revision of %s", section)
		}
		other, all := state("c1")
		if section := neutron.NetworkSection(known["ext"]); elsewhere[section] == all[section] {
			t.Errorf("the floating IP raised no revision of %s on the other host", section)
		}
		found := map[string]bool{}
		for _, n := range other.Networks {
			for _, r := range n.Remote {
				slices.SortFunc(r.IPs, netip.Addr.Compare)
				found[fmt.Sprint(r.IPs)] = true
			}
		}
		if !found["[198.51.100.7 198.51.100.98 198.51.100.99]"] || !found["[10.0.0.1]"] {
			t.Errorf("the other host knows %v, want the gateway with its floating IP, and the interface", found)
		}
		if len(other.Routers) > 0 {
			t.Errorf("the other host has routers: %v", other.Routers)
		}
	}, dbtest.Migrations{Name: "neutron", FS: store.Migrations()})
}
