// Package diskimage reads the headers of disk images that users upload, without running anything: it says what a file really is and
// refuses one that would make QEMU open other files of the host.
package diskimage

import (
	"encoding/binary"
	"errors"
	"io"

	"hypernova/oslo/fault"
)

// Info is what a header says.
type Info struct {
	Format      string // qcow2, vmdk, vdi, vhdx, vpc, luks, iso; raw: nothing else was recognised
	VirtualSize int64  // of a qcow2 only
}

// Inspect reads what an image is. A qcow2 header that refers to other files, is encrypted or makes no sense is fault.Invalid.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, 112)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Info{}, err
	}
	head = head[:n]
	if has(head, 0, "QFI\xfb") {
		return qcow2(r, head, size)
	}
	return Info{Format: other(r, head, size)}, nil
}

func other(r io.ReaderAt, head []byte, size int64) string {
	switch {
	case has(head, 0, "KDMV"), has(head, 0, "COWD"), has(head, 0, "# Disk DescriptorFile"):
		return "vmdk"
	case has(head, 0x40, "\x7f\x10\xda\xbe"):
		return "vdi"
	case has(head, 0, "vhdxfile"):
		return "vhdx"
	case has(head, 0, "conectix"), size >= 512 && at(r, size-512, "conectix"):
		return "vpc"
	case has(head, 0, "QED\x00"):
		return "qed"
	case has(head, 0, "LUKS\xba\xbe"):
		return "luks"
	case at(r, 0x8001, "CD001") && !at(r, 510, "\x55\xaa"): // with a boot record it may be meant as a disk
		return "iso"
	}
	return "raw"
}

// Bits of the incompatible-features field that QEMU knows: dirty, corrupt, external data file, compression type, extended L2.
const (
	dirty, corrupt, dataFile, compression, extendedL2 = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
)

func qcow2(r io.ReaderAt, h []byte, size int64) (Info, error) {
	bad := func(why string) (Info, error) { return Info{}, fault.Invalidf("The qcow2 image is refused: %s.", why) }
	if len(h) < 72 {
		return bad("its header is cut off")
	}
	be32, be64 := binary.BigEndian.Uint32, binary.BigEndian.Uint64
	version, backing, bits, virtual, crypt := be32(h[4:]), be64(h[8:]), be32(h[20:]), be64(h[24:]), be32(h[32:])
	l1Size, l1Offset := uint64(be32(h[36:])), be64(h[40:])
	headerLength := uint64(72)
	switch {
	case version != 2 && version != 3:
		return bad("its version is not known")
	case backing != 0:
		return bad("it refers to a backing file")
	case bits < 9 || bits > 21:
		return bad("its cluster size is out of bounds")
	case crypt != 0:
		return bad("it is encrypted")
	case virtual > 1<<56 || l1Size > 4<<20:
		return bad("its size is out of bounds")
	case l1Size > 0 && (l1Offset == 0 || l1Offset%(1<<bits) != 0 || l1Offset > uint64(size) || l1Offset+8*l1Size > uint64(size)+1<<bits):
		return bad("its table lies outside of the file")
	}
	if version == 3 {
		if len(h) < 104 {
			return bad("its header is cut off")
		}
		incompatible := be64(h[72:])
		headerLength = uint64(be32(h[100:]))
		switch {
		case incompatible&dataFile != 0:
			return bad("it keeps its data in another file")
		case incompatible&^(dirty|corrupt|compression|extendedL2) != 0:
			return bad("it needs features that are not known")
		case headerLength < 104 || headerLength > 1<<bits:
			return bad("its header makes no sense")
		}
	}
	return Info{Format: "qcow2", VirtualSize: int64(virtual)}, extensions(r, int64(headerLength), int64(1)<<bits)
}

// extensions walks over the header extensions, which may name another file as well.
func extensions(r io.ReaderAt, at, end int64) error {
	var h [8]byte
	for at+8 <= end {
		if n, err := r.ReadAt(h[:], at); n < len(h) {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		kind, length := binary.BigEndian.Uint32(h[:]), int64(binary.BigEndian.Uint32(h[4:]))
		switch kind {
		case 0:
			return nil
		case 0xe2792aca, 0x44415441: // format of a backing file, name of a data file
			return fault.Invalidf("The qcow2 image is refused: it refers to another file.")
		}
		if length > end-at-8 {
			return fault.Invalidf("The qcow2 image is refused: its header makes no sense.")
		}
		at += 8 + (length+7)&^7
	}
	return nil
}

func has(b []byte, at int, magic string) bool {
	return len(b) >= at+len(magic) && string(b[at:at+len(magic)]) == magic
}

func at(r io.ReaderAt, off int64, magic string) bool {
	b := make([]byte, len(magic))
	n, _ := r.ReadAt(b, off)
	return n == len(b) && string(b) == magic
}
