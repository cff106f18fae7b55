package images

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Sizes in a VMDK's header are in sectors. What reads VMDK looks for the descriptor in the second one, whatever the header says, and at
// most in so many of them.
const (
	vmdkSector     = 512
	vmdkDescriptor = 20
)

// vmdk reads a sparse header and the descriptor inside: only the types that hold all their data are taken.
func vmdk(b []byte) content {
	c := content{format: "vmdk", virtual: -1}
	if len(b) < vmdkSector {
		c.danger = "the VMDK header is cut off"
		return c
	}
	sectors, at, length := binary.LittleEndian.Uint64(b[12:]), binary.LittleEndian.Uint64(b[28:]), binary.LittleEndian.Uint64(b[36:])
	switch {
	case sectors == 0: // it would be read as nothing but its descriptor
		c.danger = "the VMDK header has no size"
	case at != 1 || length == 0 || length > 100 || uint64(len(b)) < (at+length)*vmdkSector:
		c.danger = "the VMDK has no descriptor at its beginning"
	default:
		c.danger = described(b[vmdkSector:(1+length)*vmdkSector], b[vmdkSector:min(len(b), (1+vmdkDescriptor)*vmdkSector)])
	}
	if sectors < 1<<50 {
		c.virtual = int64(sectors) * vmdkSector
	}
	return c
}

// described reads a descriptor line by line; whatever is not understood is a danger, as others may understand it. around is all that
// may be taken for the descriptor.
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

// bare tells whether data without a header could be read as a descriptor that stands alone: what reads VMDK takes any text for one, up to
// the first zero byte, that names a type or a parent somewhere. A text whose end is not in sight could.
func bare(head []byte) bool {
	text, _, ended := bytes.Cut(head, []byte{0})
	return !ended && len(head) >= peeked || bytes.Contains(text, []byte("createType")) || bytes.Contains(text, []byte("parentFileNameHint"))
}
