package store

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressKeysSortAsAddresses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := 4
		if rapid.Bool().Draw(t, "v6") {
			n = 16
		}
		var xs [2]netip.Addr
		for i := range xs {
			xs[i], _ = netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "address"))
		}
		if (addressKey(xs[0]) < addressKey(xs[1])) != xs[0].Less(xs[1]) {
			t.Fatalf("%s and %s", xs[0], xs[1])
		}
	})
}
