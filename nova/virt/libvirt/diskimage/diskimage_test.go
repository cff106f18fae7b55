package diskimage_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"hypernova/nova/virt/libvirt/diskimage"
	"hypernova/oslo/fault"
)

// header is a qcow2 version 3 header of a 1 GiB disk with two clusters more, in which the L1 and the refcount table
// lie.
func header(change func(h []byte)) []byte {
	h := make([]byte, 3<<16)
	copy(h, "QFI\xfb")
	be := binary.BigEndian
	be.PutUint32(h[4:], 3)
	be.PutUint32(h[20:], 16)
	be.PutUint64(h[24:], 1<<30)
	be.PutUint32(h[36:], 2)
	be.PutUint64(h[40:], 1<<16)
	be.PutUint64(h[48:], 2<<16)
	be.PutUint32(h[56:], 1)
	be.PutUint32(h[96:], 4)
	be.PutUint32(h[100:], 104)
	if change != nil {
		change(h)
	}
	return h
}

func TestInspect(t *testing.T) {
	t.Parallel()
	be := binary.BigEndian
	for _, c := range []struct {
		name   string
		data   []byte
		format string // empty: refused
		size   int64
	}{
		{"a plain qcow2", header(nil), "qcow2", 1 << 30},
		{"an empty file", nil, "raw", 0},
		{"zeros", make([]byte, 4096), "raw", 0},
		{"a backing file", header(func(h []byte) {
			be.PutUint64(h[8:], 1000)
			be.PutUint32(h[16:], 11)
			copy(h[1000:],
				"/etc/passwd")
		}), "", 0},
		{"an external data file", header(func(h []byte) { h[79] = 4 }), "", 0},
		{"the name of a data file without its bit",
			header(func(h []byte) { copy(h[104:], "DATA"); h[111] = 5; copy(h[112:], "/etc/") }), "", 0},
		{"a format of a backing file", header(func(h []byte) { be.PutUint32(h[104:], 0xe2792aca); h[111] = 3 }), "", 0},
		{"another extension", header(func(h []byte) { be.PutUint32(h[104:], 0x6803f857); h[111] = 48 }), "qcow2", 1 << 30},
		{"an extension without end", header(func(h []byte) {
			be.PutUint32(h[104:], 0x6803f857)
			be.PutUint32(h[108:],
				1<<31)
		}), "", 0},
		{"encryption", header(func(h []byte) { h[35] = 2 }), "", 0},
		{"an unknown feature", header(func(h []byte) { h[72] = 1 }), "", 0},
		{"an unknown version", header(func(h []byte) { h[7] = 4 }), "", 0},
		{"absurd clusters", header(func(h []byte) { h[23] = 63 }), "", 0},
		{"a table outside", header(func(h []byte) { be.PutUint64(h[40:], 1<<40) }), "", 0},
		{"a cut header", header(nil)[:80], "", 0},
		{"a refcount order of 60", header(func(h []byte) { be.PutUint32(h[96:], 60) }), "", 0},
		{"a refcount order of 6", header(func(h []byte) { be.PutUint32(h[96:], 6) }), "qcow2", 1 << 30},
		{"no refcount table", header(func(h []byte) { be.PutUint32(h[56:], 0) }), "", 0},
		{"a refcount table outside", header(func(h []byte) { be.PutUint64(h[48:], 1<<40) }), "", 0},
		{"a refcount table beyond bounds", header(func(h []byte) { be.PutUint32(h[56:], 1<<20) }), "", 0},
		{"an L1 table that is too small", header(func(h []byte) { be.PutUint32(h[36:], 1) }), "", 0},
		{"an L1 table beyond bounds", header(func(h []byte) { be.PutUint32(h[36:], 1<<23) }), "", 0},
		{"an L1 table off its cluster", header(func(h []byte) { be.PutUint64(h[40:], 1<<16+8) }), "", 0},
		{"a header length that is odd", header(func(h []byte) { be.PutUint32(h[100:], 107) }), "", 0},
		{"a header longer than a cluster", header(func(h []byte) { be.PutUint32(h[100:], 1<<20) }), "", 0},
		{"an unknown compression", header(func(h []byte) { h[79] = 8; be.PutUint32(h[100:], 112); h[104] = 9 }), "", 0},
		{"zstd", header(func(h []byte) { h[79] = 8; be.PutUint32(h[100:], 112); h[104] = 1 }), "qcow2", 1 << 30},
		{"snapshots outside", header(func(h []byte) { h[63] = 1; be.PutUint64(h[64:], 1<<40) }), "", 0},
		{"more snapshots than there can be", header(func(h []byte) { be.PutUint32(h[60:], 1<<20); be.PutUint64(h[64:], 8) }),
			"", 0},
		{"an absurd disk", header(func(h []byte) { be.PutUint64(h[24:], 1<<62) }), "", 0},
		{"a VMDK descriptor", []byte("# Disk DescriptorFile\nRW 1 FLAT \"/etc/passwd\" 0"), "", 0},
		{"a VHD by its end", append(make([]byte, 4096), append([]byte("conectix"), make([]byte, 504)...)...), "raw", 0},
		{"a VHD with a parent", append([]byte("conectix"),
			append(make([]byte, 55), append([]byte{4}, make([]byte, 4096)...)...)...), "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := diskimage.Inspect(bytes.NewReader(c.data), int64(len(c.data)))
			if c.format == "" {
				if !fault.Is(err, fault.Invalid) {
					t.Errorf("got %+v, %v; want it rejected", got, err)
				}
				return
			}
			if err != nil || got.Format != c.format || got.VirtualSize != c.size {
				t.Errorf("got %+v, %v; want %s of %d bytes", got, err, c.format, c.size)
			}
		})
	}
}

