package iso_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"hypernova/nova/virt/libvirt/iso"
	"hypernova/oslo/fault"
)

var when = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// read returns the files of one tree of a volume, found from its descriptor as a guest does.
func read(t *testing.T, b []byte, joliet bool) (string, map[string]string) {
	t.Helper()
	d := b[16*2048:]
	if joliet {
		d = b[17*2048:]
	}
	if string(d[1:6]) != "CD001" || int(binary.LittleEndian.Uint32(d[80:]))*2048 != len(b) {
		t.Fatalf("the descriptor is malformed: %q", d[:90])
	}
	name := func(s []byte) string {
		if !joliet {
			return string(s)
		}
		var u []uint16
		for i := 0; i+1 < len(s); i += 2 {
			u = append(u, binary.BigEndian.Uint16(s[i:]))
		}
		return string(utf16.Decode(u))
	}
	out := map[string]string{}
	var walk func(prefix string, at, size uint32)
	walk = func(prefix string, at, size uint32) {
		dir := b[at*2048 : at*2048+size]
		for n := 0; n < len(dir); {
			l := int(dir[n])
			if l == 0 {
				n = (n/2048 + 1) * 2048
				continue
			}
			e := dir[n : n+l]
			n += l
			id := e[33 : 33+e[32]]
			if bytes.Equal(id, []byte{0}) || bytes.Equal(id, []byte{1}) {
				continue
			}
			at, size := binary.LittleEndian.Uint32(e[2:]), binary.LittleEndian.Uint32(e[10:])
			if at != binary.BigEndian.Uint32(e[6:]) || size != binary.BigEndian.Uint32(e[14:]) {
				t.Fatalf("the two encodings of entry %q differ", id)
			}
			if e[25]&2 != 0 {
				walk(prefix+name(id)+"/", at, size)
				continue
			}
			out[prefix+name(id)] = string(b[at*2048 : at*2048+size])
		}
	}
	root := d[156:]
	walk("", binary.LittleEndian.Uint32(root[2:]), binary.LittleEndian.Uint32(root[10:]))
	return strings.TrimRight(name(d[40:72]), " "), out
}

func TestBothTreesHaveTheFiles(t *testing.T) {
	t.Parallel()
	files := map[string][]byte{
		"openstack/latest/meta_data.json":                []byte(`{"uuid":"x"}`),
		"openstack/latest/user_data":                     bytes.Repeat([]byte("#!"), 3000),
		"openstack/content/0000":                         {},
		"ec2/latest/meta-data.json":                      []byte("e"),
		"openstack/latest/very.long.name.of.a.file.json": []byte("long"),
	}
	for i := range 200 { // more entries than one sector holds
		files[fmt.Sprintf("many/file-%03d.text", i)] = fmt.Appendf(nil, "%d", i)
	}
	b, err := iso.Build("config-2", files, when)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for n, d := range files {
		want[n] = string(d)
	}
	label, got := read(t, b, true)
	if label != "config-2" || !maps.Equal(got, want) {
		t.Errorf("Joliet tree: label %q, %d files of %d", label, len(got), len(want))
	}
	label, got = read(t, b, false)
	if label != "config-2" || len(got) != len(want) {
		t.Errorf("plain tree: label %q, %d files of %d", label, len(got), len(want))
	}
	if d := got["OPENSTACK/LATEST/META_DATA.JSON;1"]; d != `{"uuid":"x"}` {
		t.Errorf("plain tree: meta_data.json = %q", d)
	}
	again, _ := iso.Build("config-2", files, when)
	if !bytes.Equal(b, again) {
		t.Error("the same files made another volume")
	}
}

func TestBadPathsAreRejected(t *testing.T) {
	t.Parallel()
	for _, files := range []map[string][]byte{
		{"../etc/passwd": nil}, {"/abs": nil}, {"a//b": nil}, {"": nil}, {"a": nil, "a/b": nil},
		{strings.Repeat("x", 65): nil},
	} {
		if _, err := iso.Build("config-2", files, when); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, want it rejected", files, err)
		}
	}
	if _, err := iso.Build("config-2", map[string][]byte{"big": make([]byte, 65<<20)}, when); !fault.Is(err,
		fault.TooLarge) {
		t.Errorf("got %v, want a TooLarge fault", err)
	}
}
