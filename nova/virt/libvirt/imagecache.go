package libvirt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/nova/virt/libvirt/diskimage"
	"hypernova/oslo/clock"
	"hypernova/oslo/command"
	"hypernova/oslo/fault"
	"hypernova/oslo/ids"
	"hypernova/oslo/private"
)

// imageCache keeps each image once, verified and in a format that QEMU can use as a backing file. A file under its
// final name is complete and never changes; a damaged one is replaced when it is downloaded again. clean removes
// images.
type imageCache struct {
	dir    string
	run    Runner
	now    clock.Now
	policy virt.CachePolicy               // applied before each download, except MinAge
	inUse  func() (map[string]int, error) // by file name, the number of servers that use it

	cleaning sync.Mutex // held while images are removed; taken before mu

	mu       sync.Mutex
	busy     map[string]chan struct{} // by key, closed when the download ends
	pins     map[string]int           // by key, the builds that use the image and whose disks are not complete yet
	released map[string]int           // by key, the value of count when its last pin was released
	count    int                      // number of releases since the start
	checked  map[string]time.Time     // by key, when its data was last compared with its checksum
}

// base is a cached image.
type base struct {
	path, format string
	size         int64 // of the virtual disk
}

func newImageCache(c Config, inUse func() (map[string]int, error)) *imageCache {
	return &imageCache{dir: c.CacheDir, run: c.Run, now: c.Now, policy: c.Cache, inUse: inUse,
		busy: map[string]chan struct{}{},
		pins: map[string]int{}, released: map[string]int{}, checked: map[string]time.Time{}}
}

// get returns the cached image, and downloads it first if it is missing. Concurrent calls for the same image share one
// download: one caller downloads, the others wait, each with its own ctx. If the download fails, the next caller starts
// anew. The image is not removed before release is called. Call release when the disk that is based on the image is
// complete; it is never nil.
func (c *imageCache) get(ctx context.Context, m nova.ImageMeta,
	images virt.Images) (b base, release func(), err error) {
	if !ids.IsUUID(m.ID) {
		return base{}, func() {}, fault.Invalidf("%q is not an image id.", m.ID)
	}
	key := cacheKey(m)
	release = c.pin(key)
	b, err = c.obtain(ctx, key, m, images)
	return b, release, err
}

// cacheKey names an image in the cache. It changes with the image's data and format.
func cacheKey(m nova.ImageMeta) string {
	sum := sha256.Sum256([]byte(m.ID + "\n" + m.Checksum + "\n" + m.HashValue + "\n" + m.DiskFormat))
	return m.ID + "-" + hex.EncodeToString(sum[:4])
}

// obtain finds the image or downloads it. The caller holds a pin.
func (c *imageCache) obtain(ctx context.Context, key string, m nova.ImageMeta, images virt.Images) (base, error) {
	for {
		if b, err := c.find(key); err == nil || !errors.Is(err, fs.ErrNotExist) {
			return b, err
		}
		c.mu.Lock()
		other, fetching := c.busy[key]
		if !fetching {
			done := make(chan struct{})
			c.busy[key] = done
			c.mu.Unlock()
			return c.fetchOnce(ctx, key, done, m, images)
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return base{}, ctx.Err()
		case <-other:
		}
	}
}

// fetchOnce downloads the image for this caller and those that wait, and closes done.
func (c *imageCache) fetchOnce(ctx context.Context, key string, done chan struct{}, m nova.ImageMeta,
	images virt.Images) (base, error) {
	defer func() {
		c.mu.Lock()
		delete(c.busy, key)
		c.mu.Unlock()
		close(done)
	}()
	if b, err := c.find(key); err == nil { // downloaded since find
		return b, nil
	}
	if err := c.fetch(ctx, key, m, images); err != nil {
		return base{}, err
	}
	return c.find(key)
}

// find returns an image that is in the cache. It returns fs.ErrNotExist also for a damaged image.
func (c *imageCache) find(key string) (base, error) {
	if _, err := os.Stat(filepath.Join(c.dir, key+damagedSuffix)); err == nil {
		return base{}, fs.ErrNotExist
	}
	for _, format := range []string{"qcow2", "raw"} {
		name := filepath.Join(c.dir, key+"."+format)
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return base{}, err
		}
		b, err := describe(f, name, format)
		return b, errors.Join(err, f.Close())
	}
	return base{}, fs.ErrNotExist
}

// describe returns a file of the cache with the size of its virtual disk.
func describe(f *os.File, name, format string) (base, error) {
	i, err := f.Stat()
	if err != nil {
		return base{}, err
	}
	b := base{path: name, format: format, size: i.Size()}
	if format == "qcow2" {
		info, err := diskimage.Inspect(f, i.Size())
		if err != nil {
			return base{}, err
		}
		b.size = info.VirtualSize
	}
	return b, nil
}

