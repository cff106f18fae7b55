package diskformat

import "fmt"

// Bits of the incompatible features that QEMU knows: dirty, corrupt, external data file, compression type, extended L2.
const (
	dirty, corrupt, dataFile, compression, extendedL2 = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4
)

// QEMU's bounds.
const (
	qcow2Version2 = 72  // length of the header
	qcow2Version3 = 104 // at least
	maxL1         = 32 << 20
	maxRefTable   = 8 << 20
	maxSnapshots  = 1 << 16
	maxRefOrder   = 6
)

// qcow2 reads the header and its extensions. Every reference must be inside the file, and every value valid for QEMU.
func qcow2(d data) (Info, bool) {
	i := Info{Format: QCOW2, Virtual: -1}
	if !d.has(0, "QFI\xfb") {
		return i, false
	}
	if len(d.head) < qcow2Version2 {
		i.Danger = "the qcow2 header is cut off"
		return i, true
	}
	h := d.head
	if size := be64(h[24:]); size < 1<<60 {
		i.Virtual = int64(size)
	}
	crypt := be32(h[32:])
	i.Encrypted = crypt != 0
	version, length := be32(h[4:]), uint64(qcow2Version2)
	switch {
	case version != 2 && version != 3:
		i.Danger = "the qcow2 version is not known"
	case be64(h[8:]) != 0:
		i.Danger = "a qcow2 image with a backing file could read files of the host"
	case be32(h[20:]) < 9 || be32(h[20:]) > 21:
		i.Danger = fmt.Sprintf("the qcow2 cluster bits %d are not between 9 and 21", be32(h[20:]))
	case crypt > 2:
		i.Danger = "the qcow2 encryption method is not known"
	case version == 3 && len(h) < qcow2Version3:
		i.Danger = "the qcow2 header is cut off"
	case version == 3:
		i.Danger, length = qcow2Features(h), uint64(be32(h[100:]))
	}
	if i.Danger == "" {
		i.Danger = qcow2Tables(d)
	}
	if i.Danger == "" {
		i.Danger = qcow2Extensions(d, length, 1<<be32(h[20:]))
	}
	return i, true
}

// qcow2Features checks the additional fields of version 3.
func qcow2Features(h []byte) (danger string) {
	features, bits, length := be64(h[72:]), be32(h[20:]), be32(h[100:])
	kind := byte(0)
	if length > qcow2Version3 && len(h) > qcow2Version3 {
		kind = h[qcow2Version3]
	}
	switch {
	case features&dataFile != 0:
		return "a qcow2 image with an external data file could read files of the host"
	case features&^(dirty|corrupt|compression|extendedL2) != 0:
		return "the qcow2 image has features that are not known"
	case length < qcow2Version3 || length > 1<<bits || length%8 != 0:
		return fmt.Sprintf("the qcow2 header length %d makes no sense", length)
	case be32(h[96:]) > maxRefOrder:
		return fmt.Sprintf("the qcow2 refcount order %d is over %d", be32(h[96:]), maxRefOrder)
	case features&compression != 0 && kind != 1 || features&compression == 0 && kind != 0:
		return "the qcow2 compression type is not known"
	case features&extendedL2 != 0 && bits < 14:
		return "the qcow2 clusters are too small for its extended tables"
	}
	return ""
}

// qcow2Tables checks the tables that the header refers to.
func qcow2Tables(d data) (danger string) {
	h := d.head
	bits, size := be32(h[20:]), be64(h[24:])
	cluster := uint64(1) << bits
	l1Size, l1 := uint64(be32(h[36:])), be64(h[40:])
	refs, refClusters := be64(h[48:]), uint64(be32(h[56:]))
	snaps, snapsAt := uint64(be32(h[60:])), be64(h[64:])
	entry := uint64(8)
	if be32(h[4:]) == 3 && be64(h[72:])&extendedL2 != 0 {
		entry = 16
	}
	reach := cluster / entry * cluster // the bytes that one entry of the L1 table covers
	switch {
	case size > 1<<56 || l1Size*8 > maxL1:
		return "the qcow2 disk size or its L1 table is out of bounds"
	case (size+reach-1)/reach > l1Size:
		return "the qcow2 L1 table is too small for the disk"
	case l1Size > 0 && (l1 == 0 || l1%cluster != 0 || d.beyond(l1, 8*l1Size)):
		return "the qcow2 L1 table lies outside of the file"
	case refClusters == 0 || refClusters*cluster > maxRefTable:
		return "the qcow2 refcount table is out of bounds"
	case refs == 0 || refs%cluster != 0 || d.beyond(refs, 8):
		return "the qcow2 refcount table lies outside of the file"
	case snaps > maxSnapshots || snaps > 0 && (snapsAt == 0 || snapsAt%8 != 0 || d.beyond(snapsAt, 40*snaps)):
		return "the qcow2 snapshot table lies outside of the file"
	}
	return ""
}

// qcow2Extensions checks the header extensions, which may also name another file.
func qcow2Extensions(d data, at, end uint64) (danger string) {
	for at+8 <= end {
		h := d.read(int64(at), 8)
		if h == nil {
			return ""
		}
		kind, length := be32(h), uint64(be32(h[4:]))
		switch kind {
		case 0:
			return ""
		case 0xe2792aca, 0x44415441: // format of a backing file, name of a data file
			return "a qcow2 image that refers to another file could read files of the host"
		}
		if length > end-at-8 {
			return "a qcow2 header extension is longer than the header"
		}
		at += 8 + (length+7)&^7
	}
	return ""
}
