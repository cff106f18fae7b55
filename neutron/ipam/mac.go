package ipam

import (
	"crypto/rand"
	"fmt"
	"net"
)

// NewMAC is a random hardware address under base, whose first three octets are kept ("fa:16:3e:00:00:00"), and the fourth one too if it is not zero.
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

// ParseMAC is a unicast hardware address in its usual form.
func ParseMAC(s string) (string, error) {
	m, err := net.ParseMAC(s)
	if err != nil || len(m) != 6 {
		return "", fmt.Errorf("'%s' is not a valid MAC address", s)
	}
	return m.String(), nil
}
