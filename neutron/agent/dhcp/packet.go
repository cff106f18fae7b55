package dhcp

import (
	"encoding/binary"
	"net"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// destination says where an answer goes. A guest without an address cannot be asked for its MAC, so that is taken from
// its request.
func destination(reply *dhcpv4.DHCPv4) (mac net.HardwareAddr, ip net.IP) {
	everyone := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	switch {
	case reply.MessageType() == dhcpv4.MessageTypeNak:
		return everyone, net.IPv4bcast
	case !unspecified(reply.ClientIPAddr):
		return reply.ClientHWAddr, reply.ClientIPAddr
	case reply.IsBroadcast() || unspecified(reply.YourIPAddr):
		return everyone, net.IPv4bcast
	}
	return reply.ClientHWAddr, reply.YourIPAddr
}

// packet wraps a payload in UDP and IPv4, with both checksums: clients that read raw packets check them in software.
func packet(from, to net.IP, payload []byte) []byte {
	const ipHeader, udpHeader = 20, 8
	b := make([]byte, ipHeader+udpHeader, ipHeader+udpHeader+len(payload))
	b = append(b, payload...)
	b[0], b[1] = 4<<4|ipHeader/4, 0x10 // low delay
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	b[8], b[9] = 64, 17
	copy(b[12:16], from.To4())
	copy(b[16:20], to.To4())
	binary.BigEndian.PutUint16(b[10:], checksum(b[:ipHeader], 0))
	udp := b[ipHeader:]
	binary.BigEndian.PutUint16(udp[0:], dhcpv4.ServerPort)
	binary.BigEndian.PutUint16(udp[2:], dhcpv4.ClientPort)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	sum := checksum(udp, sum(b[12:20], 17+uint32(len(udp))))
	if sum == 0 {
		sum = 0xffff // zero means "none"
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return b
}

func sum(b []byte, start uint32) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		start += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		start += uint32(b[0]) << 8
	}
	return start
}

func checksum(b []byte, start uint32) uint16 {
	s := sum(b, start)
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return ^uint16(s)
}
