package libvirt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/private"
)

var _ virt.ImageCache = (*Driver)(nil)

// Suffixes of the files that belong to an image in the cache. Their names begin with the image's key.
const (
	sumSuffix     = ".sum"     // contains the SHA-256 of its data
	damagedSuffix = ".damaged" // exists if its data has another one
)

// CachedImages lists the images of the cache and how many servers use each.
func (d *Driver) CachedImages(context.Context) ([]virt.CachedImage, error) {
	used, err := d.folders.basesInUse()
	if err != nil {
		return nil, err
	}
	found, err := d.images.list(used)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return contractType(found), err
}

// CleanImages compares one image with its checksum, then removes unused images as the policy says. It blocks for as
// long as reading one image takes.
func (d *Driver) CleanImages(ctx context.Context, p virt.CachePolicy) (virt.CacheCleaning, error) {
	damaged, err := d.images.compareOne(ctx) // slow, so without a lock
	if err != nil {
		return virt.CacheCleaning{}, err
	}
	out, err := d.images.clean(p)
	out.Damaged = damaged
	return out, err
}

// FetchImage downloads an image into the cache unless it is there.
func (d *Driver) FetchImage(ctx context.Context, image nova.ImageMeta, images virt.Images) (bool, error) {
	_, missing := d.images.find(cacheKey(image))
	_, release, err := d.images.get(ctx, image, images)
	release()
	return err == nil && missing != nil, d.diskFull(err)
}

// cached is a file of the cache.
type cached struct {
	virt.CachedImage
	key, path string
}

// pin keeps clean from removing an image until release is called. release marks the image as used now.
func (c *imageCache) pin(key string) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pins[key]++
	return func() {
		now := c.now()
		for _, format := range []string{".qcow2", ".raw"} {
			// If it fails, the image only seems older than it is.
			_ = os.Chtimes(filepath.Join(c.dir, key+format), now, now)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.count++
		c.released[key] = c.count
		if c.pins[key]--; c.pins[key] == 0 {
			delete(c.pins, key)
		}
	}
}

// clean removes unused images that are damaged, older than MinAge, beyond MaxUnused bytes, or in the way of MinFree
// bytes of free space; the least recently used first. It renames an image before it removes it, so that a crash leaves
// no partial image. The servers' folders say which images are used. A running build holds a pin. A build that ended
// after the folders were read is recognised by the number of releases.
func (c *imageCache) clean(p virt.CachePolicy) (virt.CacheCleaning, error) {
	c.cleaning.Lock()
	defer c.cleaning.Unlock()
	var out virt.CacheCleaning
	c.mu.Lock()
	before := c.count
	c.mu.Unlock()
	used, err := c.inUse()
	if err != nil {
		return out, err
	}
	all, err := c.list(used)
	if err != nil {
		return out, err
	}
	now := c.now()
	var unused int64
	for i := range all {
		if all[i].Servers == 0 {
			unused += all[i].Bytes
			continue
		}
		all[i].Used = now
		if err := os.Chtimes(all[i].path, now, now); err != nil {
			return out, err
		}
	}
	slices.SortFunc(all, func(a, b cached) int { return cmp.Or(a.Used.Compare(b.Used), cmp.Compare(a.key, b.key)) })
	for _, i := range all {
		free, err := freeBytes(c.dir)
		if err != nil {
			return out, err
		}
		old := p.MinAge >= 0 && now.Sub(i.Used) >= p.MinAge
		unwanted := i.Servers == 0 && (i.Damaged || old || p.MaxUnused > 0 && unused > p.MaxUnused || free < p.MinFree)
		removed := false
		if unwanted {
			if removed, err = c.remove(i, before); err != nil {
				return out, err
			}
		}
		if removed {
			unused -= i.Bytes
			out.Removed = append(out.Removed, i.CachedImage)
		} else {
			out.Kept = append(out.Kept, i.CachedImage)
		}
	}
	return out, c.removeOrphans()
}

// remove removes one image. It returns false if a build uses the image or released it after the release number before.
func (c *imageCache) remove(i cached, before int) (bool, error) {
	gone := filepath.Join(c.dir, "."+filepath.Base(i.path)+goneSuffix)
	c.mu.Lock()
	if c.pins[i.key] > 0 || c.busy[i.key] != nil || c.released[i.key] > before {
		c.mu.Unlock()
		return false, nil
	}
	err := os.Rename(i.path, gone)
	delete(c.released, i.key)
	delete(c.checked, i.key)
	c.mu.Unlock()
	if err != nil {
		return false, err
	}
	return true, os.Remove(gone)
}

