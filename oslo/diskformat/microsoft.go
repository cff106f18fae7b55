package diskformat

import "fmt"

// vhd reads the copy of the footer with which all but fixed disks begin. A fixed disk has only the footer at its end;
// like OpenStack this package takes it for raw data.
func vhd(d data) (Info, bool) {
	i := Info{Format: VHD, Virtual: -1}
	if !d.has(0, "conectix") {
		return i, false
	}
	if len(d.head) < 512 {
		i.Danger = "the VHD header is cut off"
		return i, true
	}
	size, kind := be64(d.head[48:]), be32(d.head[60:])
	switch {
	case kind == 4:
		i.Danger = "a VHD image with a parent could read files of the host"
	case kind != 2 && kind != 3:
		i.Danger = fmt.Sprintf("the VHD disk type %d is not known", kind)
	case size > 1<<50:
		i.Danger = "the VHD disk size is out of bounds"
	default:
		i.Virtual = int64(size)
		i.Danger = vhdTable(d, kind)
	}
	return i, true
}

// vhdTable checks the block allocation table of a dynamic disk.
func vhdTable(d data, kind uint32) (danger string) {
	if kind != 3 {
		return ""
	}
	at := be64(d.head[16:])
	if at > 1<<62 || d.beyond(at, 1024) {
		return "the VHD header lies outside of the file"
	}
	h := d.read(int64(at), 1024)
	if h == nil {
		return ""
	}
	entries, block := uint64(be32(h[28:])), uint64(be32(h[32:]))
	switch {
	case string(h[:8]) != "cxsparse":
		return "the VHD has no header of a dynamic disk"
	case block < 512 || block&(block-1) != 0 || block > 1<<31:
		return "the VHD block size makes no sense"
	case entries*block < be64(d.head[48:]):
		return "the VHD table is too small for the disk"
	case d.beyond(be64(h[16:]), 4*entries):
		return "the VHD table lies outside of the file"
	}
	return ""
}

// The offset of a VHDX region table, and the GUIDs of regions and metadata items in their stored byte order.
const (
	vhdxTable    = 192 << 10
	vhdxMetadata = "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e"
	vhdxFile     = "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b"
	vhdxSize     = "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8"
	vhdxEntries  = 2047
	vhdxLargest  = 64 << 40
)

func vhdx(d data) (Info, bool) {
	i := Info{Format: VHDX, Virtual: -1}
	if !d.has(0, "vhdxfile") {
		return i, false
	}
	t := d.read(vhdxTable, 64<<10)
	if t == nil {
		if d.size >= 0 {
			i.Danger = "the VHDX header is cut off"
		}
		return i, true
	}
	n := int(min(le32(t[8:]), vhdxEntries+1))
	if string(t[:4]) != "regi" || n > vhdxEntries {
		i.Danger = "the VHDX has no table of regions"
		return i, true
	}
	for k := range n {
		if e := t[16+32*k:]; len(e) >= 32 && string(e[:16]) == vhdxMetadata {
			i.Virtual, i.Danger = vhdxFacts(d, le64(e[16:]))
			return i, true
		}
	}
	i.Danger = "the VHDX has no metadata"
	return i, true
}

// vhdxFacts reads the metadata table: the size of the disk, and whether it has a parent.
func vhdxFacts(d data, at uint64) (virtual int64, danger string) {
	if at > 1<<62 || d.beyond(at, 64<<10) {
		return -1, "the VHDX metadata lies outside of the file"
	}
	t := d.read(int64(at), 64<<10)
	if t == nil {
		if at >= HeadVHDX {
			return -1, "the VHDX metadata lies too far in"
		}
		return -1, ""
	}
	n := int(le16(t[10:]))
	if string(t[:8]) != "metadata" || n > vhdxEntries {
		return -1, "the VHDX metadata is none"
	}
	virtual = -1
	for k := range n {
		e := t[32+32*k:]
		if len(e) < 32 {
			break
		}
		off := at + uint64(le32(e[16:]))
		item := d.read(int64(off), 8)
		switch id := string(e[:16]); {
		case id != vhdxFile && id != vhdxSize:
		case item == nil:
			return -1, "the VHDX metadata lies outside of the file"
		case id == vhdxFile && item[4]&2 != 0:
			return -1, "a VHDX image with a parent could read files of the host"
		case id == vhdxSize:
			size := le64(item)
			if size == 0 || size > vhdxLargest || size%512 != 0 {
				return -1, "the VHDX disk size is out of bounds"
			}
			virtual = int64(size)
		}
	}
	if virtual < 0 {
		return -1, "the VHDX metadata has no disk size"
	}
	return virtual, ""
}
