package diskformat_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"hypernova/oslo/diskformat"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// changed returns n bytes that make and then change have written to.
func changed(n int, make func(b []byte), change func(b []byte)) []byte {
	b := append([]byte(nil), bytes.Repeat([]byte{0}, n)...)
	make(b)
	if change != nil {
		change(b)
	}
	return b
}

// vdi returns a dynamic VDI of 8 MiB.
func vdi(change func(b []byte)) []byte {
	return changed(4096, func(b []byte) {
		copy(b[0x40:], "\x7f\x10\xda\xbe")
		le.PutUint32(b[0x44:], 1<<16|1)
		le.PutUint32(b[0x4c:], 1)
		le.PutUint32(b[0x154:], 512)
		le.PutUint32(b[0x158:], 1024)
		le.PutUint32(b[0x168:], 512)
		le.PutUint64(b[0x170:], 8<<20)
		le.PutUint32(b[0x178:], 1<<20)
		le.PutUint32(b[0x180:], 8)
	}, change)
}

// vhd returns a dynamic VHD of 8 MiB.
func vhd(change func(b []byte)) []byte {
	return changed(4096, func(b []byte) {
		copy(b, "conectix")
		be.PutUint64(b[16:], 512)
		be.PutUint64(b[48:], 8<<20)
		be.PutUint32(b[60:], 3)
		copy(b[512:], "cxsparse")
		be.PutUint64(b[512+16:], 1536)
		be.PutUint32(b[512+28:], 4)
		be.PutUint32(b[512+32:], 2<<20)
	}, change)
}

const metadata = 256 << 10

// vhdx returns a VHDX of 8 MiB whose metadata is behind its region table.
func vhdx(change func(b []byte)) []byte {
	return changed(512<<10, func(b []byte) {
		copy(b, "vhdxfile")
		t := b[192<<10:]
		copy(t, "regi")
		le.PutUint32(t[8:], 1)
		copy(t[16:], "\x06\xa2\x7c\x8b\x90\x47\x9a\x4b\xb8\xfe\x57\x5f\x05\x0f\x88\x6e")
		le.PutUint64(t[32:], metadata)
		m := b[metadata:]
		copy(m, "metadata")
		le.PutUint16(m[10:], 2)
		copy(m[32:], "\x37\x67\xa1\xca\x36\xfa\x43\x4d\xb3\xb6\x33\xf0\xaa\x44\xe7\x6b")
		le.PutUint32(m[48:], 64<<10)
		copy(m[64:], "\x24\x42\xa5\x2f\x1b\xcd\x76\x48\xb2\x11\x5d\xbe\xd8\x3b\xf4\xb8")
		le.PutUint32(m[80:], 64<<10+8)
		le.PutUint64(m[64<<10+8:], 8<<20)
	}, change)
}

const descriptor = "# Disk DescriptorFile\nversion=1\ncreateType=\"streamOptimized\"\nRW 16384 SPARSE \"disk.vmdk\"\n"

// vmdk returns a stream-optimised VMDK of 8 MiB with a footer.
func vmdk(change func(b []byte)) []byte {
	return changed(64<<10, func(b []byte) {
		head := func(b []byte, directory uint64) {
			copy(b, "KDMV\x03")
			le.PutUint64(b[12:], 16384)
			le.PutUint64(b[28:], 1)
			le.PutUint64(b[36:], 20)
			le.PutUint64(b[56:], directory)
		}
		head(b, 1<<64-1)
		copy(b[512:], descriptor)
		end := b[len(b)-1536:]
		le.PutUint32(end[12:], 3)
		head(end[512:], 30)
	}, change)
}

