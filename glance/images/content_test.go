package images_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"hypernova/glance/images"
)

const descriptor = "# Disk DescriptorFile\nversion=1\nCID=cc55fe73\nparentCID=ffffffff\ncreateType=\"monolithicSparse\"\n\n# Extent description\n" +
	"RW 16384 SPARSE \"disk.vmdk\"\n\n# The Disk Data Base\n#DDB\n\nddb.adapterType = \"ide\"\n"

// vmdk is a sparse header with a descriptor behind it.
func vmdk(text string, change func(b []byte)) []byte {
	b := make([]byte, 64<<10)
	copy(b, "KDMV\x01")
	le := binary.LittleEndian
	le.PutUint64(b[12:], 16384)
	le.PutUint64(b[28:], 1)
	le.PutUint64(b[36:], 20)
	copy(b[512:], text)
	if change != nil {
		change(b)
	}
	return b
}

func TestWhatAVMDKMayHold(t *testing.T) {
	t.Parallel()
	swap := func(old, new string) []byte { return vmdk(strings.Replace(descriptor, old, new, 1), nil) }
	le := binary.LittleEndian
	for _, c := range []struct {
		name string
		data []byte
		good bool
	}{
		{"sparse", vmdk(descriptor, nil), true},
		{"stream", swap("monolithicSparse", "streamOptimized"), true},
		{"lines that end as on Windows", vmdk(strings.ReplaceAll(descriptor, "\n", "\r\n"), nil), true},
		{"nothing at all", nil, true},
		{"flat", swap("monolithicSparse", "monolithicFlat"), false},
		{"an extent elsewhere", swap("disk.vmdk", "/etc/passwd"), false},
		{"a flat extent", swap("SPARSE", "FLAT"), false},
		{"two extents", swap("\n\n# The", "\nRW 1 SPARSE \"b.vmdk\"\n# The"), false},
		{"no extent", swap("RW 16384 SPARSE \"disk.vmdk\"", ""), false},
		{"a parent", swap("\n\n#", "\nparentFileNameHint=\"/etc/passwd\"\n#"), false},
		{"a parent in a comment", swap("# Extent description", "# parentFileNameHint=\"/etc/passwd\""), false},
		{"a parent behind the end of the text", vmdk(descriptor, func(b []byte) { copy(b[4000:], `parentFileNameHint="/etc/passwd"`) }), false},
		{"two types", swap("# Extent", "createType==monolithicFlat\"\n# Extent"), false},
		{"a hidden type", swap("version=1", "#createType==monolithicFlat\""), false},
		{"what is no line of a descriptor", swap("# Extent description", "whatever it is"), false},
		{"no size", vmdk(descriptor, func(b []byte) { le.PutUint64(b[12:], 0) }), false},
		{"a descriptor elsewhere", vmdk("", func(b []byte) { le.PutUint64(b[28:], 5); copy(b[5*512:], descriptor) }), false},
		{"a descriptor beyond all numbers", vmdk(descriptor, func(b []byte) { le.PutUint64(b[28:], 1<<55+1) }), false},
		{"a descriptor without end", vmdk(descriptor, func(b []byte) { le.PutUint64(b[36:], 1<<62) }), false},
		{"a cut descriptor", vmdk(descriptor, nil)[:1024], false},
		{"nothing that could be read", []byte("no VMDK at all"), true},
		{"a descriptor behind a zero", []byte("x\x00createType=\"monolithicFlat\""), true},
		{"text without end", bytes.Repeat([]byte("x"), 1<<20), false},
		{"the first version", []byte("COWD" + strings.Repeat("\x00", 4096)), false},
		{"a descriptor that begins otherwise", []byte("\nversion=1\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"/etc/passwd\" 0\n"), false},
	} {
		_, err := images.Look(bytes.NewReader(c.data), "vmdk")
		if c.good && err != nil || !c.good && !errors.Is(err, images.ErrContent) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

func TestRealImagesAreTaken(t *testing.T) {
	t.Parallel()
	qemuImg, err := exec.LookPath("qemu-img")
	if err != nil {
		t.Skip("qemu-img is not installed")
	}
	for _, c := range []struct {
		name, format string
		args         []string
		good         bool
	}{
		{"qcow2", "qcow2", []string{"-f", "qcow2"}, true},
		{"old qcow2", "qcow2", []string{"-f", "qcow2", "-o", "compat=0.10"}, true},
		{"sparse vmdk", "vmdk", []string{"-f", "vmdk"}, true},
		{"stream vmdk", "vmdk", []string{"-f", "vmdk", "-o", "subformat=streamOptimized"}, true},
		{"flat vmdk", "vmdk", []string{"-f", "vmdk", "-o", "subformat=monolithicFlat"}, false},
		{"split vmdk", "vmdk", []string{"-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"}, false},
		{"vdi", "vdi", []string{"-f", "vdi"}, true},
		{"vhdx", "vhdx", []string{"-f", "vhdx"}, true},
		{"vhd", "vhd", []string{"-f", "vpc"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := filepath.Join(t.TempDir(), "disk")
			if out, err := exec.CommandContext(t.Context(), qemuImg, append(append([]string{"create", "-q"}, c.args...), name, "8M")...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v", out, err)
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := images.Look(bytes.NewReader(b), c.format); (err == nil) != c.good {
				t.Errorf("got %v", err)
			}
			if _, err := images.Look(bytes.NewReader(b), "raw"); !errors.Is(err, images.ErrContent) {
				t.Errorf("as raw: got %v", err)
			}
		})
	}
}

// FuzzContent: looking changes no data, and what passes for safe names no other file in the ways that are known.
func FuzzContent(f *testing.F) {
	f.Add([]byte("QFI\xfb"), "qcow2")
	f.Add([]byte("KDMV"), "vmdk")
	f.Add(append([]byte("KDMV"), make([]byte, 600)...), "vmdk")
	f.Add(vmdk(descriptor, nil)[:21*512], "vmdk")
	f.Add([]byte("conectix"), "vhd")
	f.Add([]byte("# Disk DescriptorFile"), "raw")
	f.Add([]byte("COWD"), "vmdk")
	f.Fuzz(func(t *testing.T, data []byte, format string) {
		r, err := images.Look(bytes.NewReader(data), format)
		if err != nil {
			return
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
			t.Errorf("looking changed the data: %v", err)
		}
		qcow2 := bytes.HasPrefix(data, []byte("QFI\xfb"))
		if qcow2 && (format == "raw" || binary.BigEndian.Uint64(data[8:]) != 0) {
			t.Errorf("a qcow2 image passed as %s", format)
		}
		if format == "vmdk" && bytes.Contains(data[:min(len(data), 21*512)], []byte("parentFileNameHint")) {
			t.Error("a VMDK with a parent passed")
		}
	})
}
