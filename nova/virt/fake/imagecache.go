package fake

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/clock"
)

// imageCache remembers which images were read whole, so that one host reads each once. It holds no data, and ends with
// the process.
type imageCache struct {
	mu   sync.Mutex
	have map[string]*cached
}

// cached is an image that was read, or is being read.
type cached struct {
	done  chan struct{} // closed: read
	bytes int64
	used  time.Time
	pins  int // builds that have taken it and have no record yet
}

func imageKey(m nova.ImageMeta) string { return m.ID + " " + m.Checksum }

// fetch reads an image unless that is done. It is kept until release is called, which is never nil.
func (c *imageCache) fetch(ctx context.Context, m nova.ImageMeta, images virt.Images, now clock.Now) (release func(),
	err error) {
	key := imageKey(m)
	for {
		c.mu.Lock()
		i, there := c.have[key]
		if !there {
			if c.have == nil {
				c.have = map[string]*cached{}
			}
			i = &cached{done: make(chan struct{})}
			c.have[key] = i
		}
		i.pins++
		c.mu.Unlock()
		release = func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			i.pins--
			i.used = now()
		}
		if !there {
			return release, c.read(ctx, key, i, m.ID, images)
		}
		select {
		case <-ctx.Done():
			return release, ctx.Err()
		case <-i.done:
		}
		c.mu.Lock()
		ok := c.have[key] == i
		c.mu.Unlock()
		if ok {
			return release, nil
		}
		release()
	}
}

func (c *imageCache) read(ctx context.Context, key string, i *cached, id string, images virt.Images) (err error) {
	n := int64(0)
	defer func() {
		c.mu.Lock()
		i.bytes = n
		if err != nil {
			delete(c.have, key) // the next one reads again
		}
		c.mu.Unlock()
		close(i.done)
	}()
	r, err := images.Open(ctx, id)
	if err != nil {
		return err
	}
	n, err = io.Copy(io.Discard, r)
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	return err
}

// CachedImages lists what this process has read.
func (d *Driver) CachedImages(context.Context) ([]virt.CachedImage, error) {
	return cleanedImages(d, virt.CachePolicy{MinAge: -1}).Kept, nil
}

// CleanImages forgets images that no record uses. The pretended disk is never short, and its data never wrong.
func (d *Driver) CleanImages(ctx context.Context, p virt.CachePolicy) (virt.CacheCleaning, error) {
	if _, err := d.enter(ctx, "images", "", 0); err != nil {
		return virt.CacheCleaning{}, err
	}
	return cleanedImages(d, p), nil
}

// FetchImage reads an image unless this process has read it.
func (d *Driver) FetchImage(ctx context.Context, image nova.ImageMeta, images virt.Images) (bool, error) {
	if _, err := d.enter(ctx, "images", "", 0); err != nil {
		return false, err
	}
	d.images.mu.Lock()
	_, there := d.images.have[imageKey(image)]
	d.images.mu.Unlock()
	release, err := d.images.fetch(ctx, image, images, d.c.Now)
	release()
	return err == nil && !there, err
}

func cleanedImages(d *Driver, p virt.CachePolicy) virt.CacheCleaning {
	d.mu.Lock()
	defer d.mu.Unlock()
	servers := map[string]int{}
	for _, r := range d.servers {
		for _, key := range r.images() {
			servers[key]++
		}
	}
	c, now := d.images, d.c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	keys := slices.SortedFunc(maps.Keys(c.have), func(a, b string) int {
		return cmp.Or(c.have[a].used.Compare(c.have[b].used), strings.Compare(a, b))
	})
	unused := int64(0)
	for _, k := range keys {
		if i := c.have[k]; servers[k] > 0 {
			i.used = now
		} else {
			unused += i.bytes
		}
	}
	var out virt.CacheCleaning
	for _, k := range keys {
		i := c.have[k]
		id, _, _ := strings.Cut(k, " ")
		noun := virt.CachedImage{Name: k, Image: id, Bytes: i.bytes, Servers: servers[k], Used: i.used}
		old := p.MinAge >= 0 && now.Sub(i.used) >= p.MinAge
		if servers[k] > 0 || i.pins > 0 || !old && (p.MaxUnused == 0 || unused <= p.MaxUnused) {
			out.Kept = append(out.Kept, noun)
			continue
		}
		unused -= i.bytes
		delete(c.have, k)
		out.Removed = append(out.Removed, noun)
	}
	return out
}
