package api

import (
	"net/netip"
	"strings"
	"unicode"

	"hypernova/neutron"
	"hypernova/neutron/ipam"
	"hypernova/oslo/fault"
	"hypernova/oslo/opt"
)

// invalid refuses an attribute in the words of neutron's validators.
func invalid(attribute, reason string, args ...any) error {
	return fault.Invalidf("Invalid input for %s. Reason: "+reason+".", append([]any{attribute}, args...)...)
}

// checkName refuses names that begin or end with blanks, or hold what cannot be printed. The empty name is one.
func checkName(name opt.Of[string]) error {
	s := name.Or("")
	odd := func(c rune) bool { return !unicode.IsPrint(c) && !unicode.Is(unicode.Zs, c) }
	if strings.TrimFunc(s, func(c rune) bool { return unicode.Is(unicode.Zs, c) }) != s || strings.ContainsFunc(s, odd) {
		return invalid("name", "'%s' is not a valid string", s)
	}
	return nil
}

// ipOf reads an address that an attribute gives.
func ipOf(attribute, s string) (netip.Addr, error) {
	a, err := ipam.ParseAddr(s)
	if err != nil {
		return a, invalid(attribute, "%s", err)
	}
	return a, nil
}

// cidrOf reads the block of a subnet: with a length or a netmask, and whatever host bits, which say nothing.
func cidrOf(s string) (netip.Prefix, error) {
	p, err := ipam.ParseCIDR(s)
	if err != nil {
		return p, neutron.BadInput("%s is not in a CIDR format", s)
	}
	return p.Masked(), nil
}

// twice is the first element of a list that is there twice; false where there is none.
func twice[T comparable](list []T) (T, bool) {
	seen := map[T]bool{}
	for _, x := range list {
		if seen[x] {
			return x, true
		}
		seen[x] = true
	}
	var none T
	return none, false
}
