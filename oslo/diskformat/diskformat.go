// Package diskformat detects the format of disk image data and rejects unsafe images, as oslo.utils' format inspector
// does. It runs no program and checks every field of a header against bounds.
//
// The formats are those of OpenStack: qcow2, vmdk, vdi, vhd, vhdx, qed, luks, iso, and gpt for a disk with a partition
// table (GPT or MBR). Data of no other format is raw.
package diskformat

import (
	"errors"
	"io"
	"slices"
)

// The names of the formats.
const (
	Raw, QCOW2, VMDK, VDI, VHD, VHDX = "raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx"
	QED, LUKS, ISO, GPT              = "qed", "luks", "iso", "gpt"
)

// Info is the result of Inspect.
type Info struct {
	Format     string   // the detected format; raw if there is none, empty if there are several
	Formats    []string // all detected formats
	Virtual    int64    // size of the virtual disk in bytes; -1 if unknown, as for raw data
	Danger     string   // why the data is unsafe to read as this format; empty if it is safe
	Partitions string   // why the partition table of gpt is not valid; empty otherwise
	Encrypted  bool     // it is an encrypted qcow2
}

// Numbers of bytes at the beginning of data that Inspect needs: for VHDX, whose metadata is further in, and for all
// other formats.
const (
	Head     = 64 << 10
	HeadVHDX = 8 << 20
)

// Tail is the number of bytes at the end of data that Inspect needs.
const Tail = 1536

// data is the examined data: all of it, or a known part of its beginning.
type data struct {
	r    io.ReaderAt
	size int64 // -1: not known
	head []byte
}

// Inspect detects the format of data. size is -1 if the end is not known yet: then only the beginning is examined, and
// references beyond it are no danger. It returns only errors of r; bad data is reported in Info.
func Inspect(r io.ReaderAt, size int64) (Info, error) {
	head := make([]byte, Head)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return Info{}, err
	}
	d := data{r, size, head[:n]}
	var found []Info
	for _, f := range []func(data) (Info, bool){qcow2, vmdk, vdi, vhd, vhdx, qed, luks, iso, gpt} {
		if i, ok := f(d); ok {
			found = append(found, i)
		}
	}
	return one(found), nil
}

// one returns the format if one was detected. A bootable ISO also has a partition table and counts as ISO.
func one(found []Info) Info {
	if len(found) == 2 && found[0].Format == ISO && found[1].Format == GPT {
		found = found[:1]
	}
	switch len(found) {
	case 0:
		return Info{Format: Raw, Virtual: -1}
	case 1:
		found[0].Formats = []string{found[0].Format}
		return found[0]
	}
	out := Info{Virtual: -1}
	for _, f := range found {
		out.Formats = append(out.Formats, f.Format)
		if out.Danger == "" {
			out.Danger = f.Danger
		}
	}
	slices.Sort(out.Formats)
	return out
}

func (d data) has(at int, magic string) bool {
	return len(d.head) >= at+len(magic) && string(d.head[at:at+len(magic)]) == magic
}

// read returns n bytes from the offset at, nil if they are not known.
func (d data) read(at int64, n int) []byte {
	if at < 0 || n < 0 {
		return nil
	}
	if at+int64(n) <= int64(len(d.head)) {
		return d.head[at : at+int64(n)]
	}
	b := make([]byte, n)
	if m, _ := d.r.ReadAt(b, at); m < n {
		return nil
	}
	return b
}

// beyond reports whether a range is outside the data. It is false if the end is not known.
func (d data) beyond(at, length uint64) bool {
	return at > 1<<62 || length > 1<<62 || d.size >= 0 && at+length > uint64(d.size)
}

func qed(d data) (Info, bool) {
	return Info{Format: QED, Virtual: -1, Danger: "the QED format is not supported"}, d.has(0, "QED\x00")
}

func luks(d data) (Info, bool) {
	i := Info{Format: LUKS, Virtual: -1}
	if !d.has(0, "LUKS\xba\xbe") {
		return i, false
	}
	if len(d.head) < 592 || d.head[6] != 0 || d.head[7] != 1 {
		i.Danger = "only LUKS of version 1 is supported"
	}
	return i, true
}

// iso detects the first volume descriptor of ISO 9660 or UDF.
func iso(d data) (Info, bool) {
	const at, sector = 32 << 10, 2 << 10
	i := Info{Format: ISO, Virtual: -1}
	if len(d.head) < at+sector || !d.has(at+1, "CD001") && !d.has(at+1, "NSR02") && !d.has(at+1, "NSR03") {
		return i, false
	}
	if h := d.head[at : at+sector]; h[0] == 1 { // the primary volume descriptor
		i.Virtual = int64(le32(h[80:])) * int64(le16(h[128:]))
	}
	return i, true
}
