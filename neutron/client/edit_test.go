package client_test

import (
	"net/netip"
	"slices"
	"testing"

	"hypernova/neutron"
	"hypernova/neutron/ports"
	"hypernova/oslo/fault"
)

// The security groups and addresses of a server's ports change in the same way in both positions.
func TestPortsOfServersChange(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"local", "http"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ctx := newPositions(t), t.Context()
			var a neutron.API = p.local.Compute
			if name == "http" {
				a = p.http
			}
			n := p.network(t)
			made, err := a.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
				Specs: []neutron.PortSpec{{Network: n}}})
			if err != nil {
				t.Fatal(err)
			}
			more, err := a.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
				Specs: []neutron.PortSpec{{Network: n}}, Except: []string{made[0].ID}})
			if err != nil || more[0].ID == made[0].ID {
				t.Fatalf("another port on the network: got %+v, %v", more, err)
			}
			gs, err := p.local.Groups.Create(ctx, []neutron.SecurityGroup{{Name: "web", Meta: neutron.Meta{Project: "p"}}})
			if err != nil {
				t.Fatal(err)
			}
			g := gs[0]
			count := func() (with int) {
				all, err := a.PortsOf(ctx, "s")
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range all {
					if slices.Contains(x.SecurityGroups, g.ID) {
						with++
					}
				}
				return with
			}
			for range 2 {
				if err := a.AddGroup(ctx, "s", g.ID); err != nil || count() != 2 {
					t.Errorf("add: %v, %d ports have the group", err, count())
				}
			}
			if err := a.RemoveGroup(ctx, "s", g.ID); err != nil || count() != 0 {
				t.Errorf("remove: %v, %d ports have the group", err, count())
			}
			if f := fault.Of(a.RemoveGroup(ctx, "s", g.ID)); f == nil || f.Code != neutron.NotInGroup {
				t.Errorf("remove again: got %v", f)
			}
			if f := fault.Of(a.AddGroup(ctx, "none", g.ID)); f == nil || f.Code != neutron.NoPorts {
				t.Errorf("a server without ports: got %v", f)
			}
			if err := a.AddFixedIP(ctx, "s", n); err != nil {
				t.Fatal(err)
			}
			first := func() neutron.PortInfo {
				x, err := a.Port(ctx, made[0].ID)
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			if x := first(); len(x.FixedIPs) != 2 || x.FixedIPs[0] != made[0].FixedIPs[0] {
				t.Errorf("with another address: got %+v", x.FixedIPs)
			}
			if err := a.RemoveFixedIP(ctx, "s", made[0].FixedIPs[0].IP); err != nil || len(first().FixedIPs) != 1 {
				t.Errorf("remove an address: %v, %+v", err, first().FixedIPs)
			}
			for what, err := range map[string]error{
				"another network":    a.AddFixedIP(ctx, "s", "none"),
				"an unknown address": a.RemoveFixedIP(ctx, "s", netip.MustParseAddr("192.0.2.1")),
			} {
				if !fault.Is(err, fault.NotFound) {
					t.Errorf("%s: got %v", what, err)
				}
			}
		})
	}
}

// One port of a server is deleted if compute made it, and released otherwise.
func TestOnePortIsDeallocated(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"local", "http"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, ctx := newPositions(t), t.Context()
			var a neutron.API = p.local.Compute
			if name == "http" {
				a = p.http
			}
			n := p.network(t)
			own, err := p.local.Ports.Create(ctx, []ports.Wanted{{Meta: neutron.Meta{Project: "p"}, Network: n}})
			if err != nil {
				t.Fatal(err)
			}
			made, err := a.Allocate(ctx, neutron.AllocateArgs{Server: "s", Project: "p", Host: "h",
				Specs: []neutron.PortSpec{{Network: n}, {Port: own[0].ID}}})
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				for _, id := range []string{made[0].ID, own[0].ID} {
					if err := a.DeallocatePort(ctx, "other", id); err != nil {
						t.Fatal(err)
					}
				}
			}
			if all, err := a.PortsOf(ctx, "s"); err != nil || len(all) != 2 {
				t.Errorf("of another server: %+v, %v", all, err)
			}
			for range 2 {
				for _, id := range []string{made[0].ID, own[0].ID} {
					if err := a.DeallocatePort(ctx, "s", id); err != nil {
						t.Fatal(err)
					}
				}
			}
			if x, err := p.local.Ports.Show(ctx, own[0].ID); err != nil || x.DeviceID != "" || x.Host != "" {
				t.Errorf("the user's port is %+v, %v", x, err)
			}
			if _, err := p.local.Ports.Show(ctx, made[0].ID); !fault.Is(err, fault.NotFound) {
				t.Errorf("the port that compute made: got %v", err)
			}
		})
	}
}