func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, format string
		data         []byte
		danger       string // a part of the text; empty: none
	}{
		{"VDI", "vdi", vdi(nil), ""},
		{"VDI of another version", "vdi", vdi(func(b []byte) { b[0x46] = 2 }), "version"},
		{"VDI that is a difference", "vdi", vdi(func(b []byte) { b[0x4c] = 4 }), "parent"},
		{"VDI that names a parent", "vdi", vdi(func(b []byte) { b[0x1b8] = 1 }), "parent"},
		{"VDI of odd blocks", "vdi", vdi(func(b []byte) { le.PutUint32(b[0x178:], 1<<10) }), "block size"},
		{"VDI of odd sectors", "vdi", vdi(func(b []byte) { le.PutUint32(b[0x168:], 4096) }), "block size"},
		{"VDI larger than its blocks", "vdi", vdi(func(b []byte) { le.PutUint64(b[0x170:], 1<<60) }), "out of bounds"},
		{"VDI with a map outside", "vdi", vdi(func(b []byte) { le.PutUint32(b[0x154:], 8192) }), "outside"},
		{"VDI cut off", "vdi", vdi(nil)[:300], "cut off"},

		{"VHD", "vhd", vhd(nil), ""},
		{"VHD with a parent", "vhd", vhd(func(b []byte) { b[63] = 4 }), "parent"},
		{"VHD of no type", "vhd", vhd(func(b []byte) { b[63] = 9 }), "type"},
		{"VHD with a header outside", "vhd", vhd(func(b []byte) { be.PutUint64(b[16:], 1<<40) }), "outside"},
		{"VHD with no header", "vhd", vhd(func(b []byte) { b[512] = 0 }), "no header"},
		{"VHD of odd blocks", "vhd", vhd(func(b []byte) { be.PutUint32(b[512+32:], 3) }), "block size"},
		{"VHD larger than its table", "vhd", vhd(func(b []byte) { be.PutUint64(b[48:], 1<<40) }), "too small"},
		{"VHD with a table outside", "vhd", vhd(func(b []byte) { be.PutUint64(b[512+16:], 1<<40) }), "outside"},
		{"VHD beyond all sizes", "vhd", vhd(func(b []byte) { be.PutUint64(b[48:], 1<<63) }), "out of bounds"},
		{"VHD cut off", "vhd", vhd(nil)[:100], "cut off"},

		{"VHDX", "vhdx", vhdx(nil), ""},
		{"VHDX without regions", "vhdx", vhdx(func(b []byte) { b[192<<10] = 0 }), "no table"},
		{"VHDX with more regions than there can be", "vhdx", vhdx(func(b []byte) { le.PutUint32(b[192<<10+8:], 1<<31) }),
			"no table"},
		{"VHDX without metadata", "vhdx", vhdx(func(b []byte) { b[192<<10+16] = 0 }), "no metadata"},
		{"VHDX with metadata outside", "vhdx", vhdx(func(b []byte) { le.PutUint64(b[192<<10+32:], 1<<40) }), "outside"},
		{"VHDX with metadata beyond numbers", "vhdx", vhdx(func(b []byte) { le.PutUint64(b[192<<10+32:], 1<<64-1) }),
			"outside"},
		{"VHDX with other metadata", "vhdx", vhdx(func(b []byte) { b[metadata] = 0 }), "none"},
		{"VHDX with a parent", "vhdx", vhdx(func(b []byte) { b[metadata+64<<10+4] = 2 }), "parent"},
		{"VHDX without size", "vhdx", vhdx(func(b []byte) { b[metadata+64] = 0 }), "no disk size"},
		{"VHDX beyond all sizes", "vhdx", vhdx(func(b []byte) { le.PutUint64(b[metadata+64<<10+8:], 1<<60) }),
			"out of bounds"},
		{"VHDX with a size outside", "vhdx", vhdx(func(b []byte) { le.PutUint32(b[metadata+80:], 1<<31) }), "outside"},
		{"VHDX cut off", "vhdx", vhdx(nil)[:1000], "cut off"},

		{"VMDK", "vmdk", vmdk(nil), ""},
		{"VMDK of another version", "vmdk", vmdk(func(b []byte) { b[4] = 9 }), "version"},
		{"VMDK with another descriptor in its footer", "vmdk", vmdk(func(b []byte) { b[len(b)-1024+28] = 2 }), "footer"},
		{"VMDK with another signature in its footer", "vmdk", vmdk(func(b []byte) { b[len(b)-1024] = 'X' }), "footer"},
		{"VMDK with a footer that names another", "vmdk", vmdk(func(b []byte) { le.PutUint64(b[len(b)-1024+56:], 1<<64-1) }),
			"another footer"},
		{"VMDK without a marker", "vmdk", vmdk(func(b []byte) { b[len(b)-1536+12] = 0 }), "marker"},
		{"VMDK without an end", "vmdk", vmdk(func(b []byte) { b[len(b)-1] = 1 }), "no end"},
	} {
		got, err := diskformat.Inspect(bytes.NewReader(c.data), int64(len(c.data)))
		if err != nil || got.Format != c.format || (c.danger == "") != (got.Danger == "") ||
			!strings.Contains(got.Danger, c.danger) {
			t.Errorf("%s: got %+v, %v; want danger %q", c.name, got, err, c.danger)
		}
		if c.danger == "" && got.Virtual != 8<<20 {
			t.Errorf("%s: its disk has %d bytes", c.name, got.Virtual)
		}
	}
}

var errDisk = errors.New("broken disk")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errDisk }

func TestReadErrorsAreReturned(t *testing.T) {
	t.Parallel()
	if _, err := diskformat.Inspect(broken{}, 1<<20); !errors.Is(err, errDisk) {
		t.Errorf("got %v", err)
	}
}

// FuzzInspect checks that Inspect does not panic, with a known and an unknown end, and that Format is empty if there
// are several formats.
func FuzzInspect(f *testing.F) {
	for _, b := range [][]byte{vdi(nil), vhd(nil), vmdk(nil), vhdx(nil)[:300<<10], []byte("QFI\xfb"),
		[]byte("LUKS\xba\xbe"), nil} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, size := range []int64{-1, int64(len(b))} {
			i, err := diskformat.Inspect(bytes.NewReader(b), size)
			if err != nil || (i.Format == "") != (len(i.Formats) > 1) {
				t.Errorf("got %+v, %v", i, err)
			}
		}
	})
}
