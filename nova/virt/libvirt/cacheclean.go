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

	"hypernova/nova/virt"
	"hypernova/oslo/private"
)

var _ virt.ImageCache = (*Driver)(nil)

// Files beside an image in the cache, by its key.
const (
	sumSuffix     = ".sum"     // the SHA-256 of its data
	damagedSuffix = ".damaged" // its data does not have that any more
)

// CachedImages lists the cache.
func (d *Driver) CachedImages(context.Context) ([]virt.CachedImage, error) {
	used, err := d.basesInUse()
	if err != nil {
		return nil, err
	}
	found, err := d.images.list(used)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nouns(found), err
}

// CleanImages removes what no server uses, as the policy says, and compares one image with its checksum.
func (d *Driver) CleanImages(ctx context.Context, p virt.CachePolicy) (virt.CacheCleaning, error) {
	damaged, err := d.images.compareOne(ctx) // before, without a lock: it takes as long as reading the image
	if err != nil {
		return virt.CacheCleaning{}, err
	}
	out, err := d.images.clean(p)
	out.Damaged = damaged
	return out, err
}

// cached is a file of the cache.
type cached struct {
	virt.CachedImage
	key, path string
}

// pin keeps an image where it is until release is called.
func (c *imageCache) pin(key string) (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pins[key]++
	return func() {
		now := c.now()
		for _, format := range []string{".qcow2", ".raw"} {
			// Not done, it only makes the image seem older than it is.
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

// clean removes images. An image goes in one rename, to a name that a later start sweeps away. Who uses which image is read from the servers'
// folders; a build that is under way holds a pin, and one that let go after the folders were read is told by the count of releases.
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
		goes := i.Servers == 0 && (i.Damaged || old || p.MaxUnused > 0 && unused > p.MaxUnused || free < p.MinFree)
		if goes {
			if goes, err = c.remove(i, before); err != nil {
				return out, err
			}
		}
		if goes {
			unused -= i.Bytes
			out.Removed = append(out.Removed, i.CachedImage)
		} else {
			out.Kept = append(out.Kept, i.CachedImage)
		}
	}
	return out, c.sweepBeside()
}

// remove takes one image away, unless a build has it or had it after the count of releases was before.
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

// sweepBeside removes checksums and marks of images that are not there.
func (c *imageCache) sweepBeside() error {
	es, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, e := range es {
		if key, ok := imageKey(e.Name()); ok {
			there[key] = true
		}
	}
	for _, e := range es {
		key, suffix := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), filepath.Ext(e.Name())
		if suffix != sumSuffix && suffix != damagedSuffix || there[key] || strings.HasPrefix(key, ".") {
			continue
		}
		c.mu.Lock()
		if c.pins[key] == 0 { // who fetches it now writes its checksum first
			err = os.Remove(filepath.Join(c.dir, e.Name()))
		}
		c.mu.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// list is all images of the cache, by name.
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
			continue // removed meanwhile
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

// imageKey tells whether a file of the cache is an image, and its key.
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

// compareOne compares the image that was not looked at for longest with the checksum from when it was fetched, and marks and answers with it
// if it differs.
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
		return nil, nil // fetched by a release that kept none
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
	pick.Damaged = true // data that cannot be read is no better than data that is wrong
	return []virt.CachedImage{pick.CachedImage}, private.Write(filepath.Join(c.dir, pick.key+damagedSuffix), nil)
}

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

func nouns(cs []cached) []virt.CachedImage {
	out := make([]virt.CachedImage, len(cs))
	for i, c := range cs {
		out[i] = c.CachedImage
	}
	return out
}

// freeBytes is the room on the disk of a folder.
func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}
