package network_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"hypernova/neutron"
	"hypernova/nova"
	"hypernova/nova/network"
)

// port is a port with a value in every field.
var port = neutron.PortInfo{
	ID: "po", Name: "web", Project: "pr", Network: "n", NetworkName: "demo", MAC: "fa:16:3e:00:00:01",
	FixedIPs: []neutron.FixedIP{{Subnet: "s", IP: netip.MustParseAddr("10.0.0.5")}},
	Subnets: []neutron.SubnetInfo{{ID: "s", Name: "sub", Network: "n", CIDR: netip.MustParsePrefix("10.0.0.0/24"),
		Gateway: netip.MustParseAddr("10.0.0.1"), DHCP: true, DNS: []netip.Addr{netip.MustParseAddr("9.9.9.9")},
		Routes: []neutron.HostRoute{{
			Destination: netip.MustParsePrefix("192.0.2.0/24"), NextHop: netip.MustParseAddr("10.0.0.2")}},
		Version: 4, AddressMode: "slaac"}},
	MTU: 1450, AdminUp: true, Status: "ACTIVE", DeviceID: "vm", DeviceOwner: "compute:nova", Host: "h1",
	VNICType: "normal", VIFType: "tap", Device: "tappo", SecurityGroups: []string{"g"}, PortSecurity: true,
	AddressPairs: []neutron.AddressPair{{MAC: "fa:16:3e:00:00:02", IP: "10.0.0.6"}}, DNSName: "web", Created: true,
	Tag:      "front",
	Floating: []neutron.FloatingPair{{Fixed: netip.MustParseAddr("10.0.0.5"), IP: netip.MustParseAddr("198.51.100.5")}},
}

// A NIC says all that its port does, and is stored as servers' NICs were when a port itself was stored.
func TestStoredFormOfNIC(t *testing.T) {
	t.Parallel()
	if zero := zeroFields(reflect.ValueOf(port), "port"); len(zero) > 0 {
		t.Fatalf("fields without a value: %v", zero)
	}
	golden, err := os.ReadFile("testdata/nic.json")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimSpace(string(golden))
	nic := network.NIC(port)
	for what, v := range map[string]any{"port": port, "NIC": nic} {
		got, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	var back nova.NIC
	if err := json.Unmarshal(golden, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(nic, back, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Error(diff)
	}
}

// Lists that are absent stay absent, and a list of no NICs stays one: both are stored.
func TestStoredFormOfEmptyNICs(t *testing.T) {
	t.Parallel()
	for _, ports := range [][]neutron.PortInfo{nil, {}, {{ID: "po"}}} {
		was, err := json.Marshal(ports)
		if err != nil {
			t.Fatal(err)
		}
		is, err := json.Marshal(network.NICs(ports))
		if err != nil {
			t.Fatal(err)
		}
		if string(was) != string(is) {
			t.Errorf("%s became %s", was, is)
		}
	}
}

func TestStoredFormOfNICRequest(t *testing.T) {
	t.Parallel()
	r := nova.NICRequest{Port: "po", Network: "n", FixedIP: netip.MustParseAddr("10.0.0.5"), Tag: "front"}
	const want = `[{"Port":"po","Network":"n","FixedIP":"10.0.0.5","Tag":"front"}]`
	for _, v := range []any{[]nova.NICRequest{r}, network.Specs([]nova.NICRequest{r})} {
		got, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Error(diff)
		}
	}
}

// zeroFields names the fields without a value, in all structs and first elements of lists.
func zeroFields(v reflect.Value, name string) []string {
	var out []string
	switch {
	case v.IsZero():
		return []string{name}
	case v.Kind() == reflect.Slice:
		return zeroFields(v.Index(0), name)
	case v.Kind() == reflect.Struct && v.Type().PkgPath() != "net/netip":
		for i := range v.NumField() {
			out = append(out, zeroFields(v.Field(i), name+"."+v.Type().Field(i).Name)...)
		}
	}
	return out
}

func TestPortsKeepTheOrderInWhichAServerHasThem(t *testing.T) {
	t.Parallel()
	had := []nova.NIC{{ID: "b", Tag: "first", Created: true}, {ID: "gone"}, {ID: "a"}}
	got := network.Merge(had, []nova.NIC{{ID: "a"}, {ID: "new"}, {ID: "b"}})
	want := []nova.NIC{{ID: "b", Tag: "first", Created: true}, {ID: "a"}, {ID: "new"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
