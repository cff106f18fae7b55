// Package ids makes and checks UUIDs and request ids.
package ids

import (
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"
)

// UUID returns a random RFC 9562 version 4 identifier in its dashed form.
func UUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return dashed(b)
}

// Hex returns a random identifier of 32 hex digits, the form of keystone's ids of projects, users and roles.
func Hex() string { return strings.ReplaceAll(UUID(), "-", "") }

// Request returns a new request id in OpenStack's form, "req-" and a UUID.
func Request() string { return "req-" + UUID() }

// Ordered returns a UUID (version 7) whose text sorts by the given time, with a resolution of a quarter of a
// microsecond: the twelve bits behind the milliseconds are their fraction (RFC 9562, section 6.2, method 3). It is the
// key of rows that are read in the order of their creation.
func Ordered(now time.Time) string {
	var b [16]byte
	rand.Read(b[8:])
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	fraction := uint64(now.Nanosecond()%int(time.Millisecond)) * 4096 / uint64(time.Millisecond)
	b[6] = 0x70 | byte(fraction>>8)
	b[7] = byte(fraction)
	b[8] = b[8]&0x3f | 0x80
	return dashed(b)
}

// IsUUID reports whether s is a UUID as OpenStack accepts it: 32 hex digits in any case, with or without dashes.
func IsUUID(s string) bool {
	n := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '-':
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
			n++
		default:
			return false
		}
	}
	return n == 32 && (len(s) == 32 || len(s) == 36)
}

func dashed(b [16]byte) string {
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	out[8] = '-'
	hex.Encode(out[9:13], b[4:6])
	out[13] = '-'
	hex.Encode(out[14:18], b[6:8])
	out[18] = '-'
	hex.Encode(out[19:23], b[8:10])
	out[23] = '-'
	hex.Encode(out[24:36], b[10:16])
	return string(out[:])
}
