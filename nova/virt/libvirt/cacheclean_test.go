package libvirt_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt"
)

// unusedGo is a policy that removes all unused images.
var unusedGo = virt.CachePolicy{}

// prepared prepares a server with its own image, and returns the file in which the image is cached.
func prepared(t *testing.T, d *libvirt.Driver, dir string, s *nova.Spec, data []byte) string {
	t.Helper()
	if err := d.Prepare(t.Context(), s, bytesImages{data}); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "_base", s.Image.ID+"-*.raw"))
	if err != nil || len(found) != 1 {
		t.Fatalf("cached images: %v, %v", found, err)
	}
	return found[0]
}

func clean(t *testing.T, d *libvirt.Driver, p virt.CachePolicy) virt.CacheCleaning {
	t.Helper()
	c, err := d.CleanImages(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func removed(c virt.CacheCleaning) []string {
	var out []string
	for _, i := range c.Removed {
		out = append(out, i.Image)
	}
	return out
}

func TestUnusedImagesAreRemovedByAge(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	used, gone := server("raw", 64<<10), server("raw", 64<<10)
	prepared(t, d, dir, used, idle())
	file := prepared(t, d, dir, gone, idle())
	// One of the two records is enough: the disk's header or the list of disks.
	if err := os.WriteFile(filepath.Join(dir, used.ID, "disks.json"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	headless := server("raw", 64<<10)
	prepared(t, d, dir, headless, idle())
	if err := os.WriteFile(filepath.Join(dir, headless.ID, "disk"), make([]byte, 512), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, gone.ID)); err != nil {
		t.Fatal(err)
	}
	if got := removed(clean(t, d, virt.CachePolicy{MinAge: time.Hour})); len(got) != 0 {
		t.Errorf("removed %v, which was used a moment ago", got)
	}
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(file, old, old); err != nil {
		t.Fatal(err)
	}
	c := clean(t, d, virt.CachePolicy{MinAge: time.Hour})
	if got := removed(c); !slices.Equal(got, []string{gone.Image.ID}) || len(c.Kept) != 2 {
		t.Errorf("removed %v and kept %+v, want %s removed and two kept", got, c.Kept, gone.Image.ID)
	}
	for _, name := range left(t, filepath.Join(dir, "_base")) {
		if strings.Contains(name, gone.Image.ID) {
			t.Errorf("left behind: %s", name)
		}
	}
	images, err := d.CachedImages(t.Context())
	if err != nil || len(images) != 2 || images[0].Servers != 1 || images[0].Bytes == 0 || virt.Unused(images) != 0 {
		t.Errorf("the cache has %+v, %v; want two used images", images, err)
	}
}

func TestNothingIsRemovedIfAServersImageIsUnknown(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	s := server("raw", 64<<10)
	file := prepared(t, d, dir, s, idle())
	for _, name := range []string{"disk", "disks.json"} {
		if err := os.WriteFile(filepath.Join(dir, s.ID, name), []byte("damaged"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c, err := d.CleanImages(t.Context(), unusedGo); err == nil || !strings.Contains(err.Error(), s.ID) {
		t.Errorf("got %+v, %v; want an error that names the server", c, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Errorf("the image: %v", err)
	}
}

func TestUnusedImagesAreBoundedAtEachDownload(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, func(c *libvirt.Config) { c.Cache = virt.CachePolicy{MaxUnused: 200 << 10} })
	data := make([]byte, 64<<10)
	for i := range data {
		data[i] = byte(i*i>>3 | 1)
	}
	for range 10 { // upload, boot, delete
		s := server("raw", len(data))
		prepared(t, d, dir, s, data)
		if err := os.RemoveAll(filepath.Join(dir, s.ID)); err != nil {
			t.Fatal(err)
		}
	}
	images, err := d.CachedImages(t.Context())
	if bytes := virt.Unused(images); err != nil || bytes > 300<<10 || len(images) < 2 {
		t.Errorf("%d images with %d bytes stay, %v; want some, within the bound and one more", len(images), bytes, err)
	}
}

// The image of a build is kept before its disk refers to it, and if the build ends while the folders are read.
func TestImagesOfRunningBuildsAreKept(t *testing.T) {
	t.Parallel()
	run := &tools{}
	d, dir := offline(t, func(c *libvirt.Config) { c.Run = run })
	s := server("raw", 64<<10)
	var got virt.CacheCleaning
	run.fail = func(argv []string) error {
		if slices.Contains(argv, "create") {
			c, err := d.CleanImages(context.Background(), unusedGo)
			got = c
			return err
		}
		return nil
	}
	file := prepared(t, d, dir, s, idle())
	if len(got.Removed) != 0 || len(got.Kept) != 1 {
		t.Errorf("in the middle of a build: %+v, want the image kept", got)
	}
	run.fail = nil
	if err := os.RemoveAll(filepath.Join(dir, s.ID)); err != nil {
		t.Fatal(err)
	}
	if c := clean(t, d, unusedGo); len(c.Removed) != 1 {
		t.Errorf("after it: %+v, want the image removed", c)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the image is there: %v", err)
	}
}

// A killed process can leave a renamed image, and a checksum without an image.
func TestFilesOfAKilledProcessAreRemoved(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	s := server("raw", 64<<10)
	base := filepath.Join(dir, "_base")
	for _, name := range []string{"." + s.Image.ID + "-00000000.raw.gone", s.Image.ID + "-00000000.sum",
		s.Image.ID + "-00000000.damaged"} {
		if err := os.WriteFile(filepath.Join(base, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_ = d.Init(t.Context()) // which finds no daemon, after it has swept
	clean(t, d, unusedGo)
	if l := left(t, base); len(l) != 0 {
		t.Errorf("left behind: %v", l)
	}
}

func TestDamagedImagesAreFoundAndDownloadedAgain(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	s := server("raw", 64<<10)
	file := prepared(t, d, dir, s, idle())
	if c := clean(t, d, virt.CachePolicy{MinAge: time.Hour}); len(c.Damaged) != 0 {
		t.Fatalf("found damaged: %+v", c.Damaged)
	}
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("bit rot"), 4096); err != nil {
		t.Fatal(err)
	}
	f.Close()
	c := clean(t, d, virt.CachePolicy{MinAge: time.Hour})
	if len(c.Damaged) != 1 || c.Damaged[0].Servers != 1 || len(c.Removed) != 0 {
		t.Errorf("got %+v, want the image found damaged, and kept for its server", c)
	}
	if images, err := d.CachedImages(t.Context()); err != nil || len(images) != 1 || !images[0].Damaged {
		t.Errorf("the cache has %+v, %v; want it marked", images, err)
	}
	again := server("raw", 64<<10)
	again.Image = s.Image
	prepared(t, d, dir, again, idle())
	b, err := os.ReadFile(file)
	if err != nil || string(b) != string(idle()) {
		t.Errorf("the next build did not fetch it again: %v", err)
	}
	if images, err := d.CachedImages(t.Context()); err != nil || len(images) != 1 || images[0].Damaged ||
		images[0].Servers != 2 {
		t.Errorf("the cache has %+v, %v; want it whole, with two servers", images, err)
	}
}

// Malformed headers of disks are no error and no reference to an image.
func TestMalformedDiskHeaders(t *testing.T) {
	t.Parallel()
	d, dir := offline(t, nil)
	s := server("raw", 64<<10)
	prepared(t, d, dir, s, idle())
	header := make([]byte, 104)
	copy(header, "QFI\xfb")
	binary.BigEndian.PutUint64(header[8:], 1<<30)
	binary.BigEndian.PutUint32(header[16:], 1000)
	for _, data := range [][]byte{nil, header[:3], header} {
		if err := os.WriteFile(filepath.Join(dir, s.ID, "disk.swap"), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if c := clean(t, d, unusedGo); len(c.Removed) != 0 {
			t.Errorf("with a disk of %d bytes: removed %+v", len(data), c.Removed)
		}
	}
}
