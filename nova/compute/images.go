package compute

import (
	"context"

	"hypernova/nova/rpcapi"
	"hypernova/nova/virt"
	"hypernova/oslo/log"
	"hypernova/oslo/metric"
)

// cleanImages lets the hypervisor's cached images go that no server uses, and tells what it found.
func (m *Manager) cleanImages(ctx context.Context) error {
	cache, ok := m.Driver.(virt.ImageCache)
	if !ok {
		return nil
	}
	did, err := cache.CleanImages(ctx, m.c.ImageCache)
	for _, i := range did.Damaged {
		metric.From(ctx).Count("image_cache", "damaged", 1)
		log.From(ctx).Error("a cached image is not what was fetched; the next build fetches it again", log.Host, m.c.Host,
			"image", i.Image, "file", i.Name, "servers", i.Servers)
	}
	if n := len(did.Removed); n > 0 {
		metric.From(ctx).Count("image_cache", "removed", n)
		log.From(ctx).Info("cached images removed, no server uses them", log.Host, m.c.Host, "images", n,
			"bytes", virt.Unused(did.Removed))
	}
	if err == nil {
		m.cached.Store(&did.Kept)
	}
	return err
}

// cacheImage fetches an image ahead of servers. It counts as one of the builds that the host works on at once.
func (m *Manager) cacheImage(ctx context.Context, a rpcapi.CacheImageArgs) (out rpcapi.CacheImageReply, err error) {
	cache, err := capability[virt.ImageCache](m.Driver)
	if err != nil {
		return out, err
	}
	err = m.inSlot(ctx, func() error {
		out.Fetched, err = cache.FetchImage(ctx, a.Image, m.Images)
		return err
	})
	return out, err
}

// CachedBytes is what the cached images took when they were last looked at, and how much of it no server used.
func (m *Manager) CachedBytes() (all, unused float64) {
	kept := m.cached.Load()
	if kept == nil {
		return 0, 0
	}
	for _, i := range *kept {
		all += float64(i.Bytes)
	}
	return all, float64(virt.Unused(*kept))
}