func TestRealImages(t *testing.T) {
	t.Parallel()
	qemuImg, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("qemu-img is not installed")
	}
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"qcow2", "qcow2", []string{"-f", "qcow2"}},
		{"old qcow2", "qcow2", []string{"-f", "qcow2", "-o", "compat=0.10"}},
		{"extended l2", "qcow2", []string{"-f", "qcow2", "-o", "extended_l2=on"}},
		{"vdi", "vdi", []string{"-f", "vdi"}},
		{"vmdk", "vmdk", []string{"-f", "vmdk"}},
		{"vhdx", "vhdx", []string{"-f", "vhdx"}},
		{"vhd", "vhd", []string{"-f", "vpc"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "disk")
			if out, err := exec.CommandContext(t.Context(), qemuImg, append(append([]string{"create", "-q"}, c.args...), name,
				"64M")...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := diskimage.Inspect(bytes.NewReader(b), int64(len(b)))
			if err != nil || got.Format != c.want || c.want == "qcow2" && got.VirtualSize != 64<<20 {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ declared, found, want string }{
		{"raw", "raw", "raw"}, {"raw", "gpt", "raw"}, {"raw", "qcow2", ""}, {"raw", "iso", ""}, {"qcow2", "qcow2", "qcow2"},
		{"qcow2", "raw", ""},
		{"iso", "iso", "raw"}, {"iso", "raw", ""}, {"ami", "raw", "raw"}, {"ari", "gpt", "raw"}, {"aki", "qcow2", ""},
		{"vhd", "vhd", "vhd"},
		{"vhdx", "vhd", ""}, {"vdi", "vdi", "vdi"}, {"vmdk", "vmdk", ""}, {"ploop", "raw", ""},
	} {
		if got := diskimage.Runs(c.declared, c.found); got != c.want {
			t.Errorf("%s that is said to be %s is read as %q, want %q", c.found, c.declared, got, c.want)
		}
	}
}

// FuzzInspect checks that Inspect returns only fault.Invalid errors and accepts no data that names another file.
func FuzzInspect(f *testing.F) {
	f.Add(header(nil))
	f.Add(header(func(h []byte) { h[79] = 4 }))
	f.Add([]byte("QFI\xfb"))
	f.Add(header(nil)[:2000])
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := diskimage.Inspect(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("unclassified: %v", err)
			}
			return
		}
		if got.Format == "qcow2" && binary.BigEndian.Uint64(b[8:]) != 0 {
			t.Errorf("a backing file passed: %+v", got)
		}
	})
}
