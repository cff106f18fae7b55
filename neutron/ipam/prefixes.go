package ipam

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Compact returns the fewest prefixes that have the same addresses, in order.
func Compact(ps []netip.Prefix) []netip.Prefix { return set(ps, nil).Prefixes() }

// Overlap reports whether two lists of prefixes have an address in common.
func Overlap(a, b []netip.Prefix) bool { return set(a, nil).Overlaps(set(b, nil)) }

// Cover reports whether the prefixes of all have every address of those of some.
func Cover(all, some []netip.Prefix) bool {
	s := set(all, nil)
	return !slices.ContainsFunc(some, func(p netip.Prefix) bool { return !s.ContainsPrefix(p) })
}

// Without returns the addresses of a that b lacks, as the fewest prefixes.
func Without(a, b []netip.Prefix) []netip.Prefix { return set(a, b).Prefixes() }

// FreePrefix returns the first prefix of a length in the smallest gap of all that taken leaves; false if there is none.
func FreePrefix(all, taken []netip.Prefix, bits int) (netip.Prefix, bool) {
	gaps := set(all, taken).Prefixes()
	slices.SortStableFunc(gaps, func(a, b netip.Prefix) int { return b.Bits() - a.Bits() })
	for _, gap := range gaps {
		if gap.Bits() <= bits {
			return netip.PrefixFrom(gap.Addr(), bits), true
		}
	}
	return netip.Prefix{}, false
}

// set has the addresses of all but those of except.
func set(all, except []netip.Prefix) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range all {
		b.AddPrefix(p)
	}
	for _, p := range except {
		b.RemovePrefix(p)
	}
	s, err := b.IPSet()
	if err != nil {
		panic(err) // only for prefixes that were never parsed
	}
	return s
}
