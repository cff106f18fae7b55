package types_test

import (
	"testing"

	"hypernova/neutron/ml2"
	"hypernova/neutron/ml2/types"
)

func TestCheckKnowsWhatEachTypeCanHave(t *testing.T) {
	t.Parallel()
	c := ml2.Defaults()
	c.VLANRanges = []string{"phys1:100:200", "phys2"}
	c.FlatNetworks = []string{"phys1"}
	ts, err := types.New(c)
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]ml2.Type{}
	for _, x := range ts {
		by[x.Name()] = x
	}
	for _, r := range []struct {
		name string
		s    ml2.Segment
		ok   bool
	}{
		{"local", ml2.Segment{Type: "local"}, true},
		{"local with a segment", ml2.Segment{Type: "local", ID: 3}, false},
		{"local with a physical network", ml2.Segment{Type: "local", Physical: "phys1"}, false},
		{"flat", ml2.Segment{Type: "flat", Physical: "phys1"}, true},
		{"flat without a physical network", ml2.Segment{Type: "flat"}, false},
		{"flat on an unknown one", ml2.Segment{Type: "flat", Physical: "x"}, false},
		{"vlan outside of projects' range", ml2.Segment{Type: "vlan", Physical: "phys2", ID: 4094}, true},
		{"vlan too high", ml2.Segment{Type: "vlan", Physical: "phys1", ID: 4095}, false},
		{"vlan without a physical network", ml2.Segment{Type: "vlan", ID: 5}, false},
		{"vlan on an unknown one", ml2.Segment{Type: "vlan", Physical: "x", ID: 5}, false},
		{"vxlan", ml2.Segment{Type: "vxlan", ID: 77}, true},
		{"vxlan too high", ml2.Segment{Type: "vxlan", ID: 1 << 24}, false},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if err := by[r.s.Type].Check(r.s); (err == nil) != r.ok {
				t.Errorf("got %v, want ok %t", err, r.ok)
			}
		})
	}
	if got := by["vxlan"].MTU(); got != 1450 {
		t.Errorf("vxlan MTU: got %d, want 1450", got)
	}
}

func TestNewRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ml2.Config){
		"an unknown type":        func(c *ml2.Config) { c.TypeDrivers = []string{"geneve"} },
		"a tenant type not used": func(c *ml2.Config) { c.TypeDrivers = []string{"local"} },
		"a VNI range backwards":  func(c *ml2.Config) { c.VNIRanges = []string{"9:3"} },
		"a VLAN range too wide":  func(c *ml2.Config) { c.VLANRanges = []string{"p:1:5000"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := ml2.Defaults()
			spoil(&c)
			if _, err := types.New(c); err == nil {
				t.Error("it was accepted")
			}
		})
	}
}