// fetch downloads the image to a temporary file, verifies its format, converts it to qcow2 unless it is raw or qcow2,
// and renames it.
func (c *imageCache) fetch(ctx context.Context, key string, m nova.ImageMeta, images virt.Images) error {
	if err := c.reserve(m.Size); err != nil {
		return err
	}
	tmp := filepath.Join(c.dir, "."+key+madeSuffix)
	defer os.Remove(tmp)
	sum, err := c.download(ctx, tmp, m, images)
	if err != nil {
		return err
	}
	format, err := c.verify(tmp, m)
	if err != nil {
		return err
	}
	if format != "raw" && format != "qcow2" {
		conv := tmp[:len(tmp)-len(madeSuffix)] + ".conv" + madeSuffix
		defer os.Remove(conv)
		if err := c.convert(ctx, tmp, format, conv); err != nil {
			return err
		}
		tmp, format = conv, "qcow2"
		if sum, err = sumOf(ctx, conv); err != nil {
			return err
		}
	}
	if err := private.Write(filepath.Join(c.dir, key+sumSuffix), []byte(sum+"\n")); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o644); err != nil { // every server's QEMU reads it, under any user
		return err
	}
	if err := os.Rename(tmp, filepath.Join(c.dir, key+"."+format)); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(c.dir, key+damagedSuffix)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(c.dir)
}

// reserve removes unused images as the policy says, and returns fault.Unavailable if there is still not enough free
// space for an image of this size. A size of 0 is unknown.
func (c *imageCache) reserve(size int64) error {
	const spare = 16 << 20 // for the server's own files
	p := c.policy
	p.MinAge, p.MinFree = -1, max(p.MinFree, size+spare)
	if _, err := c.clean(p); err != nil {
		return err
	}
	free, err := freeBytes(c.dir)
	if err != nil {
		return err
	}
	if size > 0 && free < size+spare {
		return fault.Unavailablef("The disk of this host is full: the image needs %d MiB and %d MiB are free.",
			(size+spare)>>20, free>>20)
	}
	return nil
}

// download writes the image's data to a file and returns its SHA-256.
func (c *imageCache) download(ctx context.Context, name string, m nova.ImageMeta, images virt.Images) (string, error) {
	src, err := images.Open(ctx, m.ID)
	if err != nil {
		return "", err
	}
	defer src.Close()
	f, err := private.File(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	n, err := copySparse(f, io.TeeReader(reader{ctx, src}, sum))
	if err == nil && m.Size > 0 && n != m.Size {
		err = fault.New(fault.Internal, "the image store sent %d bytes of image %s, which has %d", n, m.ID, m.Size)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return hex.EncodeToString(sum.Sum(nil)), err
}

// verify returns the format of the data, as qemu-img names it. It returns fault.Invalid if this host cannot run the
// image's disk format or the data has another format.
func (c *imageCache) verify(name string, m nova.ImageMeta) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	i, err := f.Stat()
	if err != nil {
		return "", err
	}
	got, err := diskimage.Inspect(f, i.Size())
	if err != nil {
		return "", err
	}
	switch m.DiskFormat {
	case "raw", "qcow2", "vdi", "vhdx", "vhd", "iso", "ami", "aki", "ari":
	default:
		return "", fault.Invalidf(
			"Image %s has disk format %s, which this host cannot run; raw, qcow2, vdi, vhd, vhdx, iso and ami it can.",
			m.ID, m.DiskFormat)
	}
	runs := diskimage.Runs(m.DiskFormat, got.Format)
	if runs == "" {
		return "", fault.Invalidf("Image %s is said to be %s, but its data is %s.", m.ID, m.DiskFormat, got.Format)
	}
	if runs == "vhd" {
		runs = "vpc" // its name in QEMU
	}
	return runs, nil
}

// convert converts a file to qcow2, with limits on qemu-img's time and memory.
func (c *imageCache) convert(ctx context.Context, from, format, to string) error {
	_, err := c.run.Run(ctx, command.Cmd{Untrusted: true, CPU: 30 * time.Minute, Timeout: time.Hour,
		Argv: []string{"qemu-img", "convert", "-q", "-t", "none", "-T", "none", "-f", format, "-O", "qcow2", from, to}})
	if err != nil && fault.KindOf(err) == fault.Internal && ctx.Err() == nil {
		return fault.Invalidf("The %s image cannot be converted.", format).Because(err)
	}
	return err
}

// reader fails when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r reader) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// copySparse copies r to f and leaves holes in place of blocks of zeros.
func copySparse(f *os.File, r io.Reader) (int64, error) {
	const block = 64 << 10
	buf, zeros := make([]byte, block), make([]byte, block)
	var n int64
	for {
		k, err := io.ReadFull(r, buf)
		if k > 0 && !bytes.Equal(buf[:k], zeros[:k]) {
			if _, werr := f.WriteAt(buf[:k], n); werr != nil {
				return n, werr
			}
		}
		n += int64(k)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return n, f.Truncate(n)
		case err != nil:
			return n, err
		}
	}
}

// syncDir makes the renames in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
