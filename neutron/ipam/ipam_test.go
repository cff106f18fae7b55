package ipam_test

import (
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
)

func prefix(t *rapid.T) netip.Prefix {
	if rapid.Bool().Draw(t, "v6") {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "addr6")
		b[0] = 0x20
		a, _ := netip.AddrFromSlice(b)
		return netip.PrefixFrom(a, rapid.IntRange(48, 128).Draw(t, "bits6")).Masked()
	}
	b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "addr4")
	b[0] = 10
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, rapid.IntRange(8, 32).Draw(t, "bits4")).Masked()
}

func TestDefaultPoolsAreValidAndLeaveOutTheGateway(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := prefix(t)
		gw := ipam.FirstHost(p)
		if rapid.Bool().Draw(t, "no gateway") {
			gw = netip.Addr{}
		}
		pools := ipam.DefaultPools(p, gw)
		if reason, _ := ipam.CheckPools(p, gw, pools); reason != "" {
			t.Fatalf("default pools of %s with gateway %s: %s", p, gw, reason)
		}
		if gw.IsValid() && ipam.Contains(pools, gw) {
			t.Fatalf("%s gives out its gateway", p)
		}
	})
}

// Taking free addresses one by one from any start, in windows of any size, hands out every address of the pools once.
func TestFreeHandsOutEveryAddressOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		base := netip.MustParseAddr("10.0.0.0")
		var pools []neutron.Pool
		at := base
		for range rapid.IntRange(1, 4).Draw(t, "pools") {
			start := skip(at, rapid.IntRange(1, 5).Draw(t, "gap"))
			end := skip(start, rapid.IntRange(0, 12).Draw(t, "length"))
			pools = append(pools, neutron.Pool{Start: start, End: end})
			at = end
		}
		window := rapid.IntRange(1, 7).Draw(t, "window")
		size := ipam.Size(pools, 1<<20)
		taken := map[netip.Addr]bool{}
		for range size {
			from := ipam.At(pools, uint64(rapid.IntRange(0, int(size-1)).Draw(t, "from")))
			a, ok := take(pools, from, taken, window)
			if !ok {
				a, ok = take(pools, pools[0].Start, taken, window)
			}
			if !ok {
				t.Fatalf("nothing free after %d of %d", len(taken), size)
			}
			if taken[a] || !ipam.Contains(pools, a) {
				t.Fatalf("got %s, which is taken or outside", a)
			}
			taken[a] = true
		}
		if _, ok := take(pools, pools[0].Start, taken, window); ok {
			t.Fatal("an address was free in full pools")
		}
	})
}

func take(pools []neutron.Pool, from netip.Addr, taken map[netip.Addr]bool, window int) (netip.Addr, bool) {
	for {
		var used []netip.Addr
		for a := range taken {
			if !a.Less(from) {
				used = append(used, a)
			}
		}
		slices.SortFunc(used, netip.Addr.Compare)
		more := len(used) > window
		if more {
			used = used[:window]
		}
		a, next, ok := ipam.Free(pools, from, used, more)
		if ok || !next.IsValid() {
			return a, ok
		}
		from = next
	}
}

func skip(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Next()
	}
	return a
}

func TestCheckPools(t *testing.T) {
	t.Parallel()
	p := netip.MustParsePrefix("10.0.0.0/24")
	pool := func(a, b string) neutron.Pool {
		return neutron.Pool{Start: netip.MustParseAddr(a), End: netip.MustParseAddr(b)}
	}
	for _, c := range []struct {
		name  string
		pools []neutron.Pool
		want  string
	}{
		{"fine", []neutron.Pool{pool("10.0.0.2", "10.0.0.9"), pool("10.0.0.10", "10.0.0.20")}, ""},
		{"backwards", []neutron.Pool{pool("10.0.0.9", "10.0.0.2")}, "InvalidAllocationPool"},
		{"outside", []neutron.Pool{pool("10.0.0.9", "10.0.1.2")}, "OutOfBoundsAllocationPool"},
		{"the network's own address", []neutron.Pool{pool("10.0.0.0", "10.0.0.0")}, "OutOfBoundsAllocationPool"},
		{"the broadcast address", []neutron.Pool{pool("10.0.0.9", "10.0.0.255")}, "OutOfBoundsAllocationPool"},
		{"overlap", []neutron.Pool{pool("10.0.0.2", "10.0.0.9"), pool("10.0.0.9", "10.0.0.20")},
			"OverlappingAllocationPools"},
		{"gateway", []neutron.Pool{pool("10.0.0.1", "10.0.0.9")}, "GatewayConflictWithAllocationPools"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, got := ipam.CheckPools(p, netip.MustParseAddr("10.0.0.1"), c.pools); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestEUI64(t *testing.T) {
	t.Parallel()
	got, err := ipam.EUI64(netip.MustParsePrefix("2001:db8::/64"), "fa:16:3e:12:34:56")
	if err != nil || got != netip.MustParseAddr("2001:db8::f816:3eff:fe12:3456") {
		t.Errorf("got %s, %v", got, err)
	}
}
