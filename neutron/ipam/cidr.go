package ipam

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// ParseCIDR reads an address with its prefix: as a length, as a netmask or as its opposite (192.168.5.7/24,
// /255.255.255.0, /0.0.0.255), or none for the whole address. Host bits stay.
func ParseCIDR(s string) (netip.Prefix, error) {
	wrong := fmt.Errorf("'%s' is not a valid CIDR", s)
	front, mask, given := strings.Cut(s, "/")
	a, err := netip.ParseAddr(front)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, wrong
	}
	n := a.BitLen()
	if given {
		if n, err = prefixLength(a, mask); err != nil {
			return netip.Prefix{}, wrong
		}
	}
	p := netip.PrefixFrom(a, n)
	if !p.IsValid() {
		return netip.Prefix{}, wrong
	}
	return p, nil
}

func prefixLength(a netip.Addr, mask string) (int, error) {
	m, err := netip.ParseAddr(mask)
	if err != nil {
		return strconv.Atoi(mask)
	}
	b := m.AsSlice()
	if m.BitLen() != a.BitLen() {
		return 0, fmt.Errorf("a mask of another family")
	}
	if n, ok := leadingOnes(b); ok {
		return n, nil
	}
	for i := range b {
		b[i] = ^b[i]
	}
	if n, ok := leadingOnes(b); ok {
		return n, nil
	}
	return 0, fmt.Errorf("a mask with gaps")
}

// leadingOnes counts the ones in front; false if there are others behind a zero.
func leadingOnes(b []byte) (n int, ok bool) {
	for i, x := range b {
		ones := bits.LeadingZeros8(^x)
		n += ones
		if ones == 8 {
			continue
		}
		if x<<ones != 0 {
			return n, false
		}
		for _, rest := range b[i+1:] {
			if rest != 0 {
				return n, false
			}
		}
		break
	}
	return n, true
}

// ParseAddr reads one address as neutron does, without a zone. The error has the message of neutron's validator.
func ParseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() == "" {
		return a, nil
	}
	if plain, ok := withoutZeros(s); ok {
		return netip.Addr{}, fmt.Errorf("'%s' is not an accepted IP address, '%s' is recommended", s, plain)
	}
	return netip.Addr{}, fmt.Errorf("'%s' is not a valid IP address", s)
}

// withoutZeros is an IPv4 address whose parts begin with zeros, which some programs read as octal, in its usual
// form.
func withoutZeros(s string) (netip.Addr, bool) {
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return netip.Addr{}, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 8)
		if err != nil {
			return netip.Addr{}, false
		}
		parts[i] = strconv.FormatUint(n, 10)
	}
	a, err := netip.ParseAddr(strings.Join(parts, "."))
	return a, err == nil
}
