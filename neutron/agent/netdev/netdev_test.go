package netdev

import "testing"

func TestOurs(t *testing.T) {
	t.Parallel()
	const id = "0a1b2c3d-4e5f-4000-8000-000000000000"
	rows := []struct {
		kind Kind
		name string
		want bool
	}{
		{Bridge, BridgeName(id), true},
		{Tap, TapName(id), true},
		{Veth, OutsideName(id), true},
		{Tunnel, TunnelName(16777215), true},
		{Bridge, "br-lan", false},
		{Bridge, "brq0", false},
		{Tap, "tap0", false},
		{Tap, "tap0a1b2c3d-4", false},
		{Tap, "tap0a1b2c3dx4e", false},
		{Tap, "vnet0", false},
		{Bridge, TapName(id), false}, // the right name on the wrong thing
		{Tunnel, "vxlan-", false},
		{Tunnel, "vxlan-1a", false},
		{"dummy", TapName(id), false},
	}
	for _, r := range rows {
		if got := Ours(r.kind, r.name); got != r.want {
			t.Errorf("%s %s: ours %t, want %t", r.kind, r.name, got, r.want)
		}
		if len(r.name) > 15 {
			t.Errorf("%s is too long for the kernel", r.name)
		}
	}
}