// removeOrphans removes the checksums and damage marks of images that do not exist.
func (c *imageCache) removeOrphans() error {
	es, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	exists := map[string]bool{}
	for _, e := range es {
		if key, ok := imageKey(e.Name()); ok {
			exists[key] = true
		}
	}
	for _, e := range es {
		key, suffix := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), filepath.Ext(e.Name())
		if suffix != sumSuffix && suffix != damagedSuffix || exists[key] || strings.HasPrefix(key, ".") {
			continue
		}
		c.mu.Lock()
		if c.pins[key] == 0 { // a running download writes its checksum before the image
			err = os.Remove(filepath.Join(c.dir, e.Name()))
		}
		c.mu.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// list returns all images of the cache, by name. used is the number of servers by file name.
func (c *imageCache) list(used map[string]int) ([]cached, error) {
	es, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var out []cached
	for _, e := range es {
		key, ok := imageKey(e.Name())
		if !ok {
			continue
		}
		i, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed in the meantime
		}
		if err != nil {
			return nil, err
		}
		bytes := i.Size()
		if st, ok := i.Sys().(*syscall.Stat_t); ok {
			bytes = st.Blocks * 512
		}
		_, bad := os.Stat(filepath.Join(c.dir, key+damagedSuffix))
		out = append(out, cached{key: key, path: filepath.Join(c.dir, e.Name()), CachedImage: virt.CachedImage{Name: e.Name(),
			Image: key[:36], Bytes: bytes, Servers: used[e.Name()], Used: i.ModTime(), Damaged: bad == nil}})
	}
	return out, nil
}

// imageKey returns the key of an image file of the cache. ok is false for another file.
func imageKey(name string) (string, bool) {
	key, isQcow2 := strings.CutSuffix(name, ".qcow2")
	if !isQcow2 {
		var isRaw bool
		if key, isRaw = strings.CutSuffix(name, ".raw"); !isRaw {
			return "", false
		}
	}
	return key, len(key) > 36 && !strings.HasPrefix(key, ".")
}

// compareOne compares the image whose last comparison is the oldest with its checksum from the download. If they
// differ, it marks the image as damaged and returns it.
func (c *imageCache) compareOne(ctx context.Context) ([]virt.CachedImage, error) {
	used, err := c.inUse()
	if err != nil {
		return nil, err
	}
	all, err := c.list(used)
	if err != nil {
		return nil, err
	}
	pick := c.nextToCompare(all)
	if pick == nil {
		return nil, nil
	}
	want, err := os.ReadFile(filepath.Join(c.dir, pick.key+sumSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // downloaded by a release that stored no checksum
	}
	if err != nil {
		return nil, err
	}
	got, err := sumOf(ctx, pick.path)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, fs.ErrNotExist), err == nil && got == strings.TrimSpace(string(want)):
		return nil, nil
	}
	pick.Damaged = true // also if its data cannot be read
	return []virt.CachedImage{pick.CachedImage}, private.Write(filepath.Join(c.dir, pick.key+damagedSuffix), nil)
}

// nextToCompare returns the image whose last comparison is the oldest and records that it is compared now; nil if there
// is none.
func (c *imageCache) nextToCompare(all []cached) *cached {
	c.mu.Lock()
	defer c.mu.Unlock()
	var pick *cached
	for i := range all {
		if !all[i].Damaged && (pick == nil || c.checked[all[i].key].Before(c.checked[pick.key])) {
			pick = &all[i]
		}
	}
	if pick != nil {
		c.checked[pick.key] = c.now()
	}
	return pick
}

// sumOf returns the SHA-256 of a file, in hex.
func sumOf(ctx context.Context, name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, reader{ctx, f}); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// contractType returns the images in the type of the driver's contract.
func contractType(cs []cached) []virt.CachedImage {
	out := make([]virt.CachedImage, len(cs))
	for i, c := range cs {
		out[i] = c.CachedImage
	}
	return out
}

// freeBytes returns the free bytes of the file system of a folder.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
