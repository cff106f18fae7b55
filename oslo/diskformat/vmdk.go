package diskformat

import (
	"bytes"
	"strings"
)

// Sizes in a VMDK header are in sectors. Readers of VMDK look for the descriptor in the second sector whatever the
// header says, and read at most so many sectors of it.
const (
	vmdkSector     = 512
	vmdkDescriptor = 20
	vmdkAtEnd      = 1<<64 - 1 // the offset of the grain directory is in the footer
)

// vmdk reads a sparse header and its descriptor. Only types that contain all their data are safe.
func vmdk(d data) (Info, bool) {
	i := Info{Format: VMDK, Virtual: -1}
	if !d.has(0, "KDMV") {
		i.Danger = "a VMDK descriptor refers to files outside the image"
		return i, d.has(0, "# Disk DescriptorFile") || text(d.head)
	}
	b := d.head
	if len(b) < vmdkSector {
		i.Danger = "the VMDK header is cut off"
		return i, true
	}
	sectors, at, length := le64(b[12:]), le64(b[28:]), le64(b[36:])
	switch {
	case le32(b[4:]) < 1 || le32(b[4:]) > 3:
		i.Danger = "the VMDK version is not known"
	case sectors == 0: // readers would use only the descriptor
		i.Danger = "the VMDK header has no size"
	case sectors >= 1<<50:
		i.Danger = "the VMDK disk size is out of bounds"
	case at != 1 || length == 0 || length > 100 || uint64(len(b)) < (at+length)*vmdkSector:
		i.Danger = "the VMDK has no descriptor at its beginning"
	default:
		i.Danger = described(b[vmdkSector:(1+length)*vmdkSector], b[vmdkSector:min(len(b), (1+vmdkDescriptor)*vmdkSector)])
	}
	if i.Danger == "" && le64(b[56:]) == vmdkAtEnd {
		i.Danger = vmdkFooter(d)
	}
	if sectors < 1<<50 {
		i.Virtual = int64(sectors) * vmdkSector
	}
	return i, true
}

// vmdkFooter checks that the footer, which readers use instead of the header, has the same values.
func vmdkFooter(d data) (danger string) {
	if d.size < 0 {
		return ""
	}
	b := d.read(d.size-3*vmdkSector, 3*vmdkSector)
	if b == nil {
		return "the VMDK has no footer"
	}
	marker, footer, end := b[:vmdkSector], b[vmdkSector:2*vmdkSector], b[2*vmdkSector:]
	zero := make([]byte, vmdkSector)
	h := d.head
	switch {
	case string(footer[:8]) != string(h[:8]) || string(footer[12:20]) != string(h[12:20]) ||
		string(footer[28:44]) != string(h[28:44]):
		return "the VMDK footer says something else than the header"
	case le64(footer[56:]) == vmdkAtEnd:
		return "the VMDK footer names another footer"
	case le32(marker[8:]) != 0 || le32(marker[12:]) != 3 || !bytes.Equal(marker[16:], zero[16:]):
		return "the VMDK footer has no marker"
	case !bytes.Equal(end, zero):
		return "the VMDK stream has no end"
	}
	return ""
}

// described checks a descriptor line by line. An unknown line is a danger, because another reader may know it. around
// is all data that a reader may take for the descriptor.
func described(text, around []byte) (danger string) {
	const unclear = "the VMDK descriptor is not understood"
	text, _, _ = bytes.Cut(text, []byte{0})
	if bytes.Count(text, []byte("createType")) != 1 {
		return unclear
	}
	if bytes.Contains(around, []byte("parentFileNameHint")) || bytes.Contains(text, []byte("parentFileNameHint")) {
		return "a VMDK image with a parent could read files of the host"
	}
	kind, extents := "", 0
	for line := range strings.SplitSeq(string(text), "\n") {
		line = strings.TrimSpace(line)
		name, value, assigned := strings.Cut(line, "=")
		words := strings.Fields(line)
		switch {
		case line == "" || line[0] == '#' || strings.HasPrefix(line, "ddb."):
		case words[0] == "RW" || words[0] == "RDONLY" || words[0] == "NOACCESS":
			if extents++; len(words) < 4 || words[2] != "SPARSE" || strings.ContainsAny(line, `/\`) {
				return "a VMDK extent refers to a file outside the image"
			}
		case !assigned || strings.ContainsAny(strings.TrimSpace(name), " \t"):
			return unclear
		case name == "createType":
			kind = value
		}
	}
	switch {
	case kind != `"monolithicSparse"` && kind != `"streamOptimized"`:
		return "only VMDK images of the types monolithicSparse and streamOptimized hold all their data"
	case extents != 1:
		return unclear
	}
	return ""
}

// text reports whether data is a descriptor without a header: only ASCII in the first sector, and the name of a type.
func text(head []byte) bool {
	first := head[:min(len(head), vmdkSector)]
	for _, b := range first {
		if b >= 0x7f || b < ' ' && (b < '\t' || b > '\r') {
			return false
		}
	}
	body, _, _ := bytes.Cut(head, []byte{0})
	return bytes.Contains(bytes.ToLower(body), []byte(`createtype="`))
}

// Descriptor reports whether data with this beginning may be read as a VMDK descriptor without a header. Readers of
// VMDK accept any text, up to the first zero byte, that names a type or a parent, also in an older form. It is true for
// a text whose end is not in head.
func Descriptor(head []byte) bool {
	text, _, ended := bytes.Cut(head, []byte{0})
	return !ended && len(head) >= Head || bytes.HasPrefix(head, []byte("COWD")) ||
		bytes.Contains(text, []byte("createType")) ||
		bytes.Contains(text, []byte("parentFileNameHint"))
}
