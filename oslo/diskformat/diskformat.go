// Package diskformat detects the format of disk image data and rejects unsafe images, as oslo.utils' format inspector
// does. It runs nothing and trusts nothing: every field of a header is bounded.
//
// The formats are those that OpenStack tells apart: qcow2, vmdk, vdi, vhd, vhdx, qed, luks, iso, and gpt for a disk with a partition table,
// be it GPT or MBR. Data that none of them recognises is raw.
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

// Info is what data says of itself.
type Info struct {
	Format     string   // the one format, raw where none was recognised, empty where several were
	Formats    []string // all that were recognised
	Virtual    int64    // the size of the disk inside; -1 where the data does not say, as of raw data
	Danger     string   // why nothing must read the data as this format; empty where nothing speaks against it
	Partitions string   // why the partition table of gpt is none that is trusted; empty otherwise
	Encrypted  bool     // of a qcow2
}

// The first bytes of data that Inspect needs: enough for all formats but VHDX, whose metadata lies further in.
const (
	Head     = 64 << 10
	HeadVHDX = 8 << 20
)

// Tail is how many of the last bytes Inspect looks at.
const Tail = 1536

// data is what is examined: whole, or as much of its beginning as is known.
type data struct {
	r    io.ReaderAt
	size int64 // -1: not known
	head []byte
}

// Inspect reads what data is. size is -1 where the end is not known yet: then only the beginning is examined, and what lies behind it is
// not held against the data. An error is one of r, never one of the data.
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

// one is the format among those that were recognised. A bootable ISO has a partition table in front, and is an ISO.
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

// read answers n bytes from at, nil where they are not known.
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

// beyond tells that something lies, as far as is known, outside of the data.
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

// iso finds the first volume descriptor of ISO 9660, or of UDF.
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
