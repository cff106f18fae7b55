package store

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"hypernova/neutron"
	"hypernova/oslo/db"
)

var update = flag.Bool("update", false, "write testdata anew")

// storedForms are rows whose JSON columns are full.
func storedForms() (portRow, subnetRow) {
	ip := netip.MustParseAddr
	p := portRowOf(neutron.Port{
		Meta: neutron.Meta{Tags: []string{"a"}}, FixedIPs: []neutron.FixedIP{{Subnet: "s", IP: ip("10.0.0.9")}},
		SecurityGroups: []string{"g"}, AddressPairs: []neutron.AddressPair{{MAC: "fa:16:3e:00:00:01", IP: "10.0.0.0/24"}},
		VIFDetails: map[string]string{"port_filter": "true"},
	}, 0)
	s := subnetRowOf(neutron.Subnet{
		Pools: []neutron.Pool{{Start: ip("10.0.0.2"), End: ip("10.0.0.254")}}, DNS: []netip.Addr{ip("2001:db8::1")},
		Routes: []neutron.HostRoute{{Destination: netip.MustParsePrefix("10.9.0.0/16"), NextHop: ip("10.0.0.9")}},
	})
	return p, s
}

// The stored forms stay readable: a name in testdata/stored.json never changes.
func TestStoredForms(t *testing.T) {
	t.Parallel()
	p, s := storedForms()
	forms := map[string]any{
		"ports.tags": p.Tags.V, "ports.fixed_ips": p.FixedIPs.V, "ports.security_groups": p.SecurityGroups.V,
		"ports.allowed_address_pairs": p.AddressPairs.V, "ports.vif_details": p.VIFDetails.V,
		"subnets.allocation_pools": s.Pools.V, "subnets.dns_nameservers": s.DNS.V, "subnets.host_routes": s.Routes.V,
		"agents.configurations": map[string]string{"tunnel": "192.0.2.1"},
		"host_changes.sections": neutron.Revisions{neutron.NetworkSection("n"): 1},
	}
	got, err := json.MarshalIndent(forms, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "stored.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("stored forms changed (-golden +now):\n%s", diff)
	}
	var stored map[string]json.RawMessage
	if err := json.Unmarshal(want, &stored); err != nil {
		t.Fatal(err)
	}
	var read portRead
	var readSubnet subnetRead
	for column, into := range map[string]interface{ Scan(any) error }{
		"ports.tags": &read.Tags, "ports.fixed_ips": &read.FixedIPs, "ports.security_groups": &read.SecurityGroups,
		"ports.allowed_address_pairs": &read.AddressPairs, "ports.vif_details": &read.VIFDetails,
		"subnets.allocation_pools": &readSubnet.Pools, "subnets.dns_nameservers": &readSubnet.DNS,
		"subnets.host_routes": &readSubnet.Routes, "agents.configurations": &db.JSON[map[string]string]{},
		"host_changes.sections": &db.JSON[neutron.Revisions]{},
	} {
		if err := into.Scan([]byte(stored[column])); err != nil {
			t.Errorf("%s: %v", column, err)
		}
	}
	same := cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})
	if diff := cmp.Diff(portRead{portRow: p}.resource(), read.resource(), same); diff != "" {
		t.Errorf("a port reads back as another (-want +got):\n%s", diff)
	}
	readSubnet.CIDR = s.CIDR
	if diff := cmp.Diff((subnetRead{subnetRow: s}).resource().Pools, readSubnet.resource().Pools, same); diff != "" {
		t.Errorf("pools read back as others (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff((subnetRead{subnetRow: s}).resource().Routes, readSubnet.resource().Routes, same); diff != "" {
		t.Errorf("routes read back as others (-want +got):\n%s", diff)
	}
}
