package diskformat

import (
	"bytes"
	"encoding/binary"
)

func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }
func le16(b []byte) uint16 { return binary.LittleEndian.Uint16(b) }
func le32(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
func le64(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// vdi reads VirtualBox's header and applies QEMU's bounds.
func vdi(d data) (Info, bool) {
	const block = 1 << 20
	i := Info{Format: VDI, Virtual: -1}
	if !d.has(0x40, "\x7f\x10\xda\xbe") {
		return i, false
	}
	h := d.head
	if len(h) < 512 {
		i.Danger = "the VDI header is cut off"
		return i, true
	}
	size, blocks := le64(h[0x170:]), uint64(le32(h[0x180:]))
	kind := le32(h[0x4c:])
	switch {
	case le32(h[0x44:]) != 1<<16|1:
		i.Danger = "the VDI version is not known"
	case kind != 1 && kind != 2:
		i.Danger = "a VDI image with a parent could read files of the host"
	case !bytes.Equal(h[0x1a8:0x1c8], make([]byte, 32)):
		i.Danger = "a VDI image with a parent could read files of the host"
	case le32(h[0x168:]) != 512 || le32(h[0x178:]) != block:
		i.Danger = "the VDI sector or block size is not supported"
	case blocks > 0x1fffffff || size > blocks*block:
		i.Danger = "the VDI disk size is out of bounds"
	case le32(h[0x154:])%512 != 0 || le32(h[0x158:])%512 != 0 || d.beyond(uint64(le32(h[0x154:])), 4*blocks):
		i.Danger = "the VDI block map lies outside of the file"
	default:
		i.Virtual = int64(size)
	}
	return i, true
}
