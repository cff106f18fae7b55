package conductor

import (
	"context"
	"sync"

	"hypernova/nova/jobs"
	"hypernova/nova/rpcapi"
	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/tasks"
)

// What became of an image on a host, as nova names it.
const (
	imageCached      = "cached"
	imageExisting    = "existing"
	imageUnsupported = "unsupported"
	imageSkipped     = "skipped"
	imageError       = "error"
)

// cacheImages has the hosts of an aggregate fetch images, a few hosts at once, each host one image after another. A
// host that is down, or whose hypervisor keeps no images, is left out; an image that a host cannot fetch is logged. An
// interrupted job begins again: hosts that have an image do nothing.
func (c *Conductor) cacheImages(ctx context.Context, _ *tasks.Task, a jobs.CacheImagesArgs) error {
	var mu sync.Mutex
	counts := map[string]int{}
	hosts := make(chan string)
	var wg sync.WaitGroup
	for range min(max(c.c.Precache, 1), max(len(a.Hosts), 1)) {
		wg.Go(func() {
			for host := range hosts {
				for result, n := range c.cacheOn(ctx, host, &a) {
					mu.Lock()
					counts[result] += n
					mu.Unlock()
				}
			}
		})
	}
	for _, host := range a.Hosts {
		hosts <- host
	}
	close(hosts)
	wg.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	log.From(ctx).Info("images fetched ahead of servers", "aggregate", a.Aggregate, "hosts", len(a.Hosts),
		"images", len(a.Images), imageCached, counts[imageCached], imageExisting, counts[imageExisting],
		imageUnsupported, counts[imageUnsupported], imageSkipped, counts[imageSkipped], imageError, counts[imageError])
	return nil
}

// cacheOn has one host fetch the images and counts what became of them.
func (c *Conductor) cacheOn(ctx context.Context, host string, a *jobs.CacheImagesArgs) map[string]int {
	counts := map[string]int{}
	up, _, err := c.up(ctx, host)
	if err != nil || !up {
		return map[string]int{imageSkipped: len(a.Images)}
	}
	for _, image := range a.Images {
		if ctx.Err() != nil {
			break
		}
		r, err := rpcapi.CacheImage.Do(asNova(ctx), c.Bus, host, rpcapi.CacheImageArgs{Image: image})
		switch {
		case err == nil && r.Fetched:
			counts[imageCached]++
		case err == nil:
			counts[imageExisting]++
		case fault.Is(err, fault.NotImplemented):
			counts[imageUnsupported]++
		default:
			counts[imageError]++
			log.From(ctx).Warn("a host could not fetch an image ahead of servers", log.Host, host, "image", image.ID,
				log.Err, err.Error())
		}
	}
	return counts
}
