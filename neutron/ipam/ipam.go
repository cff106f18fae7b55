// Package ipam computes allocation pools and chooses free addresses of a subnet. It knows no database: uniqueness is
// decided by the rows that neutron/addresses writes; this package only proposes addresses.
package ipam

import (
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"slices"

	"hypernova/neutron"
)

// Last is the highest address of a prefix.
func Last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// FirstHost is the gateway that a subnet gets when none is named: the first address after the network's own.
func FirstHost(p netip.Prefix) netip.Addr {
	first := p.Masked().Addr()
	if p.Bits() >= first.BitLen()-1 && first.Is4() || p.Bits() == first.BitLen() {
		return first
	}
	return first.Next()
}

// hosts are the ends of what a subnet may give out: without the network's own and the broadcast address.
func hosts(p netip.Prefix) (netip.Addr, netip.Addr) {
	first, last := p.Masked().Addr(), Last(p)
	if first.Is4() && p.Bits() < 31 {
		return first.Next(), last.Prev()
	}
	if first.Is6() && p.Bits() < 127 {
		return first.Next(), last
	}
	return first, last
}

// DefaultPools are all addresses of a subnet that may be given out except the gateway.
func DefaultPools(p netip.Prefix, gateway netip.Addr) []neutron.Pool {
	first, last := hosts(p)
	if !gateway.IsValid() || !within(gateway, first, last) {
		return []neutron.Pool{{Start: first, End: last}}
	}
	var out []neutron.Pool
	if first.Less(gateway) {
		out = append(out, neutron.Pool{Start: first, End: gateway.Prev()})
	}
	if gateway.Less(last) {
		out = append(out, neutron.Pool{Start: gateway.Next(), End: last})
	}
	return out
}

// CheckPools checks the allocation pools of a subnet: an end outside of it, an end before the start, an overlap, or
// the gateway inside. It returns neutron's message and error type, both empty for valid pools.
func CheckPools(p netip.Prefix, gateway netip.Addr, pools []neutron.Pool) (reason, code string) {
	first, last := hosts(p)
	sorted := slices.Clone(pools)
	slices.SortFunc(sorted, func(a, b neutron.Pool) int { return a.Start.Compare(b.Start) })
	for i, q := range sorted {
		if q.Start.BitLen() != p.Addr().BitLen() || q.End.BitLen() != p.Addr().BitLen() || q.End.Less(q.Start) {
			return fmt.Sprintf("The allocation pool %s-%s is not valid.", q.Start, q.End), "InvalidAllocationPool"
		}
		if !within(q.Start, first, last) || !within(q.End, first, last) {
			return fmt.Sprintf("The allocation pool %s-%s spans beyond the subnet cidr %s.", q.Start, q.End, p),
				"OutOfBoundsAllocationPool"
		}
		if i > 0 && !sorted[i-1].End.Less(q.Start) {
			return fmt.Sprintf("Found overlapping allocation pools: %s-%s %s-%s for subnet %s.", sorted[i-1].Start,
				sorted[i-1].End, q.Start, q.End, p), "OverlappingAllocationPools"
		}
		if gateway.IsValid() && within(gateway, q.Start, q.End) {
			return fmt.Sprintf("Gateway ip %s conflicts with allocation pool %s-%s.", gateway, q.Start, q.End),
				"GatewayConflictWithAllocationPools"
		}
	}
	return "", ""
}

// Usable reports whether an address of a subnet may be given to a port at all: neither the network's own nor the
// broadcast address.
func Usable(p netip.Prefix, a netip.Addr) bool {
	first, last := hosts(p)
	return a.BitLen() == p.Addr().BitLen() && within(a, first, last)
}

// Size is how many addresses pools hold, at most limit.
func Size(pools []neutron.Pool, limit uint64) uint64 {
	var n uint64
	for _, p := range pools {
		d := new(big.Int).Sub(number(p.End), number(p.Start))
		if !d.IsUint64() || d.Uint64() >= limit || n+d.Uint64()+1 >= limit {
			return limit
		}
		n += d.Uint64() + 1
	}
	return n
}

// At is the nth address of pools, counted from zero; n must be below Size.
func At(pools []neutron.Pool, n uint64) netip.Addr {
	for _, p := range pools {
		size := Size([]neutron.Pool{p}, 1<<62)
		if n < size {
			return add(p.Start, n)
		}
		n -= size
	}
	return netip.Addr{}
}

// Free finds the first address of pools at or after from that is not in used. used holds, in order, the used
// addresses of the subnet from from on, possibly not all of them: next is then where to go on, with ok false, after
// the last one of used. more says that used was cut short.
func Free(pools []neutron.Pool, from netip.Addr, used []netip.Addr, more bool) (a, next netip.Addr, ok bool) {
	i := 0
	for _, p := range sortedPools(pools) {
		if p.End.Less(from) {
			continue
		}
		for a := maxAddr(p.Start, from); a.IsValid() && !p.End.Less(a); a = a.Next() {
			for i < len(used) && used[i].Less(a) {
				i++
			}
			if i == len(used) && more {
				return netip.Addr{}, a, false
			}
			if i == len(used) || used[i] != a {
				return a, netip.Addr{}, true
			}
		}
	}
	return netip.Addr{}, netip.Addr{}, false
}

// Contains reports whether an address is in one of pools.
func Contains(pools []neutron.Pool, a netip.Addr) bool {
	return slices.ContainsFunc(pools, func(p neutron.Pool) bool {
		return p.Start.BitLen() == a.BitLen() && within(a, p.Start, p.End)
	})
}

// EUI64 is the address that a port with this MAC gives itself on a prefix of 64 bits.
func EUI64(p netip.Prefix, mac string) (netip.Addr, error) {
	m, err := net.ParseMAC(mac)
	if err != nil || len(m) != 6 {
		return netip.Addr{}, fmt.Errorf("%q is not a MAC address", mac)
	}
	b := p.Masked().Addr().As16()
	copy(b[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
	return netip.AddrFrom16(b), nil
}

func sortedPools(pools []neutron.Pool) []neutron.Pool {
	if slices.IsSortedFunc(pools, func(a, b neutron.Pool) int { return a.Start.Compare(b.Start) }) {
		return pools
	}
	out := slices.Clone(pools)
	slices.SortFunc(out, func(a, b neutron.Pool) int { return a.Start.Compare(b.Start) })
	return out
}

func within(a, first, last netip.Addr) bool { return !a.Less(first) && !last.Less(a) }

func maxAddr(a, b netip.Addr) netip.Addr {
	if a.Less(b) {
		return b
	}
	return a
}

func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

func add(a netip.Addr, n uint64) netip.Addr {
	sum := new(big.Int).Add(number(a), new(big.Int).SetUint64(n))
	b := make([]byte, a.BitLen()/8)
	sum.FillBytes(b)
	out, _ := netip.AddrFromSlice(b)
	return out
}
