package ipam

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
)

// NewMAC is a random hardware address under base, whose first three octets are kept ("fa:16:3e:00:00:00"), and the
// fourth one too if it is not zero.
func NewMAC(base string) string {
	m, err := net.ParseMAC(base)
	if err != nil || len(m) != 6 {
		m = net.HardwareAddr{0xfa, 0x16, 0x3e, 0, 0, 0}
	}
	from := 3
	if m[3] != 0 {
		from = 4
	}
	rand.Read(m[from:])
	return m.String()
}

// ParseMAC is a hardware address in its usual form: small letters, colons. It is read in every form that neutron reads:
// pairs, groups of four or six or twelve digits, with colons, dashes or dots, in capitals. The addresses of nobody and
// of everybody are none.
func ParseMAC(s string) (string, error) {
	m, ok := octets(s)
	if !ok || m == [6]byte{} || m == [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} {
		return "", fmt.Errorf("'%s' is not a valid MAC address", s)
	}
	return net.HardwareAddr(m[:]).String(), nil
}

// SameMAC is a hardware address in its usual form, and anything else as it is: what lists compare with.
func SameMAC(s string) string {
	if m, ok := octets(s); ok {
		return net.HardwareAddr(m[:]).String()
	}
	return s
}

// Multicast reports whether a MAC that ParseMAC made is a group's.
func Multicast(mac string) bool {
	m, ok := octets(mac)
	return ok && m[0]&1 == 1
}

// octets reads a hardware address: its digits in groups of one width, of which all but a single group may lack zeros in
// front.
func octets(s string) (out [6]byte, ok bool) {
	groups := []string{s}
	for _, sep := range []string{":", "-", "."} {
		if strings.Contains(s, sep) {
			groups = strings.Split(s, sep)
			break
		}
	}
	least, width := 1, 12/len(groups)
	switch {
	case len(groups) == 1:
		least = 11
	case len(groups) == 2:
		least = 5
	case len(groups) != 3 && (len(groups) != 6 || strings.Contains(s, ".")):
		return out, false
	}
	digits := ""
	for _, g := range groups {
		if len(g) < least || len(g) > width {
			return out, false
		}
		digits += strings.Repeat("0", width-len(g)) + g
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return out, false
	}
	return [6]byte(b), true
}
