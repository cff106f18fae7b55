package virttest

import (
	"testing"
	"time"

	"hypernova/nova"
	"hypernova/nova/virt"
	"hypernova/oslo/ids"
)

// imageCache checks that a driver removes images that no server uses, the least recently used first, and no others.
func imageCache(t *testing.T, h Harness, d virt.Driver, c virt.ImageCache) {
	ctx := t.Context()
	cleaned := func(p virt.CachePolicy, want ...*nova.Spec) {
		t.Helper()
		got, err := c.CleanImages(ctx, p)
		must(t, err)
		if len(got.Removed) != len(want) {
			t.Errorf("removed %+v, want %d images", got.Removed, len(want))
			return
		}
		for i, s := range want {
			if got.Removed[i].Image != s.Image.ID || got.Removed[i].Servers != 0 {
				t.Errorf("removed %+v, want image %s", got.Removed[i], s.Image.ID)
			}
		}
	}
	used, first, second := h.running(t, d), h.Spec(), h.Spec()
	source := h.images()
	first.Image.ID, second.Image.ID = ids.UUID(), ids.UUID()
	if first.Image.ID > second.Image.ID { // images with the same time of use are removed by name
		first, second = second, first
	}
	for _, s := range []*nova.Spec{first, second} {
		must(t, d.Prepare(ctx, s, source))
	}
	cleaned(virt.CachePolicy{MinAge: 0}) // each is used
	for _, s := range []*nova.Spec{first, second} {
		must(t, d.Destroy(ctx, s.ID))
	}
	images, err := c.CachedImages(ctx)
	must(t, err)
	if len(images) != 3 || virt.Unused(images) <= 0 {
		t.Errorf("the cache has %+v, want three images, two of them unused", images)
	}
	cleaned(virt.CachePolicy{MinAge: time.Hour, MaxUnused: virt.Unused(images)})
	cleaned(virt.CachePolicy{MinAge: -1, MaxUnused: virt.Unused(images) - 1}, first) // the longest unused
	cleaned(virt.CachePolicy{MinAge: 0}, second)
	cleaned(virt.CachePolicy{MinAge: 0})
	want(t, d, used.ID, nova.Running)
	must(t, d.Prepare(ctx, second, source))
	if n := source.count(); n != 3 {
		t.Errorf("images were opened %d times, want one more than before", n)
	}
	ahead := h.Spec()
	ahead.Image.ID = ids.UUID()
	for i, want := range []bool{true, false} {
		fetched, err := c.FetchImage(ctx, ahead.Image, source)
		must(t, err)
		if fetched != want {
			t.Errorf("fetch %d ahead of servers: fetched is %v, want %v", i+1, fetched, want)
		}
	}
	must(t, d.Prepare(ctx, ahead, source))
	if n := source.count(); n != 4 {
		t.Errorf("images were opened %d times, want once more for the image that was fetched ahead", n)
	}
	must(t, d.Destroy(ctx, ahead.ID))
	must(t, d.Destroy(ctx, used.ID))
	must(t, d.Destroy(ctx, second.ID))
	got, err := c.CleanImages(ctx, virt.CachePolicy{MinAge: 0})
	must(t, err)
	if len(got.Removed) != 3 || len(got.Kept) != 0 {
		t.Errorf("without servers: removed %+v and kept %+v, want all removed", got.Removed, got.Kept)
	}
}
